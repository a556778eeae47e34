using System.Numerics;
using System.Runtime.CompilerServices;

namespace Agentic.SuffixCache;

/// <summary>Grows the trie of what may follow, best node first, by votes of the occurrences that agree with each node's path.</summary>
internal sealed class Drafter
{
    [ThreadStatic]
    private static Drafter? _ofThread;

    private readonly Votes _votes = new();
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
        Candidate root = new() { Voted = 1, Probability = 1 };
        Divide(occurrences, occurrences.All, weights, calibration, root, parent: -1);
        for (int slot; into.Count < maxNodes && (slot = _frontier.Take()) >= 0; _frontier.Free(slot))
        {
            ref readonly Candidate node = ref _frontier[slot];
            int index = into.Add(
                node.TokenId, node.Parent, node.Depth, node.Probability, node.Voted, node.Voters.Longest + node.Depth - 1);
            if (node.Depth < maxDepth)
                Offer(occurrences, weights, calibration, node, index);
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
    /// <param name="written">What came then; <see cref="Occurrence.Ended"/> for nothing more.</param>
    /// <param name="weights">Of the namespace.</param>
    /// <param name="last">The last that agreed with anything.</param>
    /// <param name="agreed">With how many tokens those agreed.</param>
    /// <returns>Those that still agree.</returns>
    public ulong Learn(
        Occurrences occurrences, ulong living, int depth, ReadOnlySpan<int> written, VoteWeights weights, out ulong last, out int agreed)
    {
        (last, agreed) = (living, depth);
        for (int i = 0; i < written.Length && living != 0; i++)
        {
            _votes.Take(occurrences, living, depth + i, weights);
            living = _votes.Learn(written[i], occurrences, weights);
            if (living != 0)
                (last, agreed) = (living, depth + i + 1);
        }

        occurrences.Learn(weights);
        return living;
    }

    /// <summary>What may follow a node: while those who voted for it agree, the same voters' next token.</summary>
    private void Offer(Occurrences occurrences, VoteWeights weights, Calibration calibration, in Candidate node, int parent)
    {
        ulong living = node.Voters.Set;
        int agreed = node.Agreed > 0 ? node.Agreed : occurrences.Agreed(living, node.Depth);
        if (agreed == 0)
        {
            Divide(occurrences, living, weights, calibration, node, parent);
            return;
        }

        float escape = weights.Escape(VoteWeights.EscapeOf(node.Voters, tokens: 1, node.Depth, occurrences.Mood));
        int token = occurrences[BitOperations.TrailingZeroCount(living)].Following(node.Depth);
        Add(calibration, node, parent, token, node.Voters, node.Voters.Weight / (node.Voters.Weight + escape), agreed - 1);
    }

    private void Divide(
        Occurrences occurrences, ulong living, VoteWeights weights, Calibration calibration, in Candidate node, int parent)
    {
        _votes.Take(occurrences, living, node.Depth, weights);
        foreach (ref readonly Choice choice in _votes.Choices)
        {
            if (choice.TokenId >= 0)
                Add(calibration, node, parent, choice.TokenId, choice.Voters, choice.Voters.Weight / _votes.Total, agreed: 0);
        }
    }

    private void Add(
        Calibration calibration, in Candidate node, int parent, int token, in Voters voters, float share, int agreed)
    {
        float voted = node.Voted * share, probability = Math.Min(node.Probability, calibration.Correct(voted));
        ref Candidate child = ref _frontier.Add(probability);
        if (Unsafe.IsNullRef(ref child))
            return;
        (child.TokenId, child.Parent, child.Depth) = (token, parent, node.Depth + 1);
        (child.Voted, child.Probability, child.Voters, child.Agreed) = (voted, probability, voters, agreed);
    }
}
