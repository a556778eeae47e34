namespace Agentic.SuffixCache;

/// <summary>Recognises the start of a sequence that the log already holds, by a chained hash of each block of 32 tokens and a look at the
/// tokens themselves.</summary>
/// <remarks>
/// An agent's call repeats 95 % and more of the prompt of the call before. Hashing costs 1 ns a token, indexing 45; and chains that
/// held each turn again and again would offer the same continuation many times over.
/// </remarks>
internal sealed unsafe class PrefixBlocks : IDisposable
{
    /// <summary>Tokens of a block.</summary>
    public const int BlockTokens = 32;

    // Blocks whose hashes share a group; the fifth replaces the oldest.
    private const int GroupSize = 4;

    private NativeBlock _memory = Allocate(groups: 64);
    private int _groups = 64;

    public long Bytes => (long)_memory.Bytes;

    /// <summary>How many of a sequence's first tokens the log holds, and where.</summary>
    /// <param name="log">What <see cref="Note"/> spoke of.</param>
    /// <param name="sequence">From its start.</param>
    /// <param name="lineage">Cleared; takes the stretches of the log that hold the prefix, in order.</param>
    public int Find(TokenLog log, ReadOnlySpan<int> sequence, List<Stretch> lineage)
    {
        lineage.Clear();
        uint hash = 0;
        int known = 0;
        while (known + BlockTokens <= sequence.Length)
        {
            ReadOnlySpan<int> block = sequence.Slice(known, BlockTokens);
            hash = Chain(hash, block);
            if (lineage.Count > 0 && log.CommonPrefix(lineage[^1].End, block) == BlockTokens)
                lineage[^1] = lineage[^1] with { End = lineage[^1].End + BlockTokens };
            else if (Find(log, hash, block) is uint end)
                lineage.Add(new Stretch(end - BlockTokens, end));
            else
                break;
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
    /// <param name="sequence">From its start, or from a block's.</param>
    /// <param name="start">What precedes it is noted already.</param>
    /// <param name="position">In the log.</param>
    /// <param name="chain">Hash of the blocks before <paramref name="sequence"/>; becomes that of all whole ones.</param>
    /// <returns>The hash of those that end before or at <paramref name="start"/>.</returns>
    public uint Note(TokenLog log, ReadOnlySpan<int> sequence, int start, uint position, ref uint chain)
    {
        while (_groups < log.Count / BlockTokens)
            Grow();
        uint before = chain;
        for (int end = BlockTokens; end <= sequence.Length; end += BlockTokens)
        {
            chain = Chain(chain, sequence.Slice(end - BlockTokens, BlockTokens));
            if (end <= start)
            {
                before = chain;
                continue;
            }

            Span<uint> group = Group(chain);
            group[..^1].CopyTo(group[1..]);
            group[0] = position + (uint)(end - start);
        }

        return before;
    }

    public void Dispose()
    {
        _memory.Free();
        _memory = default;
    }

    private uint* Ends => (uint*)_memory.Address;

    private static NativeBlock Allocate(int groups) => NativeBlock.Allocate((long)groups * GroupSize, sizeof(uint));

    /// <summary>Where a block ends; the tokens decide, so a hash that two blocks share harms nobody.</summary>
    private uint? Find(TokenLog log, uint hash, ReadOnlySpan<int> block)
    {
        foreach (uint end in Group(hash))
        {
            uint start = end - BlockTokens;
            if (end != 0 && log.Holds(start) && log.CommonPrefix(start, block) == BlockTokens)
                return end;
        }

        return null;
    }

    private Span<uint> Group(uint hash) => new(Ends + (((ulong)hash * (uint)_groups) >> 32) * GroupSize, GroupSize);

    /// <summary>Both halves of a split group keep its blocks.</summary>
    private void Grow()
    {
        NativeBlock larger = Allocate(_groups * 2);
        for (int group = 0; group < _groups * 2; group++)
        {
            new Span<uint>(Ends + (group / 2 * GroupSize), GroupSize)
                .CopyTo(new Span<uint>((uint*)larger.Address + (group * GroupSize), GroupSize));
        }

        _memory.Free();
        _memory = larger;
        _groups *= 2;
    }

    /// <summary>The hash of a sequence's first blocks and one more.</summary>
    public static uint Chain(uint hash, ReadOnlySpan<int> block)
    {
        ulong state = hash | (1UL << 32);
        foreach (int token in block)
            state = (state ^ (uint)token) * 0x9E3779B97F4A7C15;
        return (uint)(state >> 32);
    }

    /// <summary>Positions of a log, the last one excluded.</summary>
    internal readonly record struct Stretch(uint Start, uint End);
}
