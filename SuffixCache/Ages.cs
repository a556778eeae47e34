namespace Agentic.SuffixCache;

/// <summary>When the tokens of a log were last used to be written: one time for each stretch, its newest token's.</summary>
/// <param name="stretchTokens">Tokens that share a time.</param>
internal sealed class Ages(uint stretchTokens)
{
    private readonly Queue<(uint End, DateTimeOffset Newest)> _stretches = new();
    private (uint Start, uint End, DateTimeOffset Newest) _last;

    /// <summary>The newest token's time.</summary>
    public DateTimeOffset Newest { get; private set; } = DateTimeOffset.MinValue;

    /// <summary>Tokens up to a position were added.</summary>
    /// <param name="end">One past the newest.</param>
    /// <param name="time">When they were read or written, which may be long ago where they come from the store.</param>
    public void Note(uint end, DateTimeOffset time)
    {
        Newest = time > Newest ? time : Newest;
        if (end - _last.Start > stretchTokens)
        {
            _stretches.Enqueue((_last.End, _last.Newest));
            _last = (_last.End, end, time);
            return;
        }

        _last = (_last.Start, end, time > _last.Newest ? time : _last.Newest);
    }

    /// <summary>Whether all that lies between two positions is older than a time.</summary>
    /// <param name="start">The log's oldest position.</param>
    /// <param name="end">One past the last.</param>
    /// <param name="time">Of the oldest to be kept.</param>
    public bool IsOlder(uint start, uint end, DateTimeOffset time)
    {
        while (_stretches.TryPeek(out (uint End, DateTimeOffset Newest) dropped) && (int)(dropped.End - start) <= 0)
            _stretches.Dequeue();
        uint from = start;
        foreach ((uint stretchEnd, DateTimeOffset newest) in _stretches)
        {
            if ((int)(end - from) <= 0)
                return true;
            if (newest >= time)
                return false;
            from = stretchEnd;
        }

        return (int)(end - from) <= 0 || _last.Newest < time;
    }
}
