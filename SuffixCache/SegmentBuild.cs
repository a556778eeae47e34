using System.Runtime.InteropServices;

namespace Agentic.SuffixCache;

/// <summary>Sorts a stretch of a log into a segment: 0.1–0.2 µs and 10 bytes a token while it lasts.</summary>
/// <remarks>Copying and finishing read the log; sorting, which takes nearly all of the time, reads nothing but the copy.</remarks>
internal sealed unsafe class SegmentBuild : IDisposable
{
    private readonly TokenLog _log;
    private readonly uint _start, _end;
    private readonly int _length;
    private int* _text, _sorted;

    /// <param name="log">Holds the stretch, which is written and whole.</param>
    /// <param name="start">Its first position.</param>
    /// <param name="end">One past its last.</param>
    public SegmentBuild(TokenLog log, uint start, uint end)
    {
        (_log, _start, _end) = (log, start, end);
        _length = (int)(end - start) - 1;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(_length);
        _text = (int*)NativeMemory.Alloc((nuint)_length, sizeof(int));
        _sorted = (int*)NativeMemory.Alloc((nuint)_length, sizeof(int));
    }

    /// <summary>Bytes taken while a stretch of so many tokens is sorted.</summary>
    public static long WorkBytes(uint tokens) => 10L * tokens;

    /// <summary>All three steps.</summary>
    public static SortedSegment Run(TokenLog log, uint start, uint end)
    {
        using SegmentBuild build = new(log, start, end);
        build.Copy();
        build.Sort();
        return build.Finish();
    }

    /// <summary>Takes the stretch's tokens, the last one first.</summary>
    public void Copy()
    {
        for (int i = 0; i < _length; i++)
            _text[i] = TokenLog.TokenId(_log.Entry(_end - 2 - (uint)i)) + 1;
    }

    public void Sort() => SuffixArray.Sort(_text, _sorted, _length, Rank(_text, _length));

    /// <summary>Leaves out what cannot be found: starts of documents, and what was repeated as context.</summary>
    public SortedSegment Finish()
    {
        // Suffix i of the reversed text is what precedes end − 1 − i.
        int count = 0;
        for (int i = 0; i < _length; i++)
        {
            uint position = _end - 1 - (uint)_sorted[i];
            int entry = _log.Entry(position);
            if (entry >= 0 && (entry & TokenLog.Repeated) == 0 && _log.Entry(position - 1) != TokenLog.Separator)
                _sorted[count++] = (int)position;
        }

        uint* sorted = (uint*)NativeMemory.Realloc(_sorted, (nuint)Math.Max(count, 1) * sizeof(uint));
        _sorted = null;
        return new SortedSegment(_log, _start, _end, sorted, count);
    }

    public void Dispose()
    {
        NativeMemory.Free(_text);
        NativeMemory.Free(_sorted);
        _text = null;
        _sorted = null;
    }

    /// <summary>Symbols become their ranks among those that occur.</summary>
    /// <returns>How many do.</returns>
    private static int Rank(int* text, int length)
    {
        int largest = 0;
        for (int i = 0; i < length; i++)
            largest = Math.Max(largest, text[i]);
        int* ranks = (int*)NativeMemory.AllocZeroed((nuint)largest + 1, sizeof(int));
        for (int i = 0; i < length; i++)
            ranks[text[i]] = 1;
        int count = 0;
        for (int i = 0; i <= largest; i++)
            (ranks[i], count) = (count, count + ranks[i]);
        for (int i = 0; i < length; i++)
            text[i] = ranks[text[i]];
        NativeMemory.Free(ranks);
        return count;
    }
}
