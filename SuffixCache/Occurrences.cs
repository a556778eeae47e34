namespace Agentic.SuffixCache;

/// <summary>Where an occurrence was found.</summary>
internal enum Origin : byte
{
    /// <summary>In what this sequence itself wrote.</summary>
    Output,

    /// <summary>In this sequence's prompt, or an earlier turn of its conversation.</summary>
    Conversation,

    /// <summary>In another conversation of the namespace.</summary>
    History,
}

/// <summary>Up to 64 places where the end of a context occurred before, longest matches first. A set of them is one bit each of a 64-bit mask.</summary>
internal sealed unsafe class Occurrences
{
    public const int Capacity = 64;

    private readonly SuffixIndex[] _indices = new SuffixIndex[Capacity];
    private readonly uint[] _positions = new uint[Capacity];
    private readonly int[] _lengths = new int[Capacity];
    private readonly Origin[] _origins = new Origin[Capacity];
    private readonly int*[] _following = new int*[Capacity];
    private readonly int[] _followingCounts = new int[Capacity];

    public int Count { get; private set; }

    /// <summary>All of them.</summary>
    public ulong All => Count == Capacity ? ulong.MaxValue : (1UL << Count) - 1;

    public int Length(int i) => _lengths[i];

    public Origin Origin(int i) => _origins[i];

    /// <summary>Notes which occurrences in an index lie between two positions.</summary>
    public void Mark(SuffixIndex index, uint from, uint to, Origin origin)
    {
        for (int i = 0; i < Count; i++)
        {
            if (_indices[i] == index && _positions[i] - from < to - from)
                _origins[i] = origin;
        }
    }

    public void Clear() => Count = 0;

    public bool Add(SuffixIndex index, uint position, int length, Origin origin)
    {
        if (Count == Capacity)
            return false;
        int i = Count++;
        (_indices[i], _positions[i], _lengths[i], _origins[i]) = (index, position, length, origin);
        _following[i] = index.Log.Following(position, out _followingCounts[i]);
        return true;
    }

    /// <summary>The token so far behind an occurrence, or <see cref="TokenLog.Separator"/> where its document ends.</summary>
    public int Following(int i, int depth) => depth < _followingCounts[i] ? _following[i][depth] : TokenLog.Separator;

    /// <summary>The log may have grown or lost its oldest chunk since: looks up each occurrence anew, and ends those that are gone.</summary>
    public void Refresh()
    {
        for (int i = 0; i < Count; i++)
        {
            TokenLog log = _indices[i].Log;
            if (log.Holds(_positions[i]))
                _following[i] = log.Following(_positions[i], out _followingCounts[i]);
            else
                _followingCounts[i] = 0;
        }
    }
}
