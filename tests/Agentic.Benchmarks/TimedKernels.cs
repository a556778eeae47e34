using Agentic.Kernels;

namespace Agentic.Benchmarks;

/// <summary>Where a step's time goes: what each operation takes by the clock <paramref name="now"/>, by name.</summary>
internal sealed class TimedKernels(IKernels kernels, Func<TimeSpan> now) : IKernels
{
    private delegate void Operation<T>(in T args);

    public Dictionary<string, TimeSpan> Times { get; } = [];

    public void Embed(in EmbedArgs args) => Time("embed", kernels.Embed, args);

    public void Linear(in LinearArgs args) => Time($"linear {args.Inputs}→{args.Outputs}", kernels.Linear, args);

    public void AddRmsNorm(in AddRmsNormArgs args) => Time("norm", kernels.AddRmsNorm, args);

    public void RopeWriteKv(in RopeWriteKvArgs args) => Time("rope, kv write", kernels.RopeWriteKv, args);

    public void TreeAttention(in TreeAttentionArgs args) => Time("attention", kernels.TreeAttention, args);

    public void SiluMul(in SiluMulArgs args) => Time("silu", kernels.SiluMul, args);

    public void CommitKv(in CommitKvArgs args) => Time("commit", kernels.CommitKv, args);

    public void RouteExperts(in RouteExpertsArgs args) => Time("route", kernels.RouteExperts, args);

    public void GatherRows(in GatherRowsArgs args) => Time("gather", kernels.GatherRows, args);

    public void ScatterAddRows(in ScatterAddRowsArgs args) => Time("scatter", kernels.ScatterAddRows, args);

    public void Dispose()
    {
    }

    /// <summary>Lowers each operation's least by what it took lately, and begins anew.</summary>
    public void KeepLeast(Dictionary<string, TimeSpan> least)
    {
        foreach ((string operation, TimeSpan time) in Times)
            least[operation] = least.TryGetValue(operation, out TimeSpan before) && before < time ? before : time;
        Times.Clear();
    }

    public static string Describe(Dictionary<string, TimeSpan> times) => string.Join("; ", times
        .OrderByDescending(entry => entry.Value).Select(entry => $"{entry.Key} {entry.Value.TotalMicroseconds:F1}"));

    private void Time<T>(string name, Operation<T> operation, in T args)
    {
        TimeSpan start = now();
        operation(args);
        Times[name] = Times.GetValueOrDefault(name) + now() - start;
    }
}
