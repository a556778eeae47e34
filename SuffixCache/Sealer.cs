using System.Runtime.InteropServices;

namespace Agentic.SuffixCache;

/// <summary>Seals in the background: one thread of low priority sorts what is old into segments, and small segments into larger ones.</summary>
/// <remarks>
/// A log-structured merge: four adjacent segments of like size become one, so that a store has a handful of segments and each token is
/// sorted a few times in its life. Only the writer changes an index; the thread hands over what it has sorted.
/// </remarks>
internal sealed partial class Sealer : IDisposable
{
    private const int Merged = 4;

    // The store's readers are numbered below it.
    private const int Reader = Reclaimer.Readers - 1;

    private readonly Reclaimer _reclaimer;
    private readonly uint _sealTokens, _mostTokens;
    private readonly ManualResetEventSlim _asked = new(), _done = new(initialState: true);
    private Thread? _thread;
    private Namespace? _namespace;
    private uint _start, _end;
    private SortedSegment? _built;
    private bool _ends;

    /// <param name="reclaimer">Of the indices.</param>
    /// <param name="byteBudget">Of all of them: hot parts and the work of sorting take a tenth of it or so.</param>
    /// <param name="chunkTokens">Tokens of a chunk; stretches consist of whole ones.</param>
    public Sealer(Reclaimer reclaimer, long byteBudget, uint chunkTokens)
    {
        const uint HotTokens = 1 << 19, LargestTokens = 1 << 23;
        _reclaimer = reclaimer;
        _sealTokens = (uint)Math.Clamp(byteBudget / 256, 2 * chunkTokens, HotTokens);
        _mostTokens = (uint)Math.Clamp(byteBudget / 128, _sealTokens, LargestTokens) / chunkTokens * chunkTokens;
    }

    /// <summary>Bytes that the sorting under way takes.</summary>
    public long WorkBytes => _namespace is null ? 0 : SegmentBuild.WorkBytes(_end - _start);

    public bool IsBusy => _namespace is not null;

    /// <summary>Whether the thread is so far behind that whoever can should wait.</summary>
    public bool IsBehind(SuffixIndex index) => IsBusy && index.Sealable >= 4 * _sealTokens;

    /// <summary>The writer: takes over what is sorted, and has sorted what is due.</summary>
    public void Tend(Namespace current)
    {
        if (_namespace is not null && _done.IsSet)
            TakeOver();
        if (_namespace is null && !current.IsForgotten && Due(current.Index) is (uint start, uint end))
            Begin(current, start, end);
    }

    /// <summary>The writer: waits for what is being sorted.</summary>
    public void Wait()
    {
        _done.Wait();
        if (_namespace is not null)
            TakeOver();
    }

    public void Dispose()
    {
        _ends = true;
        _asked.Set();
        _thread?.Join();
        _built?.Free(reclaimer: null);
        _asked.Dispose();
        _done.Dispose();
    }

    /// <summary>The stretch that should be sorted next, if any.</summary>
    private (uint Start, uint End)? Due(SuffixIndex index)
    {
        if (index.Sealable >= _sealTokens)
            return (index.HotStart, index.HotStart + Math.Min(index.Sealable, _mostTokens));
        ReadOnlySpan<SortedSegment> segments = index.Segments;
        for (int last = segments.Length - 1; last >= Merged - 1; last--)
        {
            SortedSegment oldest = segments[last - Merged + 1], newest = segments[last];
            uint together = newest.End - oldest.Start;
            uint smallest = uint.MaxValue, largest = 0;
            foreach (SortedSegment segment in segments[(last - Merged + 1)..(last + 1)])
                (smallest, largest) = (Math.Min(smallest, segment.End - segment.Start), Math.Max(largest, segment.End - segment.Start));
            if (together <= _mostTokens && largest < 3 * smallest)
                return (oldest.Start, newest.End);
        }

        return null;
    }

    private void Begin(Namespace @namespace, uint start, uint end)
    {
        if (_thread is null)
        {
            _thread = new Thread(Run) { IsBackground = true, Name = "suffix sealer", Priority = ThreadPriority.Lowest };
            _thread.Start();
        }

        (_namespace, _start, _end) = (@namespace, start, end);
        _done.Reset();
        _asked.Set();
    }

    private void TakeOver()
    {
        (Namespace @namespace, SortedSegment? built) = (_namespace!, _built);
        (_namespace, _built) = (null, null);
        if (built is null)
            return;
        if (@namespace.IsForgotten)
            built.Free(reclaimer: null);
        else
            @namespace.Index.Install(built);
    }

    private void Run()
    {
        const int Niceness = 10;
        if (OperatingSystem.IsLinux())
            _ = Nice(Niceness);   // of this thread alone; .NET's priorities do nothing there
        while (true)
        {
            _asked.Wait();
            _asked.Reset();
            if (_ends)
                return;
            try
            {
                _built = Build(_namespace!, _start, _end);
            }
            catch (OutOfMemoryException)
            {
                _built = null;   // the stretch stays as it is, and is tried again
            }

            _done.Set();
        }
    }

    /// <returns>Null where the stretch is gone.</returns>
    private SortedSegment? Build(Namespace @namespace, uint start, uint end)
    {
        TokenLog log = @namespace.Index.Log;
        using SegmentBuild build = new(log, start, end);
        if (!Read(build.Copy))
            return null;
        build.Sort();
        SortedSegment? segment = null;
        Read(() => segment = build.Finish());
        return segment;

        bool Read(Action read)
        {
            _reclaimer.Enter(Reader);
            bool there = !@namespace.IsForgotten && log.Holds(start);
            if (there)
                read();
            _reclaimer.Leave(Reader);
            return there;
        }
    }

    [LibraryImport("libc", EntryPoint = "nice")]
    private static partial int Nice(int increment);
}
