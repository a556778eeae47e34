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

/// <summary>Up to 64 places where the end of a context occurred before, longest matches first. A set of them is one bit each of a 64-bit
/// mask.</summary>
internal sealed unsafe class Occurrences
{
    public const int Capacity = 64;

    /// <summary>Follows an output.</summary>
    public const int Ended = -2;

    private readonly SuffixIndex[] _indices = new SuffixIndex[Capacity];
    private readonly uint[] _positions = new uint[Capacity];
    private readonly int[] _lengths = new int[Capacity];
    private readonly Origin[] _origins = new Origin[Capacity];
    private readonly int*[] _following = new int*[Capacity];
    private readonly int[] _followingCounts = new int[Capacity];
    private readonly bool[] _atEnds = new bool[Capacity];

    public int Count { get; private set; }

    /// <summary>All of them.</summary>
    public ulong All => Count == Capacity ? ulong.MaxValue : (1UL << Count) - 1;

    public uint Position(int i) => _positions[i];

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
        Look(i);
        return true;
    }

    /// <summary>The token so far behind an occurrence; <see cref="Ended"/> where its output is over, <see cref="TokenLog.Separator"/>
    /// where nothing is known.</summary>
    public int Following(int i, int depth)
    {
        if (depth == 0 ? _atEnds[i] : depth <= _followingCounts[i] && TokenLog.EndsOutput(_following[i][depth - 1]))
            return Ended;
        return depth < _followingCounts[i] ? TokenLog.TokenId(_following[i][depth]) : TokenLog.Separator;
    }

    /// <summary>The log may have grown or lost its oldest chunk since: looks up each occurrence anew, and ends those that are
    /// gone.</summary>
    public void Refresh()
    {
        for (int i = 0; i < Count; i++)
        {
            if (_indices[i].Log.Holds(_positions[i]))
                Look(i);
            else
                (_followingCounts[i], _atEnds[i]) = (0, false);
        }
    }

    private void Look(int i)
    {
        TokenLog log = _indices[i].Log;
        _following[i] = log.Following(_positions[i], out _followingCounts[i]);
        _atEnds[i] = log.EndsBefore(_positions[i]);
    }
}
