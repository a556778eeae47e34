using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Agentic.SuffixCache;

/// <summary>A sealed stretch of a log: its positions in the order of what precedes them, read backwards. 5.5 bytes a
/// token.</summary>
/// <remarks>
/// A suffix array of the reversed text. Positions whose last tokens are those of a context are neighbours, and the nearer to where the context
/// itself would stand, the longer they match: no chain is followed, so nothing waits for one cache miss before it asks for the next. Beside
/// each lies how much it shares with its neighbour, so that only those next to the context's place are compared with it.
/// Immutable. What precedes the stretch does not count in the order, only in the length of a match once found.
/// </remarks>
internal sealed unsafe class SortedSegment
{
    /// <summary>Tokens of a match that are compared; longer ones all count the same.</summary>
    public const int LongestMatch = 128;

    /// <summary>One position in so many has its last two tokens beside it, where a search begins without touching the log.</summary>
    public const int KeyEvery = 16;

    private readonly TokenLog _log;
    private readonly NativeBlock _positions, _lengths;
    private readonly uint* _sorted;
    private readonly byte* _common;

    /// <param name="log">Holds the stretch.</param>
    /// <param name="start">Its first position.</param>
    /// <param name="end">One past its last.</param>
    /// <param name="sorted">[count] of its positions, in order; becomes the segment's.</param>
    /// <param name="common">[count] tokens that each shares with the one before it, at most <see cref="LongestMatch"/>; becomes the
    /// segment's.</param>
    /// <param name="count">Those that can be found.</param>
    /// <param name="keys">Of the first of every <see cref="KeyEvery"/>; becomes the segment's.</param>
    public SortedSegment(TokenLog log, uint start, uint end, NativeBlock sorted, NativeBlock common, int count, KeyTree keys)
    {
        (_log, Start, End, Count) = (log, start, end, count);
        (_positions, _lengths, Keys) = (sorted, common, keys);
        _sorted = (uint*)sorted.Address;
        _common = (byte*)common.Address;
    }

    /// <summary>Position of its first token; only those behind it are found.</summary>
    public uint Start { get; }

    /// <summary>One past its last token.</summary>
    public uint End { get; }

    /// <summary>Positions that can be found.</summary>
    public int Count { get; }

    /// <summary>Of the first of every <see cref="KeyEvery"/> positions.</summary>
    public KeyTree Keys { get; }

    /// <summary>Without the log's tokens.</summary>
    public long Bytes => (long)(_positions.Bytes + _lengths.Bytes + Keys.Memory.Bytes);

    /// <summary>Orders as its last two tokens do; the second is <see cref="TokenLog.Separator"/> where there is none.</summary>
    public static long KeyOf(int last, int before) => ((long)(last + 1) << 32) | (uint)(before + 1);

    /// <summary>The position at a place of the order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Position(int place) => _sorted[place];

    /// <summary>Tokens that a place shares with the one before it; at most <see cref="LongestMatch"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Common(int place) => _common[place];

    /// <summary>Tokens before a place's position that equal the context's last.</summary>
    public int MatchLength(int place, int* contextEnd, int contextLength) =>
        _log.CommonSuffix(_sorted[place], contextEnd, Math.Min(contextLength, LongestMatch));

    /// <summary>Whether a position comes before a context in the order.</summary>
    /// <param name="position">Of the segment.</param>
    /// <param name="contextEnd">One past the context's last token.</param>
    /// <param name="contextLength">Tokens of it, at most <see cref="LongestMatch"/>.</param>
    /// <param name="known">Tokens known to be common to both.</param>
    /// <param name="common">Tokens that are.</param>
    public bool Precedes(uint position, int* contextEnd, int contextLength, int known, out int common)
    {
        int most = (int)Math.Min((uint)contextLength, position - Start);
        common = known + _log.CommonSuffix(position - (uint)known, contextEnd - known, most - known);
        return common < contextLength && (common == position - Start || Token(position, common) < contextEnd[-1 - common]);
    }

    /// <summary>Asks for a place's entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void PrefetchPlace(int place)
    {
        if (Sse.IsSupported && (uint)place < (uint)Count)
            Sse.Prefetch0(_sorted + place);
    }

    /// <summary>Asks for the entries of places on both sides of one, and what they share.</summary>
    public void PrefetchAround(int place, int most)
    {
        const int LineBytes = 64;
        if (!Sse.IsSupported)
            return;
        int from = Math.Max(place - most, 0), to = Math.Min(place + most, Count);
        for (int at = from; at < to; at += LineBytes / sizeof(uint))
            Sse.Prefetch0(_sorted + at);
        for (int at = from; at < to; at += LineBytes)
            Sse.Prefetch0(_common + at);
        Sse.Prefetch0(_sorted + to - 1);
        Sse.Prefetch0(_common + to - 1);
    }

    /// <summary>Asks for the token so far before a position.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void PrefetchTokens(uint position, int back) => _log.Prefetch(position - 1 - (uint)back);

    /// <summary>Frees what it holds, now or when the last reader has left.</summary>
    public void Free(Reclaimer? reclaimer)
    {
        if (reclaimer is null)
        {
            _positions.Free();
            _lengths.Free();
            Keys.Memory.Free();
            return;
        }

        reclaimer.Retire(_positions);
        reclaimer.Retire(_lengths);
        reclaimer.Retire(Keys.Memory);
    }

    private int Token(uint position, int back) => TokenLog.TokenId(_log.Entry(position - 1 - (uint)back));
}
