using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Agentic.Kernels;

/// <summary>Threads that share the work of one step. The caller works too; alone, it runs plain loops.</summary>
/// <remarks>
/// <para>A loop of items (<see cref="Run"/>) is shared as it goes: the ticket holds the loop's generation in its upper half and the items not yet taken
/// in its lower half; who lowers it by one owns that item, and a late worker of an older loop cannot.</para>
/// <para>Between <see cref="BeginPass"/> and <see cref="EndPass"/> loops of rows (<see cref="RunRows"/>) are shared by rows instead: each worker does
/// the same rows in one loop after the other, so what it reads is what it wrote, and nobody waits until rows meet. To hand a row's values to
/// another core takes longer than to compute with them.</para>
/// <para>Where a worker's core is also somebody else's, its rows would keep all waiting: after a wait that shows it, some passes are not shared by
/// rows, more each time it is found so again.</para>
/// <para>An idle worker spins for a while, since a step is a long row of short loops, then parks.</para>
/// </remarks>
internal sealed unsafe class WorkerPool : IDisposable
{
    private const int Slots = 64, StateBytes = 256 - 16, CacheLines = 128;

    // A decode step's loops follow each other within a few microseconds; parking and waking costs some ten.
    private static readonly long SpinTicks = Stopwatch.Frequency / 20_000, BusyTicks = Stopwatch.Frequency / 50_000;

    // No worker is behind another for so long but one that lost its core.
    private static readonly long LateTicks = Stopwatch.Frequency / 2000;
    private const int FewestCrowded = 64, MostCrowded = 4096;

    private readonly Thread[] _workers;
    private readonly SemaphoreSlim[] _wake;
    private readonly int[] _parked;
    private readonly NativeBuffer[] _scratch;
    private readonly float** _scratchOf;
    private readonly RowLoopSlot* _queue;
    private readonly byte* _progress;
    private long _ticket;
    private int _items;
    private int _done;
    private volatile bool _stopping;
    private delegate*<void*, int, int, void> _body;
    private void* _state;
    private long _queued;
    private int _queuedRows;
    private bool _byRows;
    private bool _late;
    private int _crowdedPasses;
    private int _nextCrowdedPasses = FewestCrowded;

    private struct RowLoopSlot
    {
        public delegate*<void*, int, int, int, void> Body;
        public int Rows;
        public bool Meet;
        public fixed byte State[StateBytes];
    }

    /// <param name="threads">With the calling one.</param>
    public WorkerPool(int threads)
    {
        _scratch = [.. Enumerable.Range(0, threads).Select(_ => new NativeBuffer())];
        _scratchOf = (float**)NativeMemory.AllocZeroed((nuint)threads, (nuint)sizeof(float*));
        _queue = (RowLoopSlot*)NativeMemory.AlignedAlloc((nuint)(Slots * sizeof(RowLoopSlot)), NativeBuffer.Alignment);
        _progress = (byte*)NativeMemory.AlignedAlloc((nuint)(threads * CacheLines), CacheLines);
        new Span<byte>(_progress, threads * CacheLines).Clear();
        _wake = [.. Enumerable.Range(0, threads).Select(_ => new SemaphoreSlim(0))];
        _parked = new int[threads];
        _workers = new Thread[threads - 1];
        for (int i = 0; i < _workers.Length; i++)
        {
            int worker = i + 1;
            _workers[i] = new Thread(() => Work(worker)) { IsBackground = true, Name = $"agentic-kernel-{worker}" };
            _workers[i].Start();
        }
    }

    public int Threads => _workers.Length + 1;

    /// <summary>Until <see cref="EndPass"/>, loops of rows may return before they are done.</summary>
    /// <param name="byRows">Whether loops are shared by rows at all.</param>
    public void BeginPass(bool byRows)
    {
        _byRows = byRows && _workers.Length > 0 && _crowdedPasses-- <= 0;
        if (_byRows)
            WakeParked(_workers.Length);
    }

    /// <summary>Waits for all that was begun.</summary>
    public void EndPass()
    {
        Drain();
        if (_late)
        {
            _crowdedPasses = _nextCrowdedPasses;
            _nextCrowdedPasses = Math.Min(2 * _nextCrowdedPasses, MostCrowded);
        }
        else if (_byRows)
        {
            _nextCrowdedPasses = Math.Max(FewestCrowded, _nextCrowdedPasses - 1);
        }

        _byRows = _late = false;
    }

    /// <summary>Waits until the loops of rows so far are done.</summary>
    public void Drain()
    {
        for (int worker = 1; worker < Threads && _queuedRows > 0; worker++)
            WaitFor(worker, _queued);
        _queuedRows = 0;
    }

    /// <summary>Whether a loop over so many rows is now shared by rows: each worker gets two at least, which kernels compute together.</summary>
    public bool SharesRows(int rows) => _byRows && (rows + 1) / 2 >= Threads;

    /// <summary>Scratch memory of each worker, for one loop at a time.</summary>
    /// <param name="floats">What each needs at least.</param>
    /// <returns>[<see cref="Threads"/>] starts.</returns>
    public float** Scratch(nint floats)
    {
        for (int worker = 0; worker < Threads; worker++)
        {
            if (_scratch[worker].Length >= floats)
                continue;
            Drain();
            _scratchOf[worker] = _scratch[worker].Floats(floats);
        }

        return _scratchOf;
    }

    /// <summary>Calls body(state, first, end, worker) for every worker's rows, the caller's before it returns. Only where
    /// <see cref="SharesRows"/> says so.</summary>
    /// <param name="body">Must not throw, and touches no row but its own of what other loops of this number of rows write.</param>
    /// <param name="state">Copied.</param>
    /// <param name="rows">Shared in pairs: neighbours to the same worker.</param>
    /// <param name="meet">Whether it reads other rows than its own: nobody begins before all have done the loops before it. What it reads of them
    /// is not written again before rows meet once more.</param>
    public void RunRows<TState>(delegate*<void*, int, int, int, void> body, in TState state, int rows, bool meet = false)
        where TState : unmanaged
    {
        Debug.Assert(SharesRows(rows) && sizeof(TState) <= StateBytes);
        if (rows != _queuedRows)
            Drain();
        _queuedRows = rows;
        for (int worker = 1; worker < Threads; worker++)
            WaitFor(worker, _queued - Slots + 1);

        RowLoopSlot* slot = _queue + (_queued % Slots);
        slot->Body = body;
        slot->Rows = rows;
        slot->Meet = meet;
        Unsafe.WriteUnaligned(slot->State, state);
        Interlocked.Exchange(ref _queued, _queued + 1);
        WakeParked(_workers.Length);
        TryQueue(0);
    }

    /// <summary>Calls body(state, item, worker) for each item once, and returns when all are done.</summary>
    /// <param name="body">Must not throw. Workers are numbered 0 (the caller) to <see cref="Threads"/> − 1.</param>
    /// <param name="state">Passed through.</param>
    /// <param name="items">Taken in rising order by whoever is free.</param>
    public void Run(delegate*<void*, int, int, void> body, void* state, int items)
    {
        Drain();
        if (_workers.Length == 0 || items <= 1)
        {
            for (int item = 0; item < items; item++)
                body(state, item, 0);
            return;
        }

        _body = body;
        _state = state;
        _items = items;
        Volatile.Write(ref _done, 0);
        long generation = (Volatile.Read(ref _ticket) >> 32) + 1;
        Interlocked.Exchange(ref _ticket, generation << 32 | (uint)items);
        WakeParked(items - 1);

        while (TryTake(0))
        {
        }

        Waiter waiter = default;
        while (Volatile.Read(ref _done) < items)
            waiter.Wait();
    }

    public void Dispose()
    {
        _stopping = true;
        foreach (SemaphoreSlim wake in _wake)
            wake.Release();
        foreach (Thread worker in _workers)
            worker.Join();
        foreach (SemaphoreSlim wake in _wake)
            wake.Dispose();
        foreach (NativeBuffer scratch in _scratch)
            scratch.Dispose();
        NativeMemory.Free(_scratchOf);
        NativeMemory.AlignedFree(_queue);
        NativeMemory.AlignedFree(_progress);
    }

    private ref long Progress(int worker) => ref *(long*)(_progress + (worker * CacheLines));

    private void WakeParked(int most)
    {
        for (int worker = 1; worker < Threads && most > 0; worker++)
        {
            if (Volatile.Read(ref _parked[worker]) == 0 || Interlocked.Exchange(ref _parked[worker], 0) == 0)
                continue;
            _wake[worker].Release();
            most--;
        }
    }

    private bool TryQueue(int worker)
    {
        long next = Progress(worker);
        if (next == Volatile.Read(ref _queued))
            return false;
        RowLoopSlot* slot = _queue + (next % Slots);
        for (int other = 0; slot->Meet && other < Threads; other++)
            WaitFor(other, next, noticeLate: worker == 0);
        long pairs = (slot->Rows + 1) / 2;
        int first = 2 * (int)(pairs * worker / Threads), end = Math.Min(2 * (int)(pairs * (worker + 1) / Threads), slot->Rows);
        slot->Body(slot->State, first, end, worker);
        Volatile.Write(ref Progress(worker), next + 1);
        return true;
    }

    /// <summary>Until a worker has done so many loops of rows.</summary>
    private void WaitFor(int worker, long progress, bool noticeLate = true)
    {
        Waiter waiter = default;
        while (Volatile.Read(ref Progress(worker)) < progress)
            waiter.Wait();
        if (noticeLate && waiter.Ticks > LateTicks)
            _late = true;
    }

    private bool TryTake(int worker)
    {
        while (true)
        {
            long ticket = Volatile.Read(ref _ticket);
            int left = (int)ticket;
            if (left == 0)
                return false;
            if (Interlocked.CompareExchange(ref _ticket, ticket - 1, ticket) != ticket)
                continue;
            // The loop cannot end before this item is done, so its fields are those of the ticket.
            _body(_state, _items - left, worker);
            Interlocked.Increment(ref _done);
            return true;
        }
    }

    private void Work(int worker)
    {
        while (!_stopping)
        {
            if (TryQueue(worker) || TryTake(worker) || SpinUntilWork(worker))
                continue;
            Interlocked.Exchange(ref _parked[worker], 1);

            // Who takes the mark away decides: the worker goes on, or whoever has work wakes it.
            if (!HasWork(worker) && !_stopping || Interlocked.Exchange(ref _parked[worker], 0) == 0)
                _wake[worker].Wait();
        }
    }

    private bool HasWork(int worker) => (int)Interlocked.Read(ref _ticket) != 0 || Volatile.Read(ref _queued) != Progress(worker);

    private bool SpinUntilWork(int worker)
    {
        long end = Stopwatch.GetTimestamp() + SpinTicks;
        while (Stopwatch.GetTimestamp() < end)
        {
            if (HasWork(worker) || _stopping)
                return true;
            Thread.SpinWait(1);
        }
        return false;
    }

    /// <summary>Waits for another worker: by looking again and again for as long as a loop takes, then giving way to whoever has its core.</summary>
    private struct Waiter
    {
        private long _since;
        private SpinWait _spin;

        /// <summary>Waited so far.</summary>
        public long Ticks { get; private set; }

        public void Wait()
        {
            long now = Stopwatch.GetTimestamp();
            if (_since == 0)
                _since = now;
            Ticks = now - _since;
            if (Ticks < BusyTicks)
                Thread.SpinWait(1);
            else
                _spin.SpinOnce(sleep1Threshold: -1);
        }
    }
}
