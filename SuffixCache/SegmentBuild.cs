using System.Runtime.Intrinsics.X86;

namespace Agentic.SuffixCache;

/// <summary>Sorts a stretch of a log into a segment: 0.1 µs and 13 bytes a token while it lasts.</summary>
/// <remarks>Only copying reads the log.</remarks>
internal sealed unsafe class SegmentBuild : IDisposable
{
    private readonly TokenLog _log;
    private readonly uint _start, _end;
    private readonly int _length;
    private readonly NativeBlock _text, _findable;
    private NativeBlock _sorted, _ids, _common;
    private int _following;

    /// <param name="log">Holds the stretch, which is written and whole.</param>
    /// <param name="start">Its first position.</param>
    /// <param name="end">One past its last.</param>
    public SegmentBuild(TokenLog log, uint start, uint end)
    {
        (_log, _start, _end) = (log, start, end);
        _length = (int)(end - start) - 1;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(_length);
        _text = NativeBlock.Allocate(_length, sizeof(int));
        _sorted = NativeBlock.Allocate(_length, sizeof(int));
        _findable = NativeBlock.Allocate((_length / 64) + 1, sizeof(ulong));
    }

    /// <summary>Tokens to be copied.</summary>
    public int Length => _length;

    /// <summary>Bytes taken while a stretch of so many tokens is sorted.</summary>
    public static long WorkBytes(uint tokens) => 13L * tokens;

    /// <summary>All three steps.</summary>
    public static SortedSegment Run(TokenLog log, uint start, uint end)
    {
        using SegmentBuild build = new(log, start, end);
        build.Copy(0, build.Length);
        build.Sort();
        return build.Finish();
    }

    /// <summary>Takes a part of the stretch's tokens, the last one first, and notes what can be found: not the starts of documents, nor
    /// what was repeated as context.</summary>
    /// <param name="from">Where the call before ended.</param>
    /// <param name="to">At most <see cref="Length"/>.</param>
    public void Copy(int from, int to)
    {
        int* text = (int*)_text.Address;
        ulong* findable = (ulong*)_findable.Address;
        if (from == 0)
            _following = _log.Entry(_end - 1);
        for (int i = from; i < to; i++)
        {
            // Suffix i of the reversed text is what precedes end − 1 − i.
            int entry = _log.Entry(_end - 2 - (uint)i);
            text[i] = TokenLog.TokenId(entry) + 1;
            if (_following >= 0 && (_following & TokenLog.Repeated) == 0 && entry != TokenLog.Separator)
                findable[i / 64] |= 1UL << (i % 64);
            _following = entry;
        }
    }

    public void Sort()
    {
        SuffixArray.Sort((int*)_text.Address, (int*)_sorted.Address, _length, Rank());
        _common = NativeBlock.Allocate(_length, sizeof(int));
        CommonLengths.Count((int*)_text.Address, (int*)_sorted.Address, _length, (int*)_common.Address);
    }

    /// <summary>Leaves out what cannot be found.</summary>
    public SortedSegment Finish()
    {
        const int Ahead = 16;
        int* text = (int*)_text.Address, sorted = (int*)_sorted.Address, ids = (int*)_ids.Address, common = (int*)_common.Address;
        ulong* findable = (ulong*)_findable.Address;
        NativeBlock room = NativeBlock.Allocate((_length / SortedSegment.KeyEvery) + 1, sizeof(long));
        NativeBlock lengths = NativeBlock.Allocate(_length, sizeof(byte));
        long* keys = (long*)room.Address;
        byte* shared = (byte*)lengths.Address;
        int count = 0, least = SortedSegment.LongestMatch;
        for (int i = 0; i < _length; i++)
        {
            if (Sse.IsSupported && i + Ahead < _length)
                Sse.Prefetch0(common + sorted[i + Ahead]);
            int suffix = sorted[i];
            least = Math.Min(least, common[suffix]);
            if ((findable[suffix / 64] & (1UL << (suffix % 64))) == 0)
                continue;
            if (count % SortedSegment.KeyEvery == 0)
            {
                int before = suffix + 1 < _length ? ids[text[suffix + 1]] : TokenLog.Separator;
                keys[count / SortedSegment.KeyEvery] = SortedSegment.KeyOf(ids[text[suffix]], before);
            }

            (shared[count], least) = ((byte)least, SortedSegment.LongestMatch);
            sorted[count++] = (int)(_end - 1 - (uint)suffix);
        }

        NativeBlock kept = _sorted.Shrink(count, sizeof(uint));
        _sorted = default;
        KeyTree tree = new(new ReadOnlySpan<long>(keys, (count + SortedSegment.KeyEvery - 1) / SortedSegment.KeyEvery));
        room.Free();
        return new SortedSegment(_log, _start, _end, kept, lengths.Shrink(count, sizeof(byte)), count, tree);
    }

    public void Dispose()
    {
        _text.Free();
        _sorted.Free();
        _findable.Free();
        _ids.Free();
        _common.Free();
    }

    /// <summary>Symbols become their ranks among those that occur.</summary>
    /// <returns>How many do.</returns>
    private int Rank()
    {
        int* text = (int*)_text.Address;
        int largest = 0;
        for (int i = 0; i < _length; i++)
            largest = Math.Max(largest, text[i]);
        NativeBlock memory = NativeBlock.Allocate((long)largest + 1, sizeof(int));
        int* ranks = (int*)memory.Address;
        for (int i = 0; i < _length; i++)
            ranks[text[i]] = 1;
        _ids = NativeBlock.Allocate((long)largest + 1, sizeof(int));
        int* ids = (int*)_ids.Address;
        int count = 0;
        for (int symbol = 0; symbol <= largest; symbol++)
        {
            ids[count] = symbol - 1;
            (ranks[symbol], count) = (count, count + ranks[symbol]);
        }

        for (int i = 0; i < _length; i++)
            text[i] = ranks[text[i]];
        memory.Free();
        return count;
    }
}
