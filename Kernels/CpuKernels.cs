namespace Agentic.Kernels;

/// <summary>The operations of a step on the processor.</summary>
public sealed class CpuKernels : IKernels
{
    private readonly Reference _reference = new();

    /// <summary>Starts the workers.</summary>
    /// <param name="threads">Threads that share an operation, the calling one among them.</param>
    public CpuKernels(int threads = 1) => ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);

    /// <inheritdoc/>
    public void Embed(in EmbedArgs args) => _reference.Embed(args);

    /// <inheritdoc/>
    public void Linear(in LinearArgs args) => _reference.Linear(args);

    /// <inheritdoc/>
    public void AddRmsNorm(in AddRmsNormArgs args) => _reference.AddRmsNorm(args);

    /// <inheritdoc/>
    public void RopeWriteKv(in RopeWriteKvArgs args) => _reference.RopeWriteKv(args);

    /// <inheritdoc/>
    public void TreeAttention(in TreeAttentionArgs args) => _reference.TreeAttention(args);

    /// <inheritdoc/>
    public void SiluMul(in SiluMulArgs args) => _reference.SiluMul(args);

    /// <inheritdoc/>
    public void CommitKv(in CommitKvArgs args) => _reference.CommitKv(args);

    /// <inheritdoc/>
    public void RouteExperts(in RouteExpertsArgs args) => _reference.RouteExperts(args);

    /// <inheritdoc/>
    public void GatherRows(in GatherRowsArgs args) => _reference.GatherRows(args);

    /// <inheritdoc/>
    public void ScatterAddRows(in ScatterAddRowsArgs args) => _reference.ScatterAddRows(args);

    /// <inheritdoc/>
    public void Dispose() => _reference.Dispose();
}
