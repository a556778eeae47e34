using System.Runtime.InteropServices;

namespace Agentic.SuffixCache;

/// <summary>Seals in the background: one thread, of low priority once a server has started, sorts what is old into segments, and small segments
/// into larger ones.</summary>
/// <remarks>
/// A log-structured merge: a segment is merged with the newer ones when together they are half as large, so that each is more than twice as
/// large as the next, a store has a handful of them, and each token is sorted a few times in its life. Only the writer changes an index;
/// the thread hands over what it has sorted.
/// </remarks>
internal sealed partial class Sealer : IDisposable
{
    private readonly Reclaimer _reclaimer;
    private readonly uint _sealTokens, _mostTokens, _behindTokens;
    private readonly ManualResetEventSlim _asked = new(), _done = new(initialState: true);
    private Thread? _thread;
    private Namespace? _namespace;
    private uint _start, _end;
    private SortedSegment? _built;
    private bool _ends, _starts;

    /// <param name="reclaimer">Of the indices.</param>
    /// <param name="byteBudget">Of all of them: hot parts and the work of sorting take a tenth of it or so.</param>
    /// <param name="chunkTokens">Tokens of a chunk; stretches consist of whole ones.</param>
    public Sealer(Reclaimer reclaimer, long byteBudget, uint chunkTokens)
    {
        const uint HotTokens = 1 << 19, LargestTokens = 1 << 25;
        _reclaimer = reclaimer;
        _sealTokens = (uint)Math.Clamp(byteBudget / 256, Math.Min(2 * chunkTokens, HotTokens), HotTokens);
        _mostTokens = (uint)Math.Clamp(byteBudget / 128, _sealTokens, LargestTokens) / chunkTokens * chunkTokens;
        _behindTokens = Math.Max(4 * _sealTokens, _mostTokens / 2);
    }

    /// <summary>Bytes that the sorting under way takes.</summary>
    public long WorkBytes => _namespace is null ? 0 : SegmentBuild.WorkBytes(_end - _start);

    public bool IsBusy => _namespace is not null;

    /// <summary>Whether the thread is so far behind that whoever can should wait.</summary>
    public bool IsBehind(SuffixIndex index) => IsBusy && index.Sealable >= _behindTokens;

    /// <summary>The writer: takes over what is sorted, and has sorted what is due.</summary>
    /// <param name="current">The namespace that grew.</param>
    /// <param name="starts">A server fills its cache: what is not sorted at all comes before what could be sorted better.</param>
    public void Tend(Namespace current, bool starts)
    {
        _starts = starts;
        if (_namespace is not null && _done.IsSet)
            TakeOver();
        if (_namespace is null && !current.IsForgotten && Due(current.Index, starts) is (uint start, uint end))
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
    private (uint Start, uint End)? Due(SuffixIndex index, bool starts)
    {
        if (index.Sealable >= _sealTokens)
            return (index.HotStart, index.HotStart + Math.Min(index.Sealable, _mostTokens));
        ReadOnlySpan<SortedSegment> segments = index.Segments;

        // What was sorted while a server started may lie behind newer ones that are small enough.
        for (int newest = starts ? 0 : segments.Length - 1; newest > 0; newest--)
        {
            uint end = segments[newest].End, start = segments[newest].Start;
            for (int i = newest - 1; i >= 0; i--)
            {
                uint newer = end - start, older = start - segments[i].Start;
                if (older > 2 * newer || older + newer > _mostTokens)
                    break;
                start = segments[i].Start;
            }

            if (start != segments[newest].Start)
                return (start, end);
        }

        return null;
    }

    private void Begin(Namespace @namespace, uint start, uint end)
    {
        if (_thread is null)
        {
            _thread = new Thread(Run) { IsBackground = true, Name = "suffix sealer" };
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
        bool isNice = !OperatingSystem.IsLinux();
        while (true)
        {
            _asked.Wait();
            _asked.Reset();
            if (_ends)
                return;
            if (!isNice && !_starts)
            {
                _ = Nice(Niceness);   // of this thread alone; .NET's priorities do nothing there
                isNice = true;
            }

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
        // What is dropped meanwhile waits until a slice is copied.
        const int Slice = 1 << 15;
        TokenLog log = @namespace.Index.Log;
        using SegmentBuild build = new(log, start, end);
        for (int from = 0; from < build.Length; from += Slice)
        {
            int place = _reclaimer.Enter();
            bool isThere = !@namespace.IsForgotten && log.Holds(start);
            if (isThere)
                build.Copy(from, Math.Min(from + Slice, build.Length));
            _reclaimer.Leave(place);
            if (!isThere)
                return null;
        }

        build.Sort();
        return build.Finish();
    }

    [LibraryImport("libc", EntryPoint = "nice")]
    private static partial int Nice(int increment);
}
