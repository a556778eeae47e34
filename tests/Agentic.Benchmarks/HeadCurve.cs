using Agentic.Kernels;
using Agentic.ModelRuntime;

namespace Agentic.Benchmarks;

/// <summary>What the bundled draft head costs: levels of a tree by rows, and the first pass of a step, which catches up with pairs of true states.</summary>
internal static unsafe class HeadCurve
{
    private const int Window = 128, Rounds = 200;

    private static readonly (int Rows, bool IsLevel)[] Passes = [(1, true), (2, true), (4, true), (1, false), (5, false), (32, false), (Window, false)];

    /// <param name="kernels">Where it computes.</param>
    /// <param name="model">The target.</param>
    /// <param name="now">A clock.</param>
    public static void Run(CpuKernels kernels, Transformer model, Func<TimeSpan> now)
    {
        using TimedKernels timed = new(kernels, now);
        using EagleHead head = Load(model, kernels), timedHead = Load(model, timed);
        model.CaptureBoundaries(head.Config.Boundaries);
        foreach ((int rows, bool isLevel) in Passes)
        {
            double[] all = [.. Measure(head, model, rows, isLevel, now, () => { }).Order()];
            Dictionary<string, TimeSpan> least = [];
            Measure(timedHead, model, rows, isLevel, now, () => timed.KeepLeast(least));
            string name = isLevel ? $"level of {rows} rows" : $"first level, {rows} pairs";
            Console.WriteLine($"  {name,-22} median {all[all.Length / 2],6:F1} µs, least {all[0],6:F1} µs: {TimedKernels.Describe(least)}");
        }
    }

    private static EagleHead Load(Transformer model, IKernels kernels)
    {
        EagleHead head = EagleHead.Load(Path.Combine(Clone.Root(), "models", "agentic-tiny-eagle3"), model, kernels);
        head.AllocateKv((2 * Window / head.BlockSize) + 1);
        return head;
    }

    /// <returns>Microseconds of each round.</returns>
    private static List<double> Measure(EagleHead head, Transformer model, int count, bool isLevel, Func<TimeSpan> now, Action afterRound)
    {
        StepRows rows = new();
        int[] blocks = [.. Enumerable.Range(0, (2 * Window / head.BlockSize) + 1)], tokens = [.. Enumerable.Range(1, count)];
        if (isLevel)
            rows.AddLevel(tokens, [.. Enumerable.Range(0, count).Select(row => 1u << row)], 0, 0, Window, blocks, head.BlockSize);
        else
            rows.AddChain(tokens, Window - count, blocks, head.BlockSize, scoreLast: true);
        int stateSize = ((ITargetStates)model).StateSize;
        using NativeArray<float> states = new((long)count * stateSize), hidden = new((long)count * head.HiddenSize);
        Random random = new(count);
        for (int i = 0; i < count * stateSize; i++)
            states.Data[i] = random.NextSingle() - 0.5f;
        for (int i = 0; i < count * head.HiddenSize; i++)
            hidden.Data[i] = random.NextSingle() - 0.5f;
        List<double> all = [];
        for (int round = 0; round < 2 * Rounds; round++)
        {
            TimeSpan start = now();
            if (!isLevel)
                head.FuseStates(states.Data, count, hidden.Data);
            head.Forward(rows, hidden.Data, hidden.Data);
            if (round >= Rounds)
                all.Add((now() - start).TotalMicroseconds);
            afterRound();
        }

        return all;
    }
}
