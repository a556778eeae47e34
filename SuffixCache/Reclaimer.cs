using System.Runtime.InteropServices;

namespace Agentic.SuffixCache;

/// <summary>Frees native memory once no reader can hold it: readers enter and leave, the writer retires what it took out of sight.</summary>
/// <remarks>
/// Epochs (Fraser, Practical lock-freedom). A reader notes the epoch it entered in; what is retired in epoch e is freed when every reader
/// inside entered later. Entering costs a fence (about 10 ns), leaving a store; neither ever waits.
/// </remarks>
internal sealed unsafe class Reclaimer : IDisposable
{
    /// <summary>Readers at a time.</summary>
    public const int Readers = 64;

    // A slot has two cache lines of its own.
    private const int Stride = 16;

    private readonly long[] _entered = new long[(Readers + 1) * Stride];
    private readonly Queue<(long Epoch, nint Memory)> _retired = new();
    private long _epoch = 1;

    /// <summary>Blocks that wait for readers.</summary>
    public int Waiting => _retired.Count;

    /// <param name="reader">0 to <see cref="Readers"/>, excluded; one thread's at a time.</param>
    public void Enter(int reader)
    {
        Volatile.Write(ref _entered[(reader + 1) * Stride], Volatile.Read(ref _epoch));
        Interlocked.MemoryBarrier();
    }

    public void Leave(int reader) => Volatile.Write(ref _entered[(reader + 1) * Stride], 0);

    /// <summary>The writer: nothing that readers can reach leads to this memory any more.</summary>
    public void Retire(void* memory)
    {
        _retired.Enqueue((_epoch, (nint)memory));
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
        for (int slot = Stride; slot < _entered.Length; slot += Stride)
        {
            long entered = Volatile.Read(ref _entered[slot]);
            if (entered != 0)
                oldest = Math.Min(oldest, entered);
        }

        while (_retired.TryPeek(out (long Epoch, nint Memory) next) && next.Epoch < oldest)
        {
            NativeMemory.Free((void*)next.Memory);
            _retired.Dequeue();
        }
    }

    /// <summary>No reader is inside, and none will be.</summary>
    public void Dispose()
    {
        while (_retired.TryDequeue(out (long Epoch, nint Memory) next))
            NativeMemory.Free((void*)next.Memory);
    }
}
