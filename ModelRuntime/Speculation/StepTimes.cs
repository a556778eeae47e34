using System.Numerics;

namespace Agentic.ModelRuntime;

/// <summary>How well steps are foretold, their time and what they accept: over the last steps, and since the start by the number of
/// sequences.</summary>
/// <remarks>Written by the engine's thread, read by whoever asks; a figure read may be a step old.</remarks>
internal sealed class StepTimes
{
    private const int Sizes = 11;   // none, 1, 2 or 3, 4 to 7, … sequences

    private readonly float[] _ratios = new float[4096];
    private readonly Batch[] _batches = [.. Enumerable.Range(0, Sizes).Select(_ => new Batch())];
    private long _count;

    /// <summary>Median of |predicted − actual| / actual over the last 4,096 steps; 0 before the first.</summary>
    public double MedianError
    {
        get
        {
            int count = (int)Math.Min(Volatile.Read(ref _count), _ratios.Length);
            float[] errors = [.. _ratios.Take(count).Select(ratio => Math.Abs(ratio - 1)).Order()];
            return errors.Length == 0 ? 0 : errors[errors.Length / 2];
        }
    }

    /// <summary>Those batch sizes that there were.</summary>
    public IEnumerable<BatchReport> Batches => _batches
        .Select((batch, size) => new BatchReport(
            size == 0 ? 0 : 1 << (size - 1), batch.Steps, batch.Predicted, batch.Actual, batch.Prompt, batch.Drafted, batch.Expected, batch.Accepted))
        .Where(batch => batch.Steps > 0);

    /// <summary>A step took place.</summary>
    /// <param name="predicted">Seconds that it was to take.</param>
    /// <param name="actual">Seconds that it took.</param>
    /// <param name="prompt">Of those, seconds that rows of prompts took.</param>
    /// <param name="sequences">That it decoded.</param>
    /// <param name="drafted">Nodes verified.</param>
    /// <param name="expected">Nodes that were expected to be accepted.</param>
    /// <param name="accepted">Nodes that were.</param>
    public void Add(double predicted, double actual, double prompt, int sequences, long drafted, double expected, long accepted)
    {
        Batch batch = _batches[sequences == 0 ? 0 : Math.Min(BitOperations.Log2((uint)sequences) + 1, Sizes - 1)];
        batch.Steps++;
        batch.Predicted += predicted;
        batch.Actual += actual;
        batch.Prompt += prompt;
        batch.Drafted += drafted;
        batch.Expected += expected;
        batch.Accepted += accepted;
        _ratios[_count % _ratios.Length] = (float)(predicted / Math.Max(actual, 1e-9));
        Volatile.Write(ref _count, _count + 1);
    }

    private sealed class Batch
    {
        public long Steps, Drafted, Accepted;
        public double Predicted, Actual, Prompt, Expected;
    }
}
