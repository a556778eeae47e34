namespace Agentic.SuffixCache;

/// <summary>A walk through a sorted segment from where a context would stand outwards: the longest matches first.</summary>
internal unsafe struct SegmentSearch
{
    // Neighbours are asked for so far ahead.
    private const int Ahead = 6;

    private readonly SortedSegment _segment;
    private readonly int* _contextEnd;
    private readonly int _contextLength;
    private int _left, _right;
    private int _leftLength, _rightLength;

    public SegmentSearch(SortedSegment segment, int* contextEnd, int contextLength)
    {
        _contextEnd = contextEnd;
        (_segment, _contextLength) = (segment, contextLength);
        _right = segment.Rank(contextEnd, contextLength);
        _left = _right - 1;
        for (int i = 0; i < Ahead; i++)
        {
            segment.Prefetch(_left - i);
            segment.Prefetch(_right + i);
        }

        (_leftLength, _rightLength) = (Length(_left), Length(_right));
    }

    /// <summary>Collects matches of at least so many tokens, of those not walked past; then walks past all of them.</summary>
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
        while (count < most && Math.Max(_leftLength, _rightLength) >= atLeast)
        {
            (uint position, int length) = Next();
            int at = count++;
            for (; at > 0 && positions[at - 1] - _segment.Start < position - _segment.Start; at--)
                (positions[at], lengths[at]) = (positions[at - 1], lengths[at - 1]);
            (positions[at], lengths[at]) = (position, length);
        }

        if (count == most)
            Skip(atLeast);
        for (int i = 0; i < count; i++)
        {
            if (!found.Add(index, positions[i], lengths[i], origin))
                return;
        }
    }

    private (uint Position, int Length) Next()
    {
        if (_leftLength >= _rightLength)
        {
            (uint, int) left = (_segment.Position(_left), _leftLength);
            _segment.Prefetch(_left - Ahead);
            _leftLength = Length(--_left);
            return left;
        }

        (uint, int) right = (_segment.Position(_right), _rightLength);
        _segment.Prefetch(_right + Ahead);
        _rightLength = Length(++_right);
        return right;
    }

    private readonly int Length(int place) =>
        (uint)place < (uint)_segment.Count ? _segment.MatchLength(place, _contextEnd, _contextLength) : 0;

    /// <summary>Walks past all matches of at least so many tokens, in steps that double.</summary>
    private void Skip(int atLeast)
    {
        if (_leftLength >= atLeast)
            _leftLength = Length(_left = Boundary(_left, -1, atLeast));
        if (_rightLength >= atLeast)
            _rightLength = Length(_right = Boundary(_right, 1, atLeast));
    }

    /// <summary>The first place in a direction that does not match.</summary>
    private readonly int Boundary(int matching, int direction, int atLeast)
    {
        int step = 1;
        while (Matches(matching + (direction * step), atLeast))
        {
            matching += direction * step;
            step *= 2;
        }

        // Between the last that matched and the first that did not.
        for (step /= 2; step > 0; step /= 2)
        {
            if (Matches(matching + (direction * step), atLeast))
                matching += direction * step;
        }

        return matching + direction;
    }

    private readonly bool Matches(int place, int atLeast) =>
        (uint)place < (uint)_segment.Count && _segment.Matches(place, _contextEnd, atLeast);
}
