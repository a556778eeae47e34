using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Agentic.Kernels;
using Agentic.ModelRuntime;

namespace Agentic.Benchmarks;

/// <summary>What a pass of the bundled model costs by rows, and how fast it takes prompts, in half a minute: <c>dotnet run -c Release -- --steps [--threads N]</c>.</summary>
/// <remarks>
/// All sizes take turns, so that a disturbance meets all alike; shown are the median of the rounds and the least, which nothing disturbed. Then
/// some of the passes once more with a clock around every operation. One thread is timed by the processor time it got, which others on the machine
/// disturb least; several by the clock.
/// </remarks>
internal static class StepCurve
{
    private const int Context = 512, Rounds = 12, Runs = 6;

    private static readonly int[] TreeRows = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32];
    private static readonly int[] PromptRows = [64, 256, 512];

    public static void Run(int threads)
    {
        using CpuKernels kernels = new(threads);
        using Transformer model = Load(kernels);
        Pass[] passes = [.. TreeRows.Select(rows => new Pass(rows, Tree: true)), .. PromptRows.Select(rows => new Pass(rows, Tree: false))];
        Func<TimeSpan> now = threads == 1 ? () => Environment.CpuUsage.TotalTime : () => Stopwatch.GetElapsedTime(0);
        Measure(model, passes, 3, now);
        foreach (Pass pass in passes)
            pass.Microseconds.Clear();
        Measure(model, passes, Rounds, now);

        Console.WriteLine($"{threads} threads, {Context} keys of context; {Peak(now):F0} G multiply-adds a second are the most one thread can do");
        foreach (Pass pass in passes)
            Console.WriteLine($"  {pass.Name,-16} median {Figure(pass, one => one.Median)}, least {Figure(pass, one => one.Least)}");
        foreach (Pass pass in passes.Where(pass => pass.Rows is 1 or 4 or 8 or 512))
            Profile(kernels, pass, now);
        HeadCurve.Run(kernels, model, now);

        string Figure(Pass pass, Func<Pass, double> of) => $"{of(pass),7:F0} µs, " + (pass.Tree
            ? $"{of(pass) / of(passes[0]):F2}x of one row"
            : $"{1e6 * pass.Rows / of(pass):F0} tokens/s");
    }

    /// <summary>Billions of float32 multiply-adds a second, from registers alone.</summary>
    private static double Peak(Func<TimeSpan> now)
    {
        const int Turns = 200_000, Chains = 10;
        double best = 0;
        for (int run = 0; run < 20; run++)
        {
            TimeSpan start = now();
            float sum = Vector512.IsHardwareAccelerated ? Chain<Simd512, Vector512<float>>(Turns) : Chain<Simd256, Vector256<float>>(Turns);
            GC.KeepAlive(sum);
            int lanes = Vector512.IsHardwareAccelerated ? Vector512<float>.Count : Vector256<float>.Count;
            best = Math.Max(best, (double)Turns * Chains * lanes / (now() - start).TotalNanoseconds);
        }

        return best;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Chain<S, V>(int turns)
        where S : ISimd<V>
        where V : struct
    {
        V x = S.Broadcast(0.25f), a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x;
        for (int turn = 0; turn < turns; turn++)
        {
            a = S.MultiplyAdd(a, x, x); b = S.MultiplyAdd(b, x, x); c = S.MultiplyAdd(c, x, x); d = S.MultiplyAdd(d, x, x); e = S.MultiplyAdd(e, x, x);
            f = S.MultiplyAdd(f, x, x); g = S.MultiplyAdd(g, x, x); h = S.MultiplyAdd(h, x, x); i = S.MultiplyAdd(i, x, x); j = S.MultiplyAdd(j, x, x);
        }

        V sum = S.Add(S.Add(S.Add(a, b), S.Add(c, d)), S.Add(S.Add(e, f), S.Add(S.Add(g, h), S.Add(i, j))));
        return S.MaxAcross(sum);
    }

    private static void Measure(Transformer model, Pass[] passes, int rounds, Func<TimeSpan> now)
    {
        for (int round = 0; round < rounds; round++)
        {
            foreach (Pass pass in passes)
            {
                StepRows rows = pass.Lay(model);
                model.Forward(rows); // the pass before it left other things in the caches
                for (int run = 0; run < (pass.Tree ? Runs : 1); run++)
                {
                    TimeSpan start = now();
                    model.Forward(rows);
                    pass.Microseconds.Add((now() - start).TotalMicroseconds);
                }
            }
        }
    }

    private static void Profile(CpuKernels kernels, Pass pass, Func<TimeSpan> now)
    {
        using TimedKernels timed = new(kernels, now);
        using Transformer model = Load(timed);
        StepRows rows = pass.Lay(model);
        Dictionary<string, TimeSpan> least = [];
        for (int run = 0; run < Rounds * (pass.Tree ? Runs : 1); run++)
        {
            model.Forward(rows);
            timed.KeepLeast(least);
        }

        Console.WriteLine($"  {pass.Name}, least µs by operation: {TimedKernels.Describe(least)}");
    }

    private static Transformer Load(IKernels kernels)
    {
        Transformer model = Transformer.Load(Path.Combine(Clone.Root(), "models", "agentic-tiny"), new ModelOptions(), kernels);
        model.AllocateKv(((Context + PromptRows.Max()) / model.BlockSize) + 1);
        return model;
    }

    private sealed record Pass(int Rows, bool Tree)
    {
        public List<double> Microseconds { get; } = [];

        public string Name => $"{(Tree ? "tree" : "prompt")} of {Rows} rows";

        public double Median => Microseconds.Order().ElementAt(Microseconds.Count / 2);

        public double Least => Microseconds.Min();

        /// <summary>The rows after the context: a tree of two branches, or a chain of which no row is scored.</summary>
        public StepRows Lay(Transformer model)
        {
            StepRows rows = new();
            Random random = new(Rows);
            int[] blockTable = [.. Enumerable.Range(0, ((Context + Rows) / model.BlockSize) + 1)];
            int[] tokens = [.. Enumerable.Range(0, Rows).Select(_ => random.Next(model.VocabularySize))];
            int[] parents = [.. Enumerable.Range(0, Rows - 1).Select(node => node < 2 ? -1 : node - 2)];
            int[] depths = [.. Enumerable.Range(0, Rows - 1).Select(node => (node / 2) + 1)];
            if (Tree)
                rows.AddTree(tokens[0], tokens.AsSpan(1), parents, depths, Context, blockTable, model.BlockSize);
            else
                rows.AddChain(tokens, Context, blockTable, model.BlockSize, scoreLast: false);
            return rows;
        }
    }
}
