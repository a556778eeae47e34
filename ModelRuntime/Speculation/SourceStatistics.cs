namespace Agentic.ModelRuntime;

/// <summary>How one source fares: written by the engine's thread, read by whoever asks; a figure read may be a step old.</summary>
internal sealed class SourceStatistics(DraftSource source)
{
    private const int Bins = 10;

    private readonly double[] _expected = new double[Bins];
    private readonly long[] _accepted = new long[Bins];

    /// <summary>Its name in lower case.</summary>
    public string Label { get; } = source.ToString().ToLowerInvariant();

    /// <summary>Nodes it named, whoever else did.</summary>
    public long Proposed { get; private set; }

    /// <summary>Those of them that the target was asked about.</summary>
    public long Drafted { get; private set; }

    /// <summary>Those of them that the target took.</summary>
    public long Accepted { get; private set; }

    /// <summary>How many it said would be.</summary>
    public double Expected { get; private set; }

    /// <summary>Spent on proposing and learning.</summary>
    public double Seconds { get; private set; }

    /// <summary>Mean distance of said probability and share taken, over tenths of probability, weighed by nodes: 0 is calibrated.</summary>
    public double CalibrationError
    {
        get
        {
            double distance = 0;
            for (int bin = 0; bin < Bins; bin++)
                distance += Math.Abs(_expected[bin] - _accepted[bin]);
            return distance / Math.Max(1, Drafted);
        }
    }

    public void AddProposed(int nodes) => Proposed += nodes;

    public void AddSeconds(double seconds) => Seconds += seconds;

    public void AddDrafted(float claim, bool accepted)
    {
        Drafted++;
        Expected += claim;
        int bin = Math.Clamp((int)(claim * Bins), 0, Bins - 1);
        _expected[bin] += claim;
        if (!accepted)
            return;
        Accepted++;
        _accepted[bin]++;
    }
}
