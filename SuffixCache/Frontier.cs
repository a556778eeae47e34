using System.Runtime.CompilerServices;

namespace Agentic.SuffixCache;

/// <summary>A node that may be drafted next.</summary>
internal struct Candidate
{
    public int TokenId, Parent, Depth, MatchLength;
    public float Voted, Probability;

    /// <summary>The occurrences that agree with its path.</summary>
    public ulong Living;
}

/// <summary>The best of the nodes that may be drafted next; never more than there is room for in the draft.</summary>
/// <remarks>Few are kept, and a new one mostly belongs near the top, below its parent: an array in order is faster than a heap.</remarks>
internal sealed class Frontier(int capacity)
{
    private readonly ulong[] _keys = new ulong[capacity];   // the worst first
    private readonly Candidate[] _candidates = new Candidate[capacity];
    private readonly int[] _free = new int[capacity];
    private int _count, _room, _freeCount, _used;
    private uint _added;

    /// <param name="room">Candidates that will be taken at most.</param>
    public void Clear(int room) => (_count, _room, _freeCount, _used, _added) = (0, room, 0, 0, 0);

    /// <summary>Makes room for a candidate. Of equally probable ones the first to come is the better.</summary>
    /// <returns>Where to put it; a null reference where it would never be taken.</returns>
    public ref Candidate Add(float probability)
    {
        const int SlotBits = 10;   // of Continuation.MostNodes
        ulong rank = ((ulong)BitConverter.SingleToUInt32Bits(probability) << 32) | ((ulong)(0x3FFFFF - _added) << SlotBits);
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
            slot = (int)(_keys[0] & ((1 << SlotBits) - 1));
            for (; at + 1 < _count && _keys[at + 1] < rank; at++)
                _keys[at] = _keys[at + 1];
        }

        _added++;
        _keys[at] = rank | (uint)slot;
        return ref _candidates[slot];
    }

    /// <summary>Takes out the most probable.</summary>
    public bool TryTake(out Candidate best)
    {
        if (_count == 0)
        {
            best = default;
            return false;
        }

        int slot = (int)(_keys[--_count] & 0x3FF);
        _room--;
        _free[_freeCount++] = slot;
        best = _candidates[slot];
        return true;
    }
}
