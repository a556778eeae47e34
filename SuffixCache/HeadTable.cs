using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Agentic.SuffixCache;

/// <summary>The newest position of each context of one order, by hash. Position 0, a separator's, means none.</summary>
/// <remarks>Contexts that share a slot share a chain: whoever walks it compares tokens.</remarks>
internal sealed unsafe class HeadTable : IDisposable
{
    private readonly int _largestBits;
    private uint* _slots;
    private int _bits;

    public HeadTable(int bits, int largestBits)
    {
        _bits = Math.Min(bits, largestBits);
        _largestBits = largestBits;
        _slots = (uint*)NativeMemory.AllocZeroed((nuint)1 << _bits, sizeof(uint));
    }

    public long Bytes => sizeof(uint) * (1L << _bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint* Slot(uint hash)
    {
        hash ^= hash >> 15;
        hash *= 0x85EBCA6B;
        hash ^= hash >> 13;
        return _slots + ((hash * 0x9E3779B1) >> (32 - _bits));
    }

    /// <summary>Doubles until there is a slot for so many contexts.</summary>
    /// <remarks>Both halves of a split slot keep the old chain, so that growing costs a copy and no hashing.</remarks>
    public void Grow(uint contexts)
    {
        int bits = Math.Min(_largestBits, BitOperations.Log2(contexts | 1));
        if (bits <= _bits)
            return;
        int split = bits - _bits;
        uint* slots = (uint*)NativeMemory.Alloc((nuint)1 << bits, sizeof(uint));
        for (nuint i = 0; i < ((nuint)1 << bits); i++)
            slots[i] = _slots[i >> split];
        NativeMemory.Free(_slots);
        _slots = slots;
        _bits = bits;
    }

    public void Dispose()
    {
        NativeMemory.Free(_slots);
        _slots = null;
    }
}
