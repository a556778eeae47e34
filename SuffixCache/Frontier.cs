using System.Runtime.CompilerServices;

namespace Agentic.SuffixCache;

/// <summary>A node that may be drafted next.</summary>
internal struct Candidate
{
    public int TokenId, Parent, Depth;
    public float Voted, Probability;

    /// <summary>The occurrences that agree with its path.</summary>
    public Voters Voters;

    /// <summary>With how many tokens more they are known to.</summary>
    public int Agreed;
}

/// <summary>The best of the nodes that may be drafted next; never more than there is room for in the draft.</summary>
/// <remarks>Few are kept, and a new one mostly belongs near the top, below its parent: an array in order is faster than a heap.</remarks>
internal sealed class Frontier(int capacity)
{
    private const int SlotBits = 11;   // of Continuation.MostNodes, and the one whose children are added
    private const int SlotMask = (1 << SlotBits) - 1;

    private readonly ulong[] _keys = new ulong[capacity];   // the worst first
    private readonly Candidate[] _candidates = new Candidate[capacity + 1];
    private readonly int[] _free = new int[capacity + 1];
    private int _count, _room, _freeCount, _used;
    private uint _added;

    /// <param name="room">Candidates that will be taken at most.</param>
    public void Clear(int room) => (_count, _room, _freeCount, _used, _added) = (0, room, 0, 0, 0);

    /// <summary>Makes room for a candidate. Of equally probable ones the first to come is the better.</summary>
    /// <returns>Where to put it; a null reference where it would never be taken.</returns>
    public ref Candidate Add(float probability)
    {
        ulong rank = ((ulong)BitConverter.SingleToUInt32Bits(probability) << 32) | ((ulong)(0x1FFFFF - _added) << SlotBits);
        int at = 0, slot;
        if (_count < _room)
        {
            slot = _freeCount > 0 ? _free[--_freeCount] : _used++;
            for (at = _count++; at > 0 && _keys[at - 1] > rank; at--)
                _keys[at] = _keys[at - 1];
        }
        else
        {
            if (_count == 0 || _keys[0] > rank)
                return ref Unsafe.NullRef<Candidate>();
            slot = (int)_keys[0] & SlotMask;
            for (; at + 1 < _count && _keys[at + 1] < rank; at++)
                _keys[at] = _keys[at + 1];
        }

        _added++;
        _keys[at] = rank | (uint)slot;
        return ref _candidates[slot];
    }

    /// <summary>Takes out the most probable.</summary>
    /// <returns>Its slot, which keeps it until it is freed; −1 where there is none.</returns>
    public int Take()
    {
        if (_count == 0)
            return -1;
        _room--;
        return (int)_keys[--_count] & SlotMask;
    }

    /// <summary>What lies in a slot.</summary>
    public ref readonly Candidate this[int slot] => ref _candidates[slot];

    /// <summary>Others may use a slot that was taken.</summary>
    public void Free(int slot) => _free[_freeCount++] = slot;
}
