namespace Agentic.SuffixCache;

/// <summary>A search through the chains of an index's newest part, all four orders' side by side, one link each a round.</summary>
internal unsafe struct ChainSearch
{
    // Links followed to find the occurrences of one order.
    private const int Walked = 40;

    private SuffixIndex _index;
    private int* _contextEnd;
    private uint _start;
    private int _rounds, _orders;
    private fixed uint _chains[ContextHashes.Orders * Walked];
    private fixed int _counts[ContextHashes.Orders];

    /// <summary>Matches of at least as many tokens as the highest order that were passed.</summary>
    public int Sure { get; private set; }

    /// <param name="index">Where to look.</param>
    /// <param name="contextEnd">One past the context's last token.</param>
    /// <param name="contextLength">Tokens of it.</param>
    /// <param name="hashes">Of the context.</param>
    public void Begin(SuffixIndex index, int* contextEnd, int contextLength, in ContextHashes hashes)
    {
        _index = index;
        _contextEnd = contextEnd;
        (_rounds, Sure) = (0, 0);
        uint end = index.Log.End;
        _start = index.HotStart;
        _orders = 0;
        while (_orders < ContextHashes.Orders && ContextHashes.Length(_orders) <= contextLength)
            _orders++;
        for (int order = 0; order < ContextHashes.Orders; order++)
        {
            _counts[order] = 0;
            if (order < _orders)
                Take(order, index.Newest(order, hashes), end);
        }
    }

    /// <summary>One round.</summary>
    /// <returns>False at the chains' ends.</returns>
    public bool Advance()
    {
        if (++_rounds >= Walked)
            return false;
        bool more = false;
        for (int order = 0; order < _orders; order++)
        {
            if (_counts[order] < _rounds)
                continue;
            uint newer = _chains[(order * Walked) + _rounds - 1];
            if (order == ContextHashes.Orders - 1)
                Sure += _index.Log.CommonSuffix(newer, _contextEnd, ContextHashes.Longest) == ContextHashes.Longest ? 1 : 0;
            Take(order, _index.Older(order, newer), newer);
            more |= _counts[order] > _rounds;
        }

        return more;
    }

    /// <summary>Collects matches as long as an order and shorter than the next, the newest first.</summary>
    public void Find(int order, int contextLength, Occurrences found, Origin origin)
    {
        int atLeast = ContextHashes.Length(order);
        int below = order + 1 < ContextHashes.Orders ? ContextHashes.Length(order + 1) : int.MaxValue;
        int compared = Math.Min(Math.Min(contextLength, SortedSegment.LongestMatch), below), taken = 0;
        for (int i = 0; i < _counts[order] && taken < SuffixIndex.TakenPerOrder; i++)
        {
            uint position = _chains[(order * Walked) + i];
            int length = _index.Log.CommonSuffix(position, _contextEnd, compared);
            if (length < atLeast || length >= below)
                continue;
            if (!found.Add(_index, position, length, origin))
                return;
            taken++;
        }
    }

    /// <summary>Chains run strictly backwards to where the sealed part ends: what does not is a stale end.</summary>
    private void Take(int order, uint position, uint newer)
    {
        if (position == 0 || position - _start >= newer - _start)
            return;
        _chains[(order * Walked) + _counts[order]++] = position;
        _index.Prefetch(position);
    }
}
