namespace Agentic.SuffixCache;

/// <summary>A search through a sorted segment: halving until the context's place in the order is found, then outwards from there, the
/// longest matches first.</summary>
/// <remarks>Done in rounds of one cache miss, so that several segments can be searched side by side.</remarks>
internal unsafe struct SegmentSearch
{
    private SortedSegment _segment;
    private int* _contextEnd;
    private int _contextLength;
    private Stage _stage;
    private long _key;
    private int _low, _high, _level;
    private int _lowCommon, _highCommon;
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

        /// <summary>The longest are collected.</summary>
        Found,
    }

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
        (_count, _taken) = (0, 0);
        while (_level > UpperLevels)
            Descend();
        Descend();
    }

    /// <summary>One round.</summary>
    /// <returns>False when the place is found.</returns>
    public bool Advance(ref MatchCounts counts)
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
                Collect(ref counts);
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

        _stage = Stage.Neighbours;
        _segment.PrefetchAround(_low, Occurrences.MostFound);
        return true;
    }

    /// <summary>Goes outwards, the longest matches first, until others outdo them.</summary>
    private void Collect(ref MatchCounts counts)
    {
        int left = _low - 1, right = _low, leftLength = Length(left), rightLength = Length(right);
        while (_count < Occurrences.MostFound)
        {
            bool isRight = rightLength > leftLength;
            int place = isRight ? right++ : left--, length = isRight ? rightLength : leftLength;
            if (length == 0)
                return;
            uint position = _segment.Position(place);

            // What precedes the segment counts too.
            if ((uint)length >= position - _segment.Start)
                length = _segment.MatchLength(place, _contextEnd, _contextLength);
            _segment.PrefetchTokens(position, back: 0);
            (_positions[_count], _lengths[_count]) = (position, length);
            _count++;
            counts.Add(length);
            if (isRight)
                rightLength = right < _segment.Count ? Math.Min(rightLength, _segment.Common(right)) : 0;
            else
                leftLength = left >= 0 ? Math.Min(leftLength, _segment.Common(place)) : 0;
        }
    }

    private readonly int Length(int place) =>
        (uint)place < (uint)_segment.Count ? _segment.MatchLength(place, _contextEnd, _contextLength) : 0;
}
