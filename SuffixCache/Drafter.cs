using System.Numerics;
using System.Runtime.CompilerServices;

namespace Agentic.SuffixCache;

/// <summary>Grows the trie of what may follow, best node first, by votes of the occurrences that agree with each node's path.</summary>
internal sealed class Drafter
{
    [ThreadStatic]
    private static Drafter? _ofThread;

    private readonly Votes _votes = new();
    private readonly NextTokens _next = new();
    private readonly Frontier _frontier = new(Continuation.MostNodes);
    private IndexSearch[] _searches = [];

    /// <summary>The current thread's: it holds nothing from one call to the next but memory.</summary>
    public static Drafter OfThread => _ofThread ??= new Drafter();

    /// <summary>So many searches to be begun.</summary>
    public ReadOnlySpan<IndexSearch> Searches(int count)
    {
        if (_searches.Length < count)
            _searches = [.. _searches, .. Enumerable.Range(_searches.Length, count - _searches.Length).Select(_ => new IndexSearch())];
        return _searches.AsSpan(0, count);
    }

    /// <summary>Fills a continuation with up to so many nodes.</summary>
    public void Draft(Occurrences occurrences, VoteWeights weights, Calibration calibration, int maxNodes, int maxDepth, Continuation into)
    {
        into.Clear();
        maxNodes = Math.Min(maxNodes, into.Capacity);
        _frontier.Clear(maxNodes);
        if (maxNodes == 0 || maxDepth == 0 || occurrences.Count == 0)
            return;
        _next.Begin(occurrences);
        Prefetch(occurrences.LastToken, 0, occurrences.All, weights.Tokens);
        Candidate root = new(occurrences.LastToken, parent: -1, depth: 0, voted: 1, probability: 1, default);
        Divide(occurrences, occurrences.All, weights, calibration, root, parent: -1);
        for (int slot; into.Count < maxNodes && (slot = _frontier.Take()) >= 0;)
        {
            while (Grow(occurrences, weights, calibration, slot, maxNodes, maxDepth, into))
            {
            }
        }
    }

    /// <summary>Learns which of a draft's nodes the target took.</summary>
    /// <param name="draft">What was proposed.</param>
    /// <param name="written">What came; a node it says nothing about is left out.</param>
    /// <param name="verified">How many of the first nodes the target was asked about. A node whose parent was not among them is left out:
    /// of those only the failures would be known, and counting them makes every draft look worse than it is.</param>
    /// <param name="calibration">Of the namespace.</param>
    public static void Learn(Continuation draft, ReadOnlySpan<int> written, int verified, Calibration calibration)
    {
        Span<bool> taken = stackalloc bool[draft.Count];
        for (int i = 0; i < draft.Count; i++)
        {
            int parent = draft.Parents[i], depth = draft.Depths[i];
            bool reached = parent < 0 || taken[parent];
            if (parent >= verified || (reached && depth > written.Length))
                continue;
            taken[i] = reached && draft.TokenIds[i] == written[depth - 1];
            calibration.Learn(draft.Voted[i], taken[i]);
        }
    }

    /// <summary>Learns from what the target wrote after the context that the occurrences match.</summary>
    /// <param name="occurrences">As drafted from.</param>
    /// <param name="living">Those that agree with what was written so far.</param>
    /// <param name="depth">How much that is.</param>
    /// <param name="before">Its last token.</param>
    /// <param name="written">What came then; <see cref="Occurrence.Ended"/> for nothing more.</param>
    /// <param name="weights">Of the namespace.</param>
    /// <param name="last">The last that agreed with anything.</param>
    /// <param name="agreed">With how many tokens those agreed.</param>
    /// <returns>Those that still agree.</returns>
    public ulong Learn(
        Occurrences occurrences, ulong living, int depth, int before, ReadOnlySpan<int> written, VoteWeights weights, out ulong last, out int agreed)
    {
        (last, agreed) = (living, depth);
        _next.Begin(occurrences);
        for (int i = 0; i < written.Length; i++)
            weights.Tokens.Prefetch(i == 0 ? before : written[i - 1], written[i], learns: true);
        for (int i = 0; i < written.Length && living != 0; i++)
        {
            _votes.Take(occurrences, _next, living, depth + i, i == 0 ? before : written[i - 1], weights);
            living = _votes.Learn(written[i], occurrences, weights);
            if (living != 0)
                (last, agreed) = (living, depth + i + 1);
        }

        occurrences.Learn(weights);
        return living;
    }

    /// <summary>Drafts a node and offers what may follow it: while those who voted for it agree, the same voters' next token.</summary>
    /// <param name="occurrences">Which vote.</param>
    /// <param name="weights">Of their votes.</param>
    /// <param name="calibration">Of what those come to.</param>
    /// <param name="slot">Of the node; the next to be drafted takes its place.</param>
    /// <param name="maxNodes">Most nodes.</param>
    /// <param name="maxDepth">Deepest node.</param>
    /// <param name="into">Takes it.</param>
    /// <returns>False where the next is the best that was offered; mostly the node's own child is better.</returns>
    private bool Grow(
        Occurrences occurrences, VoteWeights weights, Calibration calibration, int slot, int maxNodes, int maxDepth,
        Continuation into)
    {
        ref Candidate node = ref _frontier[slot];
        int index = into.Add(node.TokenId, node.Parent, node.Depth, node.Probability, node.Voted, node.Voters.Longest + node.Depth - 1);
        if (node.Depth >= maxDepth || into.Count >= maxNodes)
        {
            _frontier.Free(slot);
            return false;
        }

        ulong living = node.Voters.Set;
        ReadOnlySpan<int> tokens = _next.At(node.Depth, living);
        int next = tokens[BitOperations.TrailingZeroCount(living)];
        if (next < 0 || ((living & (living - 1)) != 0 && (living & ~NextTokens.Equal(tokens, next)) != 0))
        {
            Divide(occurrences, living, weights, calibration, node, index);
            _frontier.Free(slot);
            return false;
        }

        if (node.Depth % Occurrence.FollowingAtOnce == 0)
            Prefetch(node.TokenId, node.Depth, living, weights.Tokens);
        int @class = VoteWeights.EscapeClass(node.Voters.Longest, node.Depth);
        if (node.EscapeClass != @class)
            (node.Escape, node.EscapeClass) = (weights.Escape(VoteWeights.EscapeOf(node.Voters, tokens: 1, node.Depth, occurrences.Mood)), @class);

        TokenWeights ofTokens = weights.Tokens;
        float vote = node.Voters.Weight * ofTokens.Vote(node.TokenId, next, TokenWeights.MatchOf(node.Voters, node.Depth));
        node.Voted *= vote / (vote + (node.Escape * ofTokens.Escape(node.TokenId)));
        node.TokenId = next;
        node.Probability = Math.Min(node.Probability, calibration.Correct(node.Voted));
        (node.Parent, node.Depth) = (index, node.Depth + 1);
        if (_frontier.Outdoes(node.Probability))
        {
            _frontier.PutBack(slot, node.Probability);
            return false;
        }

        _frontier.Pass();
        return true;
    }

    /// <summary>Asks for what is known of the tokens that the first of a set goes on to: mostly they are drafted.</summary>
    private void Prefetch(int last, int depth, ulong set, TokenWeights ofTokens)
    {
        int first = BitOperations.TrailingZeroCount(set);
        for (int i = 0; i < Occurrence.FollowingAtOnce; i++)
        {
            int token = _next.At(depth + i, set)[first];
            ofTokens.Prefetch(last, token, learns: false);
            last = token;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Divide(
        Occurrences occurrences, ulong living, VoteWeights weights, Calibration calibration, in Candidate node, int parent)
    {
        _votes.Take(occurrences, _next, living, node.Depth, node.TokenId, weights);
        foreach (ref readonly Choice choice in _votes.Choices)
        {
            if (choice.TokenId < 0)
                continue;
            float voted = node.Voted * (choice.Weight / _votes.Total);
            float probability = Math.Min(node.Probability, calibration.Correct(voted));
            ref Candidate child = ref _frontier.Add(probability);
            if (!Unsafe.IsNullRef(ref child))
                child = new Candidate(choice.TokenId, parent, node.Depth + 1, voted, probability, choice.Voters);
        }
    }
}
