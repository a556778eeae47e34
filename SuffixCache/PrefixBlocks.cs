namespace Agentic.SuffixCache;

/// <summary>Recognises the start of a sequence that the log already holds, by a chained hash of each block of 32 tokens and a look at the tokens themselves.</summary>
/// <remarks>
/// An agent's call repeats 95 % and more of the prompt of the call before. Hashing costs 1 ns a token, indexing 45; and chains that
/// held each turn again and again would offer the same continuation many times over.
/// </remarks>
internal sealed class PrefixBlocks : IDisposable
{
    /// <summary>Tokens of a block.</summary>
    public const int BlockTokens = 32;

    private readonly HeadTable _ends = new(bits: 8, largestBits: 28);

    public long Bytes => _ends.Bytes;

    /// <summary>How many of a sequence's first tokens the log holds, and where.</summary>
    /// <param name="log">What <see cref="Note"/> spoke of.</param>
    /// <param name="sequence">From its start.</param>
    /// <param name="lineage">Cleared; takes the stretches of the log that hold the prefix, in order.</param>
    public unsafe int Find(TokenLog log, ReadOnlySpan<int> sequence, List<Stretch> lineage)
    {
        lineage.Clear();
        uint hash = 0;
        int known = 0;
        while (known + BlockTokens <= sequence.Length)
        {
            ReadOnlySpan<int> block = sequence.Slice(known, BlockTokens);
            hash = Chain(hash, block);
            uint end = *_ends.Slot(hash);
            uint start = end - BlockTokens;
            if (end == 0 || !log.Holds(start) || log.CommonPrefix(start, block) < BlockTokens)
                break;
            if (lineage.Count > 0 && lineage[^1].End == start)
                lineage[^1] = lineage[^1] with { End = end };
            else
                lineage.Add(new Stretch(start, end));
            known += BlockTokens;
        }

        if (known > 0)
        {
            int more = log.CommonPrefix(lineage[^1].End, sequence[known..]);
            lineage[^1] = lineage[^1] with { End = lineage[^1].End + (uint)more };
            known += more;
        }

        return known;
    }

    /// <summary>Notes the blocks of a sequence that end behind <paramref name="start"/>.</summary>
    /// <param name="log">Holds <c>sequence[start]</c> at <paramref name="position"/>, and a block of what precedes it.</param>
    /// <param name="sequence">From its start.</param>
    /// <param name="start">What precedes it is noted already.</param>
    /// <param name="position">In the log.</param>
    public unsafe void Note(TokenLog log, ReadOnlySpan<int> sequence, int start, uint position)
    {
        _ends.Grow((uint)(log.Count / (BlockTokens / 2)));
        uint hash = 0;
        for (int end = BlockTokens; end <= sequence.Length; end += BlockTokens)
        {
            hash = Chain(hash, sequence.Slice(end - BlockTokens, BlockTokens));
            if (end > start)
                *_ends.Slot(hash) = position + (uint)(end - start);
        }
    }

    public void Dispose() => _ends.Dispose();

    private static uint Chain(uint hash, ReadOnlySpan<int> block)
    {
        ulong state = hash | (1UL << 32);
        foreach (int token in block)
            state = (state ^ (uint)token) * 0x9E3779B97F4A7C15;
        return (uint)(state >> 32);
    }

    /// <summary>Positions of a log, the last one excluded.</summary>
    internal readonly record struct Stretch(uint Start, uint End);
}
