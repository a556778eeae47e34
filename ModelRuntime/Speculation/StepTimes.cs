namespace Agentic.ModelRuntime;

/// <summary>How well the time of a step is foretold: predicted by actual, over the last steps.</summary>
internal sealed class StepTimes
{
    private readonly float[] _ratios = new float[4096];
    private long _count;

    /// <summary>Seconds that steps were expected to take.</summary>
    public double Predicted { get; private set; }

    /// <summary>Seconds that they took.</summary>
    public double Actual { get; private set; }

    /// <summary>Median of |predicted − actual| / actual over the last 4,096 steps; 0 before the first.</summary>
    public double MedianError
    {
        get
        {
            float[] errors = [.. _ratios.Take((int)Math.Min(Volatile.Read(ref _count), _ratios.Length)).Select(ratio => Math.Abs(ratio - 1)).Order()];
            return errors.Length == 0 ? 0 : errors[errors.Length / 2];
        }
    }

    public void Add(double predicted, double actual)
    {
        Predicted += predicted;
        Actual += actual;
        _ratios[_count % _ratios.Length] = (float)(predicted / Math.Max(actual, 1e-9));
        Volatile.Write(ref _count, _count + 1);
    }
}
