using Agentic.Kernels;

namespace Agentic.Tests;

/// <summary>Kernels whose time is counted and not measured: a linear layer takes so long for each of its weights, and so long for each of its
/// multiply-adds. What a policy makes of a machine's costs is then the same in every run.</summary>
/// <param name="kernels">Compute.</param>
/// <param name="clock">Moved.</param>
/// <param name="secondsPerWeight">Of reading one.</param>
/// <param name="secondsPerProduct">Of one row's multiply-add.</param>
internal sealed class TimedKernels(IKernels kernels, ManualClock clock, double secondsPerWeight, double secondsPerProduct) : IKernels
{
    public void Embed(in EmbedArgs args) => kernels.Embed(args);

    public void Linear(in LinearArgs args)
    {
        clock.Advance((double)args.Inputs * args.Outputs * (secondsPerWeight + (args.Rows * secondsPerProduct)));
        kernels.Linear(args);
    }

    public void AddRmsNorm(in AddRmsNormArgs args) => kernels.AddRmsNorm(args);

    public void RopeWriteKv(in RopeWriteKvArgs args) => kernels.RopeWriteKv(args);

    public void TreeAttention(in TreeAttentionArgs args) => kernels.TreeAttention(args);

    public void SiluMul(in SiluMulArgs args) => kernels.SiluMul(args);

    public void CommitKv(in CommitKvArgs args) => kernels.CommitKv(args);

    public void RouteExperts(in RouteExpertsArgs args) => kernels.RouteExperts(args);

    public void GatherRows(in GatherRowsArgs args) => kernels.GatherRows(args);

    public void ScatterAddRows(in ScatterAddRowsArgs args) => kernels.ScatterAddRows(args);

    public void Dispose() => kernels.Dispose();
}

/// <summary>A clock that goes when it is told to.</summary>
internal sealed class ManualClock : TimeProvider
{
    private double _seconds;

    public override long TimestampFrequency => 1_000_000_000;

    public double Seconds => _seconds;

    public void Advance(double seconds) => _seconds += seconds;

    public override long GetTimestamp() => (long)(_seconds * 1e9);
}
