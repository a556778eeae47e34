namespace Agentic.ModelRuntime;

/// <summary>How fast running sequences have lately ended: when a place in the waiting line will be free. Safe for concurrent use.</summary>
/// <remarks>Ends of the last busy time are counted over what it has lasted, so that a batch that ends at once weighs as much as one that
/// ends one by one, and a pace that has slowed down shows while nothing ends. Idle time does not count. Before any has ended, sequences
/// are taken to write what they may, but no more than answers usually have, one token a step.</remarks>
/// <param name="mostSequences">Run at once.</param>
/// <param name="step">How long a step of so many sequences takes.</param>
internal sealed class FinishPace(int mostSequences, TimeSpan step)
{
    private const int MostEnds = 64;
    private const int UsualTokens = 256;   // of an answer that may be as long as the context

    private const double ShortestSeconds = 1, LongestSeconds = 60;

    private readonly Lock _lock = new();
    private readonly Queue<TimeSpan> _ends = new();
    private double? _secondsPerEnd;   // of the busy time before this one
    private TimeSpan? _since;         // beginning of what is counted
    private double _meanTokens = UsualTokens;
    private long _requests;

    /// <summary>Takes note of how many tokens each sequence of a request may write.</summary>
    public void Expect(int mostTokens)
    {
        lock (_lock)
            _meanTokens += (Math.Min(mostTokens, UsualTokens) - _meanTokens) / ++_requests;
    }

    /// <summary>Takes note that there is work.</summary>
    public void Busy(TimeSpan now)
    {
        lock (_lock)
            _since ??= now;
    }

    /// <summary>Takes note that a running sequence has ended.</summary>
    public void Ended(TimeSpan now)
    {
        lock (_lock)
        {
            _since ??= now;
            _ends.Enqueue(now);
            if (_ends.Count > MostEnds)
                _since = _ends.Dequeue();
        }
    }

    /// <summary>Takes note that there is no work.</summary>
    public void Idle(TimeSpan now)
    {
        lock (_lock)
        {
            _secondsPerEnd = _ends.Count > 0 ? SecondsPerEnd(now) : _secondsPerEnd;
            _ends.Clear();
            _since = null;
        }
    }

    /// <summary>When so many sequences will have ended, between a second and a minute.</summary>
    public TimeSpan UntilEnded(int sequences, TimeSpan now)
    {
        lock (_lock)
            return TimeSpan.FromSeconds(Math.Clamp(Math.Ceiling(sequences * SecondsPerEnd(now)), ShortestSeconds, LongestSeconds));
    }

    private double SecondsPerEnd(TimeSpan now)
    {
        double seconds = _since is { } since ? (now - since).TotalSeconds : 0;
        double expected = _secondsPerEnd ?? step.TotalSeconds * _meanTokens / mostSequences;
        return _ends.Count > 0 ? seconds / _ends.Count : Math.Max(expected, seconds / mostSequences);
    }
}
