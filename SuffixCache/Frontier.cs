using System.Runtime.CompilerServices;

namespace Agentic.SuffixCache;

/// <summary>A node that may be drafted next.</summary>
/// <param name="tokenId">Its token.</param>
/// <param name="parent">In the draft.</param>
/// <param name="depth">1 below the context's last token.</param>
/// <param name="voted">Its probability before calibration.</param>
/// <param name="probability">And after.</param>
/// <param name="voters">The occurrences that agree with its path.</param>
internal struct Candidate(int tokenId, int parent, int depth, float voted, float probability, in Voters voters)
{
    public int TokenId = tokenId, Parent = parent, Depth = depth;
    public float Voted = voted, Probability = probability;
    public Voters Voters = voters;

    /// <summary>The escape where all agree, of a class of such.</summary>
    public float Escape;

    /// <inheritdoc cref="Escape"/>
    public int EscapeClass = -1;
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
        if (_count == _room && !IsAbove(probability))
            return ref Unsafe.NullRef<Candidate>();
        int slot = _count == _room ? (int)_keys[0] & SlotMask : _freeCount > 0 ? _free[--_freeCount] : _used++;
        Insert(probability, slot);
        return ref _candidates[slot];
    }

    /// <summary>Takes out the most probable.</summary>
    /// <returns>Its slot, which keeps it until it is freed or put back; −1 where there is none.</returns>
    public int Take()
    {
        if (_count == 0)
            return -1;
        _room--;
        return (int)_keys[--_count] & SlotMask;
    }

    /// <summary>What was taken stands for another candidate now, as probable as this.</summary>
    public void PutBack(int slot, float probability)
    {
        if (_count == _room)
        {
            if (!IsAbove(probability))
            {
                Free(slot);
                return;
            }

            Free((int)_keys[0] & SlotMask);
        }

        Insert(probability, slot);
    }

    /// <summary>Whether one that came earlier is as probable, or more.</summary>
    public bool Outdoes(float probability) => _count > 0 && (uint)(_keys[_count - 1] >> 32) >= BitConverter.SingleToUInt32Bits(probability);

    /// <summary>One is taken that need not be added, for nothing outdoes it.</summary>
    public void Pass() => _room--;

    /// <summary>What lies in a slot.</summary>
    public ref Candidate this[int slot] => ref _candidates[slot];

    /// <summary>Others may use a slot that was taken.</summary>
    public void Free(int slot) => _free[_freeCount++] = slot;

    /// <summary>Whether a candidate would stand above the worst.</summary>
    private bool IsAbove(float probability) => _count > 0 && (uint)(_keys[0] >> 32) < BitConverter.SingleToUInt32Bits(probability);

    private void Insert(float probability, int slot)
    {
        ulong key = ((ulong)BitConverter.SingleToUInt32Bits(probability) << 32) | ((ulong)(0x1FFFFF - _added++) << SlotBits) | (uint)slot;
        int at = 0;
        if (_count < _room)
        {
            for (at = _count++; at > 0 && _keys[at - 1] > key; at--)
                _keys[at] = _keys[at - 1];
        }
        else
        {
            for (; at + 1 < _count && _keys[at + 1] < key; at++)
                _keys[at] = _keys[at + 1];
        }

        _keys[at] = key;
    }
}
