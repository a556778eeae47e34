namespace Agentic.SuffixCache;

/// <summary>What one namespace has seen and learned. Nothing in it is reachable from another.</summary>
internal sealed class Namespace : IDisposable
{
    // Repeated before a stretch that does not continue the log: as far as a match reaches back from its first token.
    private const int ContextTokens = 64;

    private readonly PrefixBlocks _blocks = new();
    private readonly Stretches _stretches = new();
    private readonly IndexSearch _search = new();
    private readonly Occurrences _found = new();
    private uint _loadedEnd;
    private long _learnedTokens;
    private LearnedState? _takenOver;   // and not drafted from yet
    private volatile bool _isForgotten;

    public Namespace(NamespaceKey key, int vocabularySize, int chunkBits, Reclaimer reclaimer)
    {
        Key = key;
        Index = new SuffixIndex(vocabularySize, chunkBits, reclaimer);
        Ages = new Ages(Index.Log.ChunkLength);
    }

    public NamespaceKey Key { get; }

    public SuffixIndex Index { get; }

    public Ages Ages { get; }

    public VoteWeights Weights { get; private set; } = new();

    public Calibration Calibration { get; private set; } = new();

    /// <summary>Tokens that its weights were learned from, by those too who stored them before. Any thread.</summary>
    public long LearnedTokens => Volatile.Read(ref _learnedTokens);

    /// <summary>Live sessions that read it: while there are any, its memory stays.</summary>
    public int Sessions { get; private set; }

    /// <summary>Nothing may be drafted from it, or added, any more.</summary>
    public bool IsForgotten => _isForgotten;

    /// <summary>Larger is later.</summary>
    public long LastUsed { get; set; }

    public long Bytes => Index.Bytes + _blocks.Bytes + _stretches.Bytes + Weights.Bytes + (_takenOver?.Bytes ?? 0);

    /// <summary>Indexes what the log does not hold of a prompt.</summary>
    /// <param name="prompt">The whole of it.</param>
    /// <param name="runs">Who wrote its tokens.</param>
    /// <param name="lineage">Takes where the log holds it, the new tail included.</param>
    /// <returns>How many of its tokens were known.</returns>
    public int AddPrompt(ReadOnlySpan<int> prompt, TokenRun[] runs, List<PrefixBlocks.Stretch> lineage)
    {
        int known = _blocks.Find(Index.Log, prompt, lineage);
        if (known < prompt.Length)
            AddTail(prompt, known, TokenRuns.From(runs, known), lineage);
        return known;
    }

    /// <summary>Indexes <c>sequence[start..]</c>, which the model wrote to its end.</summary>
    public void AddOutput(ReadOnlySpan<int> sequence, int start, List<PrefixBlocks.Stretch> lineage)
    {
        AddTail(sequence, start, [new TokenRun(TokenKind.Output, sequence.Length - start)], lineage);
        Index.Log.EndOutput();
    }

    /// <summary>Indexes <c>sequence[start..]</c>, of which <paramref name="lineage"/> says where <c>sequence[..start]</c> lies, and
    /// <paramref name="runs"/> who wrote it.</summary>
    private void AddTail(ReadOnlySpan<int> sequence, int start, IEnumerable<TokenRun> runs, List<PrefixBlocks.Stretch> lineage)
    {
        bool continues = lineage.Count > 0 && lineage[^1].End == Index.Log.End;
        uint? added = null;
        int end = start;
        foreach (TokenRun run in runs)
        {
            int context = continues || added is not null ? 0 : Math.Min(start, ContextTokens);
            uint position = Index.Append(sequence[..(end + run.Length)], end, context, continues || added is not null, run.Kind);
            added ??= position;
            end += run.Length;
        }

        uint first = added!.Value;
        uint chain = 0, before = _blocks.Note(Index.Log, sequence, start, first, ref chain);
        if (continues)
        {
            lineage[^1] = lineage[^1] with { End = Index.Log.End };
            return;
        }

        lineage.Add(new PrefixBlocks.Stretch(first, Index.Log.End));
        _stretches.Add(Index.Log, first, start, before);
    }

    /// <summary>Finds what of a stored sequence the log holds: it begins with tokens that it shares with what it continues, or is a
    /// beginning, perhaps one that others share.</summary>
    public StoredPart Begin(int[] sequence)
    {
        TokenLog log = Index.Log;
        if (Continued(sequence) is not (uint position, int known))
            return new StoredPart { Tokens = sequence, Start = 0, Shift = 0, Continues = false, Offset = 0, Chain = 0, Chained = 0 };
        (int offset, uint chain) = _stretches.At(log, position) ?? (known, 0);

        // Of what the log holds as much as a match reaches back: more than what is not yet a block.
        int context = Math.Min(known, ContextTokens);
        int[] tokens = new int[context + sequence.Length - known];
        log.CopyTo(position - (uint)context, tokens.AsSpan(0, context));
        sequence.AsSpan(known).CopyTo(tokens.AsSpan(context));
        return new StoredPart
        {
            Tokens = tokens,
            Start = context,
            Shift = context - known,
            Continues = position == log.End,
            Offset = offset - context,
            Chain = chain,
            Chained = context - (offset % PrefixBlocks.BlockTokens),
        };
    }

    /// <summary>Indexes more of a stored sequence.</summary>
    /// <param name="part">Of which <see cref="Begin"/> told the start.</param>
    /// <param name="end">Up to here.</param>
    /// <param name="kind">Who wrote it.</param>
    /// <param name="endsOutput">Whether an output ends there.</param>
    public void Load(StoredPart part, int end, TokenKind kind, bool endsOutput)
    {
        int start = part.Start;
        bool continues = part.Continues && _loadedEnd == Index.Log.End;
        uint first = Index.Append(part.Tokens.AsSpan(0, end), start, continues ? 0 : Math.Min(start, ContextTokens), continues, kind);
        uint chain = part.Chain;
        uint before = _blocks.Note(Index.Log, part.Tokens.AsSpan(part.Chained, end - part.Chained), start - part.Chained, first, ref chain);
        if (!continues)
            _stretches.Add(Index.Log, first, part.Offset + start, before);
        if (endsOutput)
            Index.Log.EndOutput();
        (part.Start, part.Continues, part.Chain) = (end, true, chain);
        part.Chained += (end - part.Chained) / PrefixBlocks.BlockTokens * PrefixBlocks.BlockTokens;
        _loadedEnd = Index.Log.End;
    }

    /// <summary>How many of a stored sequence's first tokens the log holds in one piece, and where they end.</summary>
    private unsafe (uint Position, int Known)? Continued(int[] sequence)
    {
        // What has been found has a token behind it, which is the context's last.
        const int Before = SuffixSession.StoredContextTokens - 1;
        if (sequence.Length < SuffixSession.StoredContextTokens)
            return null;
        _found.Clear();
        fixed (int* tokens = sequence)
        {
            int* end = tokens + Before;
            _search.Begin(Index, end, Before, ContextHashes.Before(end, Before));
            MatchCounts counts = default;
            while (_search.Advance(ref counts))
            {
            }

            _search.Find(ContextHashes.Orders - 1, _found, Origin.History);
        }

        (uint, int)? best = null;
        (int Known, bool Ends) bestKind = (Before, false);
        for (int i = 0; i < _found.Count; i++)
        {
            uint start = _found[i].Position;
            int more = _found[i].Length == Before ? Index.Log.CommonPrefix(start, sequence.AsSpan(Before)) : 0;
            uint position = start + (uint)more;

            // Of equally long ones the newest that ends as the turn of a conversation does.
            (int Known, bool Ends) kind = (Before + more, Index.Log.EndsBefore(position));
            if (kind.CompareTo(bestKind) <= 0 || _stretches.At(Index.Log, position) is null)
                continue;
            (best, bestKind) = ((position, kind.Known), kind);
        }

        return best;
    }

    /// <summary>Its weights were moved by so many tokens.</summary>
    public void Learned(int tokens) => Volatile.Write(ref _learnedTokens, _learnedTokens + tokens);

    /// <summary>What it has learned, as it is now; null if nothing.</summary>
    public LearnedState? CopyLearned() =>
        _learnedTokens == 0 ? null : _takenOver ?? new LearnedState(Key, _learnedTokens, Weights.Copy(), Calibration.Copy());

    /// <summary>Goes on from what was learned before, unless it has learned more itself.</summary>
    public void Load(LearnedState state)
    {
        if (state.Tokens <= _learnedTokens)
            return;
        _takenOver = state;
        Volatile.Write(ref _learnedTokens, state.Tokens);
        if (Sessions > 0)
            GoOnFromTakenOver();
    }

    public void Enter()
    {
        Sessions++;
        GoOnFromTakenOver();
    }

    private void GoOnFromTakenOver()
    {
        if (_takenOver is not LearnedState state)
            return;
        (Weights, Calibration, _takenOver) = (state.Weights, state.Calibration, null);
    }

    public void Leave()
    {
        if (--Sessions == 0 && IsForgotten)
            Dispose();
    }

    /// <summary>Frees it as soon as no session points into it.</summary>
    public void Forget()
    {
        _isForgotten = true;
        if (Sessions == 0)
            Dispose();
    }

    public void Dispose()
    {
        Index.Dispose();
        _blocks.Dispose();
    }
}
