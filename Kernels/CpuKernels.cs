using System.Runtime.Intrinsics;

namespace Agentic.Kernels;

/// <summary>The operations of a step on the processor, at the widest vectors that the machine has.</summary>
/// <remarks>
/// For one calling thread at a time. Bits may differ between machines of different vector width, never between calls on one machine.
/// Nothing is allocated on the managed heap after construction; scratch memory grows to the largest call.
/// </remarks>
public sealed class CpuKernels : IKernels
{
    private readonly IKernels _kernels;

    /// <summary>Starts the workers.</summary>
    /// <param name="threads">Threads that share an operation, the calling one among them; with 1 there are no others.</param>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than 1.</exception>
    public CpuKernels(int threads = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        _kernels = Vector512.IsHardwareAccelerated ? new SimdKernels<Simd512, Vector512<float>>(threads)
            : Vector256.IsHardwareAccelerated ? new SimdKernels<Simd256, Vector256<float>>(threads)
            : new SimdKernels<Simd128, Vector128<float>>(threads);
    }

    /// <inheritdoc/>
    public void Embed(in EmbedArgs args) => _kernels.Embed(args);

    /// <inheritdoc/>
    public void Linear(in LinearArgs args) => _kernels.Linear(args);

    /// <inheritdoc/>
    public void AddRmsNorm(in AddRmsNormArgs args) => _kernels.AddRmsNorm(args);

    /// <inheritdoc/>
    public void RopeWriteKv(in RopeWriteKvArgs args) => _kernels.RopeWriteKv(args);

    /// <inheritdoc/>
    public void TreeAttention(in TreeAttentionArgs args) => _kernels.TreeAttention(args);

    /// <inheritdoc/>
    public void SiluMul(in SiluMulArgs args) => _kernels.SiluMul(args);

    /// <inheritdoc/>
    public void CommitKv(in CommitKvArgs args) => _kernels.CommitKv(args);

    /// <inheritdoc/>
    public void RouteExperts(in RouteExpertsArgs args) => _kernels.RouteExperts(args);

    /// <inheritdoc/>
    public void GatherRows(in GatherRowsArgs args) => _kernels.GatherRows(args);

    /// <inheritdoc/>
    public void ScatterAddRows(in ScatterAddRowsArgs args) => _kernels.ScatterAddRows(args);

    /// <inheritdoc/>
    public void Dispose() => _kernels.Dispose();
}
