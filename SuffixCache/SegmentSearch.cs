namespace Agentic.SuffixCache;

/// <summary>A search through a sorted segment: halving until the context's place in the order is found, then outwards from there, the
/// longest matches first.</summary>
/// <remarks>Done in rounds of one cache miss, so that several segments can be searched side by side.</remarks>
internal unsafe struct SegmentSearch
{
    // Neighbours are asked for so far ahead.
    private const int Ahead = 8;

    // Of a long match, so many places further out are looked at first: where that is as long, those between are too.
    private const int Stride = 7, LongMatch = 16;

    private SortedSegment _segment;
    private int* _contextEnd;
    private int _contextLength;
    private Stage _stage;
    private long _key;
    private int _low, _high, _level;
    private int _lowCommon, _highCommon;
    private Side _left, _right;
    private int _count, _taken;
    private fixed uint _positions[Occurrences.MostFound];
    private fixed int _lengths[Occurrences.MostFound];

    private enum Stage : byte
    {
        /// <summary>Goes down the tree of keys, to the first that is not below the context's and the first above it.</summary>
        Keys,

        /// <summary>The middle of the places between was asked for.</summary>
        Place,

        /// <summary>And the tokens before its position.</summary>
        Tokens,

        /// <summary>Halved down to the context's own place; its neighbours were asked for.</summary>
        Neighbours,

        /// <summary>And the tokens before their positions.</summary>
        Matches,

        /// <summary>The longest are collected.</summary>
        Found,
    }

    /// <summary>Matches of at least as many tokens as the highest order that are found.</summary>
    public int Sure { get; private set; }

    private readonly int Middle => _low + ((_high - _low) / 2);

    /// <param name="segment">Where to look.</param>
    /// <param name="contextEnd">One past the context's last token.</param>
    /// <param name="contextLength">Tokens of it, at least 1.</param>
    public void Begin(SortedSegment segment, int* contextEnd, int contextLength)
    {
        const int UpperLevels = 2;   // are in the cache
        _segment = segment;
        _contextEnd = contextEnd;
        _contextLength = Math.Min(contextLength, SortedSegment.LongestMatch);
        _key = SortedSegment.KeyOf(contextEnd[-1], contextLength >= 2 ? contextEnd[-2] : TokenLog.Separator);
        (_low, _high, _level, _stage) = (1, 1, segment.Keys.Levels, Stage.Keys);
        (_count, _taken, Sure) = (0, 0, 0);
        while (_level > UpperLevels)
            Descend();
        Descend();
    }

    /// <summary>One round.</summary>
    /// <returns>False when the place is found.</returns>
    public bool Advance()
    {
        switch (_stage)
        {
            case Stage.Keys when _level > 0:
                Descend();
                return true;
            case Stage.Keys:
                _high = Math.Min(_segment.Count, _high * SortedSegment.KeyEvery);
                _low = Math.Max(0, (_low - 1) * SortedSegment.KeyEvery);
                (_lowCommon, _highCommon, _stage) = (0, 0, Stage.Place);
                _segment.PrefetchPlace(Middle);
                return true;
            case Stage.Place:
                _stage = Stage.Tokens;
                return Aim();
            case Stage.Tokens:
                return Halve();
            case Stage.Neighbours:
                for (int i = 0; i < Ahead; i++)
                {
                    _segment.PrefetchTokens(_left.Place - i);
                    _segment.PrefetchTokens(_right.Place + i);
                }

                _stage = Stage.Matches;
                return true;
            case Stage.Matches:
                Collect();
                _stage = Stage.Found;
                return false;
            default:
                return false;
        }
    }

    /// <summary>Takes matches of at least so many tokens, of those not taken yet.</summary>
    /// <param name="atLeast">Tokens.</param>
    /// <param name="most">Taken at most, the longest.</param>
    /// <param name="index">Of the segment.</param>
    /// <param name="found">Takes them, the newest first.</param>
    /// <param name="origin">What to note beside them.</param>
    public void Find(int atLeast, int most, SuffixIndex index, Occurrences found, Origin origin)
    {
        int first = _taken, end = Math.Min(_count, first + most);
        for (; _taken < end && _lengths[_taken] >= atLeast; _taken++)
        {
            (uint position, int length) = (_positions[_taken], _lengths[_taken]);
            int at = _taken;
            for (; at > first && _positions[at - 1] - _segment.Start < position - _segment.Start; at--)
                (_positions[at], _lengths[at]) = (_positions[at - 1], _lengths[at - 1]);
            (_positions[at], _lengths[at]) = (position, length);
        }

        for (int i = first; i < _taken; i++)
        {
            if (!found.Add(index, _positions[i], _lengths[i], origin))
                return;
        }
    }

    private void Descend()
    {
        KeyTree keys = _segment.Keys;
        _level--;
        (_low, _high) = (keys.Below(_level, _low, _key), keys.Below(_level, _high, _key + 1));
        if (_level == 0)
            return;
        keys.Prefetch(_level - 1, _low);
        keys.Prefetch(_level - 1, _high);
    }

    /// <summary>Compares the middle place with the context. What lies between two positions shares with the context what both share with it
    /// (Manber and Myers).</summary>
    private bool Halve()
    {
        int middle = Middle;
        if (_segment.Precedes(
            _segment.Position(middle), _contextEnd, _contextLength, Math.Min(_lowCommon, _highCommon), out int common))
        {
            (_low, _lowCommon) = (middle + 1, common);
        }
        else
        {
            (_high, _highCommon) = (middle, common);
        }

        return Aim();
    }

    /// <summary>Asks for the tokens of the new middle, and for both places that may be the next one.</summary>
    private bool Aim()
    {
        if (_low < _high)
        {
            int middle = Middle;
            _segment.PrefetchTokens(_segment.Position(middle), Math.Min(_lowCommon, _highCommon));
            _segment.PrefetchPlace((_low + middle) / 2);
            _segment.PrefetchPlace((middle + 1 + _high) / 2);
            return true;
        }

        (_left, _right) = (new Side { Place = _low - 1, Outwards = -1 }, new Side { Place = _low, Outwards = 1 });
        _stage = Stage.Neighbours;
        _segment.PrefetchPlace(_left.Place - Ahead);
        _segment.PrefetchPlace(_right.Place + Ahead);
        return true;
    }

    /// <summary>Goes outwards, the longest matches first.</summary>
    private void Collect()
    {
        Look(ref _left);
        Look(ref _right);
        while (_count < Occurrences.MostFound && Math.Max(_left.Length, _right.Length) > 0)
        {
            ref Side side = ref _left;
            if (_right.Length > _left.Length)
                side = ref _right;
            (_positions[_count], _lengths[_count]) = (_segment.Position(side.Place), side.Length);
            _count++;
            Sure += side.Length >= ContextHashes.Longest ? 1 : 0;
            _segment.PrefetchTokens(side.Place + (Ahead * side.Outwards));
            side.Place += side.Outwards;
            Look(ref side);
        }
    }

    /// <summary>The length of the match at a side's place: they fall outwards.</summary>
    private readonly void Look(ref Side side)
    {
        if (side.Alike-- > 0)
            return;
        side.Length = Length(side.Place);
        side.Alike = side.Length >= LongMatch && Length(side.Place + (Stride * side.Outwards)) == side.Length ? Stride : 0;
    }

    private readonly int Length(int place) =>
        (uint)place < (uint)_segment.Count ? _segment.MatchLength(place, _contextEnd, _contextLength) : 0;

    /// <summary>Where one is on either side of the context's own place, and how many further places match as long.</summary>
    private struct Side
    {
        public int Place, Outwards, Length, Alike;
    }
}
