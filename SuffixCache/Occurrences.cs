using System.Numerics;

namespace Agentic.SuffixCache;

/// <summary>Up to 64 places where the end of a context occurred before, longest matches first. A set of them is one bit each of a 64-bit
/// mask.</summary>
internal sealed class Occurrences
{
    public const int Capacity = 64;

    private readonly Occurrence[] _all = new Occurrence[Capacity];
    private readonly SuffixIndex[] _indices = new SuffixIndex[Capacity];

    public int Count { get; private set; }

    /// <summary>All of them.</summary>
    public ulong All => Count == Capacity ? ulong.MaxValue : (1UL << Count) - 1;

    public ref readonly Occurrence this[int i] => ref _all[i];

    /// <summary>Notes which occurrences in an index lie between two positions.</summary>
    public void Mark(SuffixIndex index, uint from, uint to, Origin origin)
    {
        for (int i = 0; i < Count; i++)
        {
            if (_indices[i] == index && _all[i].Position - from < to - from)
                _all[i].Origin = origin;
        }
    }

    public void Clear() => Count = 0;

    /// <returns>False where there is no room.</returns>
    public bool Add(SuffixIndex index, uint position, int length, Origin origin)
    {
        if (Count == Capacity)
            return false;
        int i = Count++;
        _indices[i] = index;
        _all[i] = new Occurrence { Position = position, Length = length, Origin = origin };
        _all[i].Look(index.Log);
        _all[i].Prefetch();
        return true;
    }

    /// <summary>Looks up anew what follows a set of them: those that are gone end.</summary>
    public void Refresh(ulong which)
    {
        for (; which != 0; which &= which - 1)
        {
            int i = BitOperations.TrailingZeroCount(which);
            _all[i].Look(_indices[i].Log);
        }
    }
}
