using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Agentic.SuffixCache;

/// <summary>A sealed stretch of a log: its positions in the order of what precedes them, read backwards. 4.5 bytes a token.</summary>
/// <remarks>
/// A suffix array of the reversed text. Positions whose last tokens are those of a context are neighbours, and the nearer to where the context
/// itself would stand, the longer they match: no chain is followed, so nothing waits for one cache miss before it asks for the next.
/// Immutable. What precedes the stretch does not count in the order, only in the length of a match once found.
/// </remarks>
internal sealed unsafe class SortedSegment
{
    /// <summary>Tokens of a match that are compared; longer ones all count the same.</summary>
    public const int LongestMatch = 128;

    // One entry in so many has its last two tokens beside it, where a search begins without touching the log.
    private const int KeyEvery = 16;

    private readonly TokenLog _log;
    private readonly uint* _sorted;
    private readonly ulong* _keys;
    private readonly int _keyCount;

    /// <param name="log">Holds the stretch.</param>
    /// <param name="start">Its first position.</param>
    /// <param name="end">One past its last.</param>
    /// <param name="sorted">[count] of its positions, in order; becomes the segment's.</param>
    /// <param name="count">Those that can be found.</param>
    public SortedSegment(TokenLog log, uint start, uint end, uint* sorted, int count)
    {
        _sorted = sorted;
        (_log, Start, End, Count) = (log, start, end, count);
        _keyCount = (count + KeyEvery - 1) / KeyEvery;
        _keys = (ulong*)NativeMemory.Alloc((nuint)_keyCount, sizeof(ulong));
        for (int i = 0; i < _keyCount; i++)
        {
            uint position = sorted[i * KeyEvery];
            _keys[i] = Key(Token(position, 0), position - start >= 2 ? Token(position, 1) : TokenLog.Separator);
        }
    }

    /// <summary>Position of its first token; only those behind it are found.</summary>
    public uint Start { get; }

    /// <summary>One past its last token.</summary>
    public uint End { get; }

    /// <summary>Positions that can be found.</summary>
    public int Count { get; }

    /// <summary>Without the log's tokens.</summary>
    public long Bytes => ((long)Count * sizeof(uint)) + ((long)_keyCount * sizeof(ulong));

    /// <summary>How many of its positions precede a context in their order.</summary>
    /// <param name="contextEnd">One past the context's last token.</param>
    /// <param name="contextLength">Tokens of it, at least 1.</param>
    public int Rank(int* contextEnd, int contextLength)
    {
        contextLength = Math.Min(contextLength, LongestMatch);
        ulong key = Key(contextEnd[-1], contextLength >= 2 ? contextEnd[-2] : TokenLog.Separator);
        int low = Math.Max(0, (FirstKey(key, 0) - 1) * KeyEvery), high = Math.Min(Count, FirstKey(key + 1, low / KeyEvery) * KeyEvery);

        // What lies between two positions shares with the context what both share with it (Manber and Myers).
        int lowCommon = 0, highCommon = 0;
        while (low < high)
        {
            int middle = low + ((high - low) / 2);
            uint position = _sorted[middle];
            int common = Common(position, contextEnd, contextLength, Math.Min(lowCommon, highCommon));
            if (common < contextLength && (common == position - Start || Token(position, common) < contextEnd[-1 - common]))
                (low, lowCommon) = (middle + 1, common);
            else
                (high, highCommon) = (middle, common);
        }

        return low;
    }

    /// <summary>The position at a place of the order.</summary>
    public uint Position(int place) => _sorted[place];

    /// <summary>Tokens before it that equal the context's last.</summary>
    public int MatchLength(int place, int* contextEnd, int contextLength) =>
        _log.CommonSuffix(_sorted[place], contextEnd, Math.Min(contextLength, LongestMatch));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(int place)
    {
        if (Sse.IsSupported && (uint)place < (uint)Count)
            _log.Prefetch(_sorted[place] - 1);
    }

    /// <summary>Frees what it holds, now or when the last reader has left.</summary>
    public void Free(Reclaimer? reclaimer)
    {
        if (reclaimer is null)
        {
            NativeMemory.Free(_sorted);
            NativeMemory.Free(_keys);
            return;
        }

        reclaimer.Retire(_sorted);
        reclaimer.Retire(_keys);
    }

    /// <summary>Whether one, at a place, matches so many of the context's last tokens.</summary>
    public bool Matches(int place, int* contextEnd, int length) => _log.CommonSuffix(_sorted[place], contextEnd, length) == length;

    private static ulong Key(int last, int before) => ((ulong)(uint)(last + 1) << 32) | (uint)(before + 1);

    private int Token(uint position, int back) => TokenLog.TokenId(_log.Entry(position - 1 - (uint)back));

    private int Common(uint position, int* contextEnd, int contextLength, int known)
    {
        int most = (int)Math.Min((uint)contextLength, position - Start);
        return known + _log.CommonSuffix(position - (uint)known, contextEnd - known, most - known);
    }

    private int FirstKey(ulong key, int low)
    {
        int high = _keyCount;
        while (low < high)
        {
            int middle = low + ((high - low) / 2);
            if (_keys[middle] < key)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }
}
