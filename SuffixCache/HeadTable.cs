using System.Numerics;
using System.Runtime.CompilerServices;

namespace Agentic.SuffixCache;

/// <summary>The newest position of each context of one order, by hash. Position 0, a separator's, means none.</summary>
/// <remarks>Contexts that share a slot share a chain: whoever walks it compares tokens.</remarks>
internal sealed unsafe class HeadTable : IDisposable
{
    private const int SmallestBits = 8;

    private readonly int _largestBits;
    private readonly Reclaimer? _reclaimer;

    // Slots and their number change together, in one store.
    private Slots _slots;

    public HeadTable(int largestBits, Reclaimer? reclaimer)
    {
        _largestBits = largestBits;
        _reclaimer = reclaimer;
        _slots = new Slots(Math.Min(SmallestBits, largestBits));
    }

    public long Bytes => sizeof(uint) * (1L << _slots.Bits);

    /// <summary>Its slots as they are now: until <see cref="Fit"/>, for the writer; for a reader, until it leaves.</summary>
    public View Now
    {
        get
        {
            Slots slots = _slots;
            return new View(slots.Memory, 32 - slots.Bits);
        }
    }

    /// <summary>Doubles until there is a slot for so many contexts; halves while there would be eight for each.</summary>
    /// <remarks>Both halves of a split slot keep the old chain, so that growing costs a copy and no hashing. Of two slots that become one
    /// again the newer chain stays.</remarks>
    /// <param name="contexts">Contexts that a slot each is wished for.</param>
    /// <param name="end">One past the newest position.</param>
    public void Fit(uint contexts, uint end)
    {
        int fitting = Math.Clamp(BitOperations.Log2(contexts | 1), Math.Min(SmallestBits, _largestBits), _largestBits);
        Slots old = _slots;
        if (fitting <= old.Bits && fitting > old.Bits - 3)
            return;
        Slots slots = new(fitting);
        if (fitting > old.Bits)
        {
            for (nuint i = 0; i < (nuint)1 << fitting; i++)
                slots.Memory[i] = old.Memory[i >> (fitting - old.Bits)];
        }
        else
        {
            for (nuint i = 0; i < (nuint)1 << old.Bits; i++)
            {
                ref uint newest = ref slots.Memory[i >> (old.Bits - fitting)];
                uint position = old.Memory[i];
                if (newest == 0 || (position != 0 && end - position < end - newest))
                    newest = position;
            }
        }

        _slots = slots;
        Free(old);
    }

    public void Dispose() => Free(_slots);

    private void Free(Slots slots)
    {
        if (_reclaimer is null)
            slots.Block.Free();
        else
            _reclaimer.Retire(slots.Block);
    }

    /// <summary>Finds slots.</summary>
    public readonly struct View(uint* memory, int shift)
    {
        private readonly uint* _memory = memory;
        private readonly int _shift = shift;

        /// <summary>The slot of a context's hash.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public uint* Slot(uint hash)
        {
            hash ^= hash >> 15;
            hash *= 0x85EBCA6B;
            hash ^= hash >> 13;
            return _memory + ((hash * 0x9E3779B1) >> _shift);
        }
    }

    private sealed class Slots
    {
        public readonly int Bits;
        public readonly NativeBlock Block;
        public readonly uint* Memory;

        public Slots(int bits)
        {
            (Bits, Block) = (bits, NativeBlock.Allocate(1L << bits, sizeof(uint)));
            Memory = (uint*)Block.Address;
        }
    }
}
