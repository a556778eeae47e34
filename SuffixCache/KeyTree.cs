using System.Numerics;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Agentic.SuffixCache;

/// <summary>Keys in order, above them every 32nd of these, and so on up to one node: found in as many cache misses as there are levels, the
/// upper ones mostly in the cache.</summary>
internal sealed unsafe class KeyTree
{
    private const int NodeKeys = 32, KeysPerLine = 8;

    private readonly NativeBlock _memory;
    private readonly long*[] _levels;

    /// <param name="keys">0 to 2⁶³ − 2, in order.</param>
    public KeyTree(ReadOnlySpan<long> keys)
    {
        Count = keys.Length;
        List<int> nodes = [];
        for (int count = Count; nodes.Count == 0 || nodes[^1] > 1; count = nodes[^1])
            nodes.Add(Math.Max(1, (count + NodeKeys - 1) / NodeKeys));
        _memory = NativeBlock.Allocate((long)nodes.Sum() * NodeKeys, sizeof(long));
        new Span<long>((void*)_memory.Address, nodes.Sum() * NodeKeys).Fill(long.MaxValue);
        _levels = new long*[nodes.Count];
        long* start = (long*)_memory.Address;
        for (int level = 0; level < _levels.Length; level++)
        {
            _levels[level] = start;
            start += nodes[level] * NodeKeys;
            if (level == 0)
            {
                keys.CopyTo(new Span<long>(_levels[0], Count));
                continue;
            }

            for (int node = 0; node < nodes[level - 1]; node++)
                _levels[level][node] = _levels[level - 1][node * NodeKeys];
        }
    }

    /// <summary>Keys.</summary>
    public int Count { get; }

    /// <summary>The keys' own is 0.</summary>
    public int Levels => _levels.Length;

    public NativeBlock Memory => _memory;

    /// <summary>How many of a level's keys are below one.</summary>
    /// <param name="level">From the uppermost down.</param>
    /// <param name="above">Of the level above; 1 for the uppermost.</param>
    /// <param name="key">Which.</param>
    public int Below(int level, int above, long key)
    {
        int first = Math.Max(0, above - 1) * NodeKeys, below = 0;
        long* node = _levels[level] + first;
        Vector256<long> limit = Vector256.Create(key);
        for (int i = 0; i < NodeKeys; i += Vector256<long>.Count)
            below += BitOperations.PopCount(Vector256.LessThan(Vector256.Load(node + i), limit).ExtractMostSignificantBits());
        return first + below;
    }

    /// <summary>Asks for what <see cref="Below"/> reads.</summary>
    public void Prefetch(int level, int above)
    {
        if (!Sse.IsSupported)
            return;
        long* node = _levels[level] + (Math.Max(0, above - 1) * NodeKeys);
        for (int i = 0; i < NodeKeys; i += KeysPerLine)
            Sse.Prefetch0(node + i);
    }
}
