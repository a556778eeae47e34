namespace Agentic.SuffixCache;

/// <summary>Frees native memory once no reader can hold it: readers enter and leave, the writer retires what it took out of sight.</summary>
/// <remarks>
/// Epochs (Fraser, Practical lock-freedom). A reader notes the epoch it entered in; what is retired in epoch e is freed when every reader
/// inside entered later. Entering costs one exchange (about 10 ns), leaving a store; while there are places, neither waits.
/// </remarks>
internal sealed class Reclaimer : IDisposable
{
    /// <summary>Readers inside at a time; more wait for one to leave.</summary>
    public const int Readers = 64;

    // A place has two cache lines of its own.
    private const int Stride = 16;

    private readonly long[] _entered = new long[(Readers + 1) * Stride];
    private readonly Queue<(long Epoch, NativeBlock Block)> _retired = new();
    private long _epoch = 1;

    /// <summary>Blocks that wait for readers.</summary>
    public int Waiting => _retired.Count;

    /// <summary>A reader, on any thread: nothing it can reach from now on is freed until it leaves.</summary>
    /// <returns>Its place, to leave with.</returns>
    public int Enter()
    {
        int place = (int)((uint)Environment.CurrentManagedThreadId % Readers);
        for (SpinWait wait = default; ; place = (place + 1) % Readers)
        {
            ref long entered = ref _entered[(place + 1) * Stride];
            if (Volatile.Read(ref entered) == 0 && Interlocked.CompareExchange(ref entered, Volatile.Read(ref _epoch), 0) == 0)
                return place;
            wait.SpinOnce();
        }
    }

    public void Leave(int place) => Volatile.Write(ref _entered[(place + 1) * Stride], 0);

    /// <summary>The writer: nothing that readers can reach leads to this memory any more.</summary>
    public void Retire(NativeBlock block)
    {
        _retired.Enqueue((_epoch, block));
        Interlocked.Increment(ref _epoch);
        Sweep();
    }

    /// <summary>The writer: frees what no reader can hold.</summary>
    public void Sweep()
    {
        if (_retired.Count == 0)
            return;
        Interlocked.MemoryBarrier();
        long oldest = long.MaxValue;
        for (int place = Stride; place < _entered.Length; place += Stride)
        {
            long entered = Volatile.Read(ref _entered[place]);
            if (entered != 0)
                oldest = Math.Min(oldest, entered);
        }

        while (_retired.TryPeek(out (long Epoch, NativeBlock Block) next) && next.Epoch < oldest)
            Free(next.Block);
    }

    /// <summary>No reader is inside, and none will be.</summary>
    public void Dispose()
    {
        while (_retired.TryPeek(out (long Epoch, NativeBlock Block) next))
            Free(next.Block);
    }

    private void Free(NativeBlock block)
    {
        block.Free();
        _retired.Dequeue();
    }
}
