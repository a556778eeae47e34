namespace Agentic.SuffixCache;

/// <summary>One context's search through an index: the chains of its newest part, then its segments from the newest.</summary>
/// <remarks>Kept from draft to draft, so that none allocates.</remarks>
internal sealed unsafe class IndexSearch
{
    private SegmentSearch[] _segments = [];
    private int _segmentCount;
    private SuffixIndex? _index;
    private int* _contextEnd;
    private int _contextLength;
    private ContextHashes _hashes;

    /// <param name="index">Where to look; null finds nothing.</param>
    /// <param name="contextEnd">One past the context's last token; the context stays in place until the last <see cref="Find"/>.</param>
    /// <param name="contextLength">Tokens of it.</param>
    /// <param name="hashes">Of it.</param>
    public void Begin(SuffixIndex? index, int* contextEnd, int contextLength, in ContextHashes hashes)
    {
        _contextEnd = contextEnd;
        (_index, _contextLength, _hashes, _segmentCount) = (index, contextLength, hashes, 0);
        if (index is null || contextLength == 0)
            return;
        ReadOnlySpan<SortedSegment> segments = index.Segments;
        if (_segments.Length < segments.Length)
            _segments = new SegmentSearch[segments.Length + 4];
        for (int i = segments.Length - 1; i >= 0; i--)
            _segments[_segmentCount++] = new SegmentSearch(segments[i], contextEnd, contextLength);
    }

    /// <summary>Collects matches as long as an order and shorter than the next.</summary>
    /// <param name="order">From the longest down.</param>
    /// <param name="found">Takes them.</param>
    /// <param name="origin">What to note beside them.</param>
    public void Find(int order, Occurrences found, Origin origin)
    {
        if (_index is null)
            return;
        _index.Find(order, _contextEnd, _contextLength, _hashes, found, origin);
        for (int i = 0; i < _segmentCount && found.Count < Occurrences.Capacity; i++)
            _segments[i].Find(ContextHashes.Length(order), SuffixIndex.TakenPerOrder, _index, found, origin);
    }
}
