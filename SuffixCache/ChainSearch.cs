using System.Numerics;

namespace Agentic.SuffixCache;

/// <summary>A search through the chains of an index's newest part, all four orders' side by side, one link each a round.</summary>
internal unsafe struct ChainSearch
{
    // Links followed to find the occurrences of one order.
    private const int Walked = 40;

    private SuffixIndex _index;
    private int* _contextEnd;
    private int _contextLength;
    private uint _start, _end;
    private int _rounds;
    private uint _walking;   // one bit for each order whose chain goes on
    private fixed ulong _heads[ContextHashes.Orders];
    private fixed uint _next[ContextHashes.Orders];
    private fixed int _counts[ContextHashes.Orders];
    private fixed uint _positions[ContextHashes.Orders * SuffixIndex.TakenPerOrder];
    private fixed int _lengths[ContextHashes.Orders * SuffixIndex.TakenPerOrder];

    /// <param name="index">Where to look.</param>
    /// <param name="contextEnd">One past the context's last token.</param>
    /// <param name="contextLength">Tokens of it.</param>
    /// <param name="hashes">Of the context.</param>
    public void Begin(SuffixIndex index, int* contextEnd, int contextLength, in ContextHashes hashes)
    {
        _index = index;
        _contextEnd = contextEnd;
        (_contextLength, _rounds, _walking) = (contextLength, 0, 0);
        (_start, _end) = (index.HotStart, index.Log.End);
        for (int order = 0; order < ContextHashes.Orders; order++)
        {
            _counts[order] = 0;
            _heads[order] = ContextHashes.Length(order) <= contextLength ? (ulong)index.Newest(order, hashes) : 0;
        }
    }

    /// <summary>One round.</summary>
    /// <param name="counts">Of all searches.</param>
    /// <param name="isLastResort">The segments are searched: now those of one token count, if there are too few others.</param>
    /// <returns>False at the chains' ends.</returns>
    public bool Advance(ref MatchCounts counts, bool isLastResort)
    {
        if (_rounds++ == 0)
        {
            for (int order = 0; order < ContextHashes.Orders; order++)
            {
                if (_heads[order] != 0)
                    Follow(order, *(uint*)_heads[order], _end);
            }

            return _walking != 0;
        }

        if (_rounds > 1 + Walked)
            return false;
        for (uint left = isLastResort ? _walking : _walking & ~1u; left != 0; left &= left - 1)
        {
            int order = BitOperations.TrailingZeroCount(left);
            uint position = _next[order];
            _walking &= ~(1u << order);
            if (counts.Outdoes(order))
                continue;
            Compare(order, position, ref counts);
            if (_counts[order] < SuffixIndex.TakenPerOrder)
                Follow(order, _index.Older(order, position), position);
        }

        return _walking != 0;
    }

    /// <summary>Collects matches as long as an order and shorter than the next, the newest first.</summary>
    public readonly void Find(int order, Occurrences found, Origin origin)
    {
        for (int i = order * SuffixIndex.TakenPerOrder, end = i + _counts[order]; i < end; i++)
        {
            if (!found.Add(_index, _positions[i], _lengths[i], origin))
                return;
        }
    }

    /// <summary>Keeps a match as long as the order and shorter than the next, which that one's chain leads to.</summary>
    private void Compare(int order, uint position, ref MatchCounts counts)
    {
        int below = order + 1 < ContextHashes.Orders ? ContextHashes.Length(order + 1) : SortedSegment.LongestMatch + 1;
        int length = _index.Log.CommonSuffix(position, _contextEnd, Math.Min(Math.Min(_contextLength, SortedSegment.LongestMatch), below));
        if (length < ContextHashes.Length(order) || length >= below)
            return;
        int at = (order * SuffixIndex.TakenPerOrder) + _counts[order]++;
        (_positions[at], _lengths[at]) = (position, length);
        counts.Add(length);
    }

    /// <summary>Chains run strictly backwards to where the sealed part ends: what does not is a stale end.</summary>
    private void Follow(int order, uint position, uint newer)
    {
        if (position == 0 || position - _start >= newer - _start)
            return;
        _next[order] = position;
        _walking |= 1u << order;
        _index.Prefetch(position, ContextHashes.Length(order));
    }
}
