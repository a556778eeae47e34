namespace Agentic.SuffixCache;

/// <summary>One context's search through an index: the chains of its newest part and its segments, side by side.</summary>
/// <remarks>A thread keeps it from draft to draft, so that none allocates.</remarks>
internal sealed unsafe class IndexSearch
{
    private SegmentSearch[] _segments = [];
    private int _segmentCount;
    private ChainSearch _chains;
    private SuffixIndex? _index;

    /// <param name="index">Where to look; null finds nothing.</param>
    /// <param name="contextEnd">One past the context's last token; the context stays in place until the last <see cref="Find"/>.</param>
    /// <param name="contextLength">Tokens of it.</param>
    /// <param name="hashes">Of it.</param>
    public void Begin(SuffixIndex? index, int* contextEnd, int contextLength, in ContextHashes hashes)
    {
        (_index, _segmentCount) = (contextLength == 0 ? null : index, 0);
        if (_index is null)
            return;
        _chains.Begin(_index, contextEnd, contextLength, hashes);
        ReadOnlySpan<SortedSegment> segments = _index.Segments;
        if (_segments.Length < segments.Length)
            _segments = new SegmentSearch[segments.Length + 4];
        for (int i = segments.Length - 1; i >= 0; i--)
            _segments[_segmentCount++].Begin(segments[i], contextEnd, contextLength);
    }

    /// <summary>One round: each part of the search goes as far as memory that was asked for in the round before, and asks for the
    /// next.</summary>
    /// <param name="counts">Of all searches that go on side by side.</param>
    /// <returns>False when there is nothing more to look up.</returns>
    public bool Advance(ref MatchCounts counts)
    {
        if (_index is null)
            return false;
        bool inSegments = false;
        foreach (ref SegmentSearch segment in _segments.AsSpan(0, _segmentCount))
            inSegments |= segment.Advance(ref counts);
        return _chains.Advance(ref counts, isLastResort: !inSegments) || inSegments;
    }

    /// <summary>Collects matches as long as an order and, as long as there are any, shorter than the next.</summary>
    /// <param name="order">From the longest down.</param>
    /// <param name="found">Takes them.</param>
    /// <param name="origin">What to note beside them.</param>
    public void Find(int order, Occurrences found, Origin origin)
    {
        if (_index is null)
            return;
        _chains.Find(order, found, origin);
        for (int i = 0; i < _segmentCount && found.Count < Occurrences.MostFound; i++)
            _segments[i].Find(ContextHashes.Length(order), SuffixIndex.TakenPerOrder, _index, found, origin);
    }
}
