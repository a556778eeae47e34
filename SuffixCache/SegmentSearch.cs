namespace Agentic.SuffixCache;

/// <summary>A search through a sorted segment: halving until the context's place in the order is found, then outwards from there, the
/// longest matches first.</summary>
/// <remarks>Done in rounds of one cache miss, so that several segments can be searched side by side.</remarks>
internal unsafe struct SegmentSearch
{
    // Neighbours are asked for so far ahead.
    private const int Ahead = 6;

    private const int Unknown = -1;

    private SortedSegment _segment;
    private int* _contextEnd;
    private int _contextLength;
    private Stage _stage;
    private ulong _key;
    private int _low, _high, _step;
    private int _lowCommon, _highCommon;
    private int _left, _right;
    private int _leftLength, _rightLength;

    private enum Stage : byte
    {
        /// <summary>Halves to the first key that is not below the context's.</summary>
        FirstKey,

        /// <summary>Looks, in steps that double, for one above it.</summary>
        LastKey,

        /// <summary>The middle of the places between was asked for.</summary>
        Place,

        /// <summary>And the tokens before its position.</summary>
        Tokens,

        /// <summary>Halved down to the context's own place.</summary>
        Found,
    }

    private readonly int Middle => _low + ((_high - _low) / 2);

    /// <param name="segment">Where to look.</param>
    /// <param name="contextEnd">One past the context's last token.</param>
    /// <param name="contextLength">Tokens of it, at least 1.</param>
    public void Begin(SortedSegment segment, int* contextEnd, int contextLength)
    {
        _segment = segment;
        _contextEnd = contextEnd;
        _contextLength = Math.Min(contextLength, SortedSegment.LongestMatch);
        _key = SortedSegment.KeyOf(contextEnd[-1], contextLength >= 2 ? contextEnd[-2] : TokenLog.Separator);
        (_low, _high, _stage) = (0, segment.Keys, Stage.FirstKey);
    }

    /// <summary>One round.</summary>
    /// <returns>False when the place is found.</returns>
    public bool Advance()
    {
        switch (_stage)
        {
            case Stage.FirstKey when _low < _high:
                int middle = Middle;
                if (_segment.Key(middle) < _key)
                    _low = middle + 1;
                else
                    _high = middle;
                return true;
            case Stage.FirstKey:
                (_step, _stage) = (1, Stage.LastKey);
                return true;
            case Stage.LastKey when _low + _step < _segment.Keys && _segment.Key(_low + _step) == _key:
                _step *= 2;
                return true;
            case Stage.LastKey:
                _high = Math.Min(_segment.Count, (_low + _step) * SortedSegment.KeyEvery);
                _low = Math.Max(0, (_low - 1) * SortedSegment.KeyEvery);
                (_lowCommon, _highCommon, _stage) = (0, 0, Stage.Place);
                _segment.PrefetchPlace(Middle);
                return true;
            case Stage.Place:
                _stage = Stage.Tokens;
                return Aim();
            case Stage.Tokens:
                return Halve();
            default:
                return false;
        }
    }

    /// <summary>Collects matches of at least so many tokens, of those not walked past.</summary>
    /// <param name="atLeast">Tokens.</param>
    /// <param name="most">Taken at most, the longest.</param>
    /// <param name="index">Of the segment.</param>
    /// <param name="found">Takes them, the newest first.</param>
    /// <param name="origin">What to note beside them.</param>
    public void Find(int atLeast, int most, SuffixIndex index, Occurrences found, Origin origin)
    {
        uint* positions = stackalloc uint[most];
        int* lengths = stackalloc int[most];
        int count = 0;
        if (_leftLength == Unknown)
            (_leftLength, _rightLength) = (Length(_left), Length(_right));
        while (count < most && Math.Max(_leftLength, _rightLength) >= atLeast)
        {
            (uint position, int length) = Next();
            int at = count++;
            for (; at > 0 && positions[at - 1] - _segment.Start < position - _segment.Start; at--)
                (positions[at], lengths[at]) = (positions[at - 1], lengths[at - 1]);
            (positions[at], lengths[at]) = (position, length);
        }

        for (int i = 0; i < count; i++)
        {
            if (!found.Add(index, positions[i], lengths[i], origin))
                return;
        }
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

        (_right, _left, _stage) = (_low, _low - 1, Stage.Found);
        (_leftLength, _rightLength) = (Unknown, Unknown);
        for (int i = 0; i < Ahead; i++)
        {
            _segment.PrefetchTokens(_left - i);
            _segment.PrefetchTokens(_right + i);
        }

        return false;
    }

    private (uint Position, int Length) Next()
    {
        if (_leftLength >= _rightLength)
        {
            (uint, int) left = (_segment.Position(_left), _leftLength);
            _segment.PrefetchTokens(_left - Ahead);
            _leftLength = Length(--_left);
            return left;
        }

        (uint, int) right = (_segment.Position(_right), _rightLength);
        _segment.PrefetchTokens(_right + Ahead);
        _rightLength = Length(++_right);
        return right;
    }

    private readonly int Length(int place) =>
        (uint)place < (uint)_segment.Count ? _segment.MatchLength(place, _contextEnd, _contextLength) : 0;
}
