using System.Numerics;

namespace Agentic.SuffixCache;

/// <summary>One sequence being decoded: what it may write next, from its own text, its conversation and its namespace's history.</summary>
/// <remarks>
/// Begun by <see cref="SuffixHistory.BeginSession"/>. The engine's thread calls it, like everything of the history but
/// <see cref="SuffixHistory.Load(StoredSequence)"/>; only <see cref="Draft"/> may be called by other threads, those of different sessions
/// at the same time, while the engine's thread goes on with sessions that are not being drafted.
/// </remarks>
public sealed class SuffixSession : IDisposable
{
    /// <summary>Tokens before the new ones that are stored with them, so that what they continue can be looked up: an output's last few tokens
    /// are often another's too.</summary>
    public const int StoredContextTokens = 32;

    // What a session writes is found in its own small index at once, and in the shared one when it ends: sequences decoded side by side
    // would otherwise cut each other's text to pieces in the log.
    private const int OwnChunkBits = 10;
    private const int OwnContextTokens = 64;

    private const float Novelty = 0.25f;   // of a step, in how the last ones went

    private readonly SuffixHistory _history;
    private readonly Namespace _namespace;
    private readonly Namespace[] _shared;   // others' that it may read, and never adds to
    private readonly List<PrefixBlocks.Stretch> _lineage = [];
    private readonly Occurrences _occurrences = new();
    private readonly FollowedPlaces _followed = new();
    private readonly int _promptLength;
    private readonly TokenRun[] _promptRuns;
    private readonly int _knownLength;
    private SuffixIndex? _own;
    private int[] _tokens;
    private int _count, _ownEnd;   // tokens; and those that the own index knows of or need not
    private Continuation? _draft;
    private ulong _living;
    private int _sinceDraft;
    private float _octaves = 1;   // of the tokens of a step, lately
    private bool _ended;

    internal SuffixSession(SuffixHistory history, Namespace @namespace, Namespace[] shared, ReadOnlySpan<int> prompt, IReadOnlyList<TokenRun> runs)
    {
        _history = history;
        (_namespace, _shared) = (@namespace, shared);
        _namespace.Enter();
        foreach (Namespace other in _shared)
            other.Enter();
        _tokens = new int[prompt.Length + 256];
        prompt.CopyTo(_tokens);
        _count = _promptLength = _ownEnd = prompt.Length;
        _promptRuns = TokenRuns.Cover(runs, prompt.Length);
        _knownLength = _namespace.AddPrompt(prompt, _promptRuns, _lineage);
    }

    /// <summary>Tokens so far, the prompt's included.</summary>
    public int Count => _count;

    /// <summary>How many of the prompt's first tokens an earlier session had indexed.</summary>
    public int KnownPromptTokens => _knownLength;

    /// <summary>Proposes what may follow the last token.</summary>
    /// <param name="maxNodes">Most nodes; also bounded by the continuation's capacity.</param>
    /// <param name="maxDepth">Deepest node.</param>
    /// <param name="into">Overwritten; empty where nothing like the last token occurred before.</param>
    public void Draft(int maxNodes, int maxDepth, Continuation into)
    {
        ObjectDisposedException.ThrowIf(_ended, this);
        if (_draft is null || _draft.Capacity < into.Capacity)
            _draft = new Continuation(into.Capacity);
        int most = Math.Min(maxNodes, into.Capacity), place = _history.Reclaimer.Enter();
        try
        {
            Find();
            Drafter.OfThread.Draft(_occurrences, _namespace.Weights, _namespace.Calibration, most, maxDepth, _draft);
        }
        finally
        {
            _history.Reclaimer.Leave(place);
        }

        _draft.CopyTo(into);
        _living = _occurrences.All;
        _sinceDraft = 0;
    }

    /// <summary>The target wrote these tokens: learns how good the last draft was, and keeps them for the next.</summary>
    /// <param name="tokens">All that became final since the last call, the bonus token included.</param>
    /// <param name="verified">How many of the last draft's first nodes the target was asked about; all, if nothing is said.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id is negative or outside the vocabulary.</exception>
    public void Append(ReadOnlySpan<int> tokens, int verified = int.MaxValue)
    {
        ObjectDisposedException.ThrowIf(_ended, this);
        _history.CheckIds(tokens);
        Learn(tokens, verified);
        if (_tokens.Length - _count < tokens.Length)
            Array.Resize(ref _tokens, Math.Max(_tokens.Length * 2, _count + tokens.Length));
        tokens.CopyTo(_tokens.AsSpan(_count));
        _count += tokens.Length;
        _history.IndexLoaded(SuffixHistory.LoadedTokensPerStep);
    }

    /// <summary>The sequence is over: what it wrote becomes history, and is offered to the store.</summary>
    public void Dispose()
    {
        if (_ended)
            return;
        _ended = true;
        ReadOnlySpan<int> sequence = _tokens.AsSpan(0, _count);
        Learn([Occurrence.Ended], verified: 0);
        if (_count > _promptLength && !_namespace.IsForgotten)
            _namespace.AddOutput(sequence, _promptLength, _lineage);
        _own?.Dispose();
        foreach (Namespace other in _shared)
            other.Leave();
        bool isForgotten = _namespace.IsForgotten;
        _namespace.Leave();
        if (isForgotten)
            return;   // what a forgotten tenant's sequence held is forgotten with it
        int kept = _count > _knownLength ? Math.Max(0, _knownLength - StoredContextTokens) : _count;
        TokenRun[] runs = _count > _promptLength ? [.. _promptRuns, new TokenRun(TokenKind.Output, _count - _promptLength)] : _promptRuns;
        _history.Ended(_namespace, sequence[kept..], [.. TokenRuns.From(runs, kept)]);
    }

    /// <summary>What came after the last draft, piece by piece.</summary>
    private void Learn(ReadOnlySpan<int> written, int verified)
    {
        if (IsAnyForgotten())
        {
            _followed.Clear();
            return;
        }

        bool ended = written is [Occurrence.Ended];
        if (!ended && !written.IsEmpty)
        {
            _followed.Move(written.Length);
            _octaves += Novelty * (MathF.Log2(written.Length) - _octaves);
        }

        if (_living == 0)
            return;
        IndexOwn();
        if (_sinceDraft == 0 && !ended)
            Drafter.Learn(_draft!, written, verified, _namespace.Calibration);
        _occurrences.Refresh(_living);
        _living = Drafter.OfThread.Learn(
            _occurrences, _living, _sinceDraft, LastToken, written, _namespace.Weights, out ulong last, out int agreed);
        _sinceDraft += written.Length;
        _namespace.Learned(written.Length);
        if (!ended)
            Follow(last, agreed);
    }

    private int LastToken => _count == 0 ? TokenLog.Separator : _tokens[_count - 1];

    /// <summary>Notes where the text goes on if it is a copy of what the best occurrences were followed by.</summary>
    private void Follow(ulong last, int agreed)
    {
        const int MostAtOnce = 3;
        for (int count = 0; last != 0 && count < MostAtOnce; last &= last - 1, count++)
        {
            int i = BitOperations.TrailingZeroCount(last), run = _occurrences[i].Length + agreed;
            if (run == 0)
                return;
            _followed.Follow(_occurrences.IndexOf(i), _occurrences[i].Position + (uint)_sinceDraft, run);
        }
    }

    private bool IsAnyForgotten()
    {
        bool forgotten = _namespace.IsForgotten;
        foreach (Namespace other in _shared)
            forgotten |= other.IsForgotten;
        return forgotten;
    }

    /// <summary>Indexes what was written since it was last needed.</summary>
    private void IndexOwn()
    {
        if (_ownEnd == _count)
            return;
        bool continues = _own is not null;
        _own ??= new SuffixIndex(_history.VocabularySize, OwnChunkBits);
        _own.Append(_tokens.AsSpan(0, _count), _ownEnd, continues ? 0 : Math.Min(_ownEnd, OwnContextTokens), continues);
        _ownEnd = _count;
    }

    private unsafe void Find()
    {
        IndexOwn();
        _occurrences.Clear();
        if (IsAnyForgotten())
            _followed.Clear();
        if (_namespace.IsForgotten)
            return;
        fixed (int* tokens = _tokens)
        {
            int* end = tokens + _count;
            ContextHashes hashes = ContextHashes.Before(end, _count);
            ReadOnlySpan<IndexSearch> searches = Drafter.OfThread.Searches(2 + _shared.Length);
            searches[0].Begin(_own, end, _count, hashes);
            searches[1].Begin(_namespace.Index, end, _count, hashes);
            for (int i = 0; i < _shared.Length; i++)
                searches[2 + i].Begin(_shared[i].IsForgotten ? null : _shared[i].Index, end, _count, hashes);
            _followed.Prefetch();
            MatchCounts counts = default;
            while (Advance(searches, ref counts))
            {
            }

            for (int order = ContextHashes.Orders - 1; order >= 0; order--)
            {
                for (int i = 0; i < searches.Length; i++)
                    searches[i].Find(order, _occurrences, i == 0 ? Origin.Output : Origin.History);
            }

            _followed.Offer(_occurrences, end, _count, _own);
            foreach (PrefixBlocks.Stretch stretch in _lineage)
                _occurrences.Mark(_namespace.Index, stretch.Start, stretch.End, Origin.Conversation);
            _occurrences.Judge(end, _count, _followed, Math.Min((int)(2 * _octaves), VoteWeights.Moods - 1), _namespace.Weights);
        }
    }

    /// <summary>One round of all searches.</summary>
    /// <returns>False when there is nothing more to look up, or enough is found.</returns>
    private static bool Advance(ReadOnlySpan<IndexSearch> searches, ref MatchCounts counts)
    {
        bool more = false;
        foreach (IndexSearch search in searches)
            more |= search.Advance(ref counts);
        return more && !counts.IsFull;
    }
}
