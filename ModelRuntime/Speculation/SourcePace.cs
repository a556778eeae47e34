namespace Agentic.ModelRuntime;

/// <summary>Whether a source is worth its time: one whose nodes save less than asking it costs is asked seldom, until it pays again.</summary>
internal sealed class SourcePace
{
    // Long enough that a source which saves a token in a hundred steps is seen to.
    private const int TrialAsks = 256;
    private const int MostPauses = 32;

    private int _asks;
    private int _pauses;
    private long _pausedAsks;
    private double _gainSeconds;
    private double _costSeconds;

    /// <summary>Whether to ask now. A source that was dropped is tried again after 1, 2, 4, … 32 times as long as a trial lasts.</summary>
    public bool IsDue() => _pausedAsks == 0 || --_pausedAsks == 0;

    /// <summary>Whether it is left out at the moment.</summary>
    public bool IsPaused => _pausedAsks > 0;

    public void AddCost(double seconds) => _costSeconds += seconds;

    /// <summary>A node that only this source named was taken, or was not.</summary>
    public void AddNode(bool accepted, double stepSeconds, double rowSeconds)
    {
        _costSeconds += rowSeconds;
        _gainSeconds += accepted ? stepSeconds : 0;
    }

    /// <summary>A step in which it was asked is over.</summary>
    public void Asked()
    {
        if (++_asks < TrialAsks)
            return;
        _pauses = _gainSeconds >= _costSeconds ? 0 : Math.Clamp(_pauses * 2, 1, MostPauses);
        _pausedAsks = (long)_pauses * TrialAsks;
        (_asks, _gainSeconds, _costSeconds) = (0, 0, 0);
    }

    /// <summary>Starts over: what it has to say is new.</summary>
    public void Resume() => (_asks, _pauses, _pausedAsks, _gainSeconds, _costSeconds) = (0, 0, 0, 0, 0);
}
