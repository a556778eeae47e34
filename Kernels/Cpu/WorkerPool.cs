using System.Diagnostics;

namespace Agentic.Kernels;

/// <summary>Threads that share the items of one loop at a time. The caller works too; alone, it runs a plain loop.</summary>
/// <remarks>
/// An idle worker spins for a while, since a step is a long row of short loops, then parks. The ticket holds the generation of the loop
/// in its upper half and the items not yet taken in its lower half: who lowers it by one owns that item, and a late worker of an older
/// loop cannot.
/// </remarks>
internal sealed unsafe class WorkerPool : IDisposable
{
    // Before the first loop: no generation, which are 0 to 2³² − 1 and then begin again, after some hours of short steps.
    private const long None = -1;

    // A decode step's loops follow each other within a few microseconds; parking and waking costs some ten.
    private static readonly long SpinTicks = Stopwatch.Frequency / 20_000;

    private readonly Thread[] _workers;
    private readonly SemaphoreSlim _wake = new(0);
    private long _ticket;
    private int _items;
    private int _done;
    private int _parked;
    private volatile bool _stopping;
    private delegate*<void*, int, int, void> _body;
    private delegate*<void*, int, void> _prepare;
    private void* _state;

    /// <param name="threads">With the calling one.</param>
    public WorkerPool(int threads)
    {
        _workers = new Thread[threads - 1];
        for (int i = 0; i < _workers.Length; i++)
        {
            int worker = i + 1;
            _workers[i] = new Thread(() => Work(worker)) { IsBackground = true, Name = $"agentic-kernel-{worker}" };
            _workers[i].Start();
        }
    }

    public int Threads => _workers.Length + 1;

    /// <summary>Calls body(state, item, worker) for each item once, and returns when all are done.</summary>
    /// <param name="body">Must not throw. Workers are numbered 0 (the caller) to <see cref="Threads"/> − 1.</param>
    /// <param name="state">Passed through.</param>
    /// <param name="items">Taken in rising order by whoever is free.</param>
    /// <param name="prepare">Called with state and worker before the first item that a worker takes, and must not throw; or null.</param>
    public void Run(delegate*<void*, int, int, void> body, void* state, int items, delegate*<void*, int, void> prepare = null)
    {
        if (_workers.Length == 0 || items <= 1)
        {
            if (prepare is not null)
                prepare(state, 0);
            for (int item = 0; item < items; item++)
                body(state, item, 0);
            return;
        }

        _body = body;
        _prepare = prepare;
        _state = state;
        _items = items;
        Volatile.Write(ref _done, 0);
        long generation = (Volatile.Read(ref _ticket) >>> 32) + 1;
        Interlocked.Exchange(ref _ticket, generation << 32 | (uint)items);
        int parked = Volatile.Read(ref _parked);
        if (parked > 0)
            _wake.Release(Math.Min(parked, items - 1));

        long prepared = None;
        while (TryTake(0, ref prepared))
        {
        }
        SpinWait spin = default;
        while (Volatile.Read(ref _done) < items)
            spin.SpinOnce(sleep1Threshold: -1);
    }

    public void Dispose()
    {
        _stopping = true;
        if (_workers.Length > 0)
            _wake.Release(_workers.Length);
        foreach (Thread worker in _workers)
            worker.Join();
        _wake.Dispose();
    }

    /// <param name="worker">Who takes.</param>
    /// <param name="prepared">The generation of the last loop that the worker took an item of.</param>
    private bool TryTake(int worker, ref long prepared)
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
            if (_prepare is not null && prepared != ticket >>> 32)
                _prepare(_state, worker);
            prepared = ticket >>> 32;
            _body(_state, _items - left, worker);
            Interlocked.Increment(ref _done);
            return true;
        }
    }

    private void Work(int worker)
    {
        long prepared = None;
        while (!_stopping)
        {
            if (TryTake(worker, ref prepared) || SpinUntilWork())
                continue;
            Interlocked.Increment(ref _parked);
            if ((int)Interlocked.Read(ref _ticket) == 0 && !_stopping)
                _wake.Wait();
            Interlocked.Decrement(ref _parked);
        }
    }

    private bool SpinUntilWork()
    {
        long end = Stopwatch.GetTimestamp() + SpinTicks;
        while (Stopwatch.GetTimestamp() < end)
        {
            if ((int)Volatile.Read(ref _ticket) != 0 || _stopping)
                return true;
            Thread.SpinWait(1);
        }
        return false;
    }
}
