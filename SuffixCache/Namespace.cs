namespace Agentic.SuffixCache;

/// <summary>What one namespace has seen and learned. Nothing in it is reachable from another.</summary>
internal sealed class Namespace : IDisposable
{
    // Repeated before a stretch that does not continue the log: as far as a match reaches back from its first token.
    private const int ContextTokens = 64;

    private readonly PrefixBlocks _blocks = new();
    private uint _loadedEnd;
    private volatile bool _isForgotten;

    public Namespace(NamespaceKey key, int vocabularySize, int chunkBits, Reclaimer reclaimer)
    {
        Key = key;
        Index = new SuffixIndex(vocabularySize, chunkBits, reclaimer);
    }

    public NamespaceKey Key { get; }

    public SuffixIndex Index { get; }

    public VoteWeights Weights { get; } = new();

    public Calibration Calibration { get; } = new();

    /// <summary>Live sessions that read it: while there are any, its memory stays.</summary>
    public int Sessions { get; private set; }

    /// <summary>Nothing may be drafted from it, or added, any more.</summary>
    public bool IsForgotten => _isForgotten;

    /// <summary>Larger is later.</summary>
    public long LastUsed { get; set; }

    public long Bytes => Index.Bytes + _blocks.Bytes;

    /// <summary>Indexes what the log does not hold of a prompt.</summary>
    /// <param name="prompt">The whole of it.</param>
    /// <param name="lineage">Takes where the log holds it, the new tail included.</param>
    /// <returns>How many of its tokens were known.</returns>
    public int AddPrompt(ReadOnlySpan<int> prompt, List<PrefixBlocks.Stretch> lineage)
    {
        int known = _blocks.Find(Index.Log, prompt, lineage);
        if (known < prompt.Length)
            AddTail(prompt, known, lineage);
        return known;
    }

    /// <summary>Indexes <c>sequence[start..]</c>, which the model wrote to its end.</summary>
    public void AddOutput(ReadOnlySpan<int> sequence, int start, List<PrefixBlocks.Stretch> lineage)
    {
        AddTail(sequence, start, lineage);
        Index.Log.EndOutput();
    }

    /// <summary>Indexes <c>sequence[start..]</c>, of which <paramref name="lineage"/> says where <c>sequence[..start]</c> lies.</summary>
    private void AddTail(ReadOnlySpan<int> sequence, int start, List<PrefixBlocks.Stretch> lineage)
    {
        bool continues = lineage.Count > 0 && lineage[^1].End == Index.Log.End;
        uint first = Index.Append(sequence, start, continues ? 0 : Math.Min(start, ContextTokens), continues);
        if (continues)
            lineage[^1] = lineage[^1] with { End = Index.Log.End };
        else
            lineage.Add(new PrefixBlocks.Stretch(first, Index.Log.End));
        _blocks.Note(Index.Log, sequence, start, first);
    }

    /// <summary>Indexes <c>sequence[start..]</c> of a stored sequence, whose earlier tokens a call before this one indexed.</summary>
    public void Load(ReadOnlySpan<int> sequence, int start, bool endsOutput)
    {
        bool continues = start > 0 && _loadedEnd == Index.Log.End;
        Index.Append(sequence, start, continues ? 0 : Math.Min(start, ContextTokens), continues);
        if (endsOutput)
            Index.Log.EndOutput();
        _loadedEnd = Index.Log.End;
    }

    public void Enter() => Sessions++;

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
