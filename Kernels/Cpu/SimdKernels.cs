using System.Runtime.Intrinsics;

namespace Agentic.Kernels;

/// <summary>The operations at one vector width, with their workers and their scratch memory.</summary>
internal sealed unsafe class SimdKernels<S, V>(int threads) : IKernels
    where S : ISimd<V>
    where V : struct
{
    private readonly WorkerPool _pool = new(threads);
    private readonly NativeBuffer _scratch = new();

    public void Embed(in EmbedArgs args) => CopyKernels<S, V>.Embed(args);

    public void Linear(in LinearArgs args)
    {
        switch (args.WeightType)
        {
            case ElementType.Float32: LinearKernel<S, V, Float32Storage>.Run(args, _pool, _scratch); break;
            case ElementType.BFloat16: LinearKernel<S, V, BFloat16Storage>.Run(args, _pool, _scratch); break;
            case ElementType.Float16: LinearKernel<S, V, Float16Storage>.Run(args, _pool, _scratch); break;
            default: throw new ArgumentOutOfRangeException(nameof(args), args.WeightType, null);
        }
        RoundKernel<S, V>.Run(args.Output, args.OutputStride, args.Rows, args.Outputs, args.Precision, _pool);
    }

    public void AddRmsNorm(in AddRmsNormArgs args) => NormKernel<S, V>.Run(args, _pool, _scratch);

    public void RopeWriteKv(in RopeWriteKvArgs args) => RopeKernel<S, V>.Run(args, _pool, _scratch);

    /// <remarks>The widest vector of which a head is whole pairs: a property of the model, so the same for every row.</remarks>
    public void TreeAttention(in TreeAttentionArgs args)
    {
        int dim = args.Kv.HeadDim;
        if (dim % (2 * S.Lanes) == 0)
            Attend<S, V>(args);
        else if (dim % (2 * Simd256.Lanes) == 0 && S.Lanes > Simd256.Lanes)
            Attend<Simd256, Vector256<float>>(args);
        else if (dim % (2 * Simd128.Lanes) == 0)
            Attend<Simd128, Vector128<float>>(args);
        else
            Attend<Scalar, float>(args);
        for (int i = 0; i < args.SequenceCount; i++)
        {
            int width = args.Heads * dim, first = args.Sequences[i].RowStart;
            RoundKernel<S, V>.Run(args.Output + (nint)first * width, width, args.Sequences[i].RowCount, width, args.Precision, _pool);
        }
    }

    public void SiluMul(in SiluMulArgs args) => SiluKernel<S, V>.Run(args, _pool);

    public void CommitKv(in CommitKvArgs args) => CopyKernels<S, V>.Commit(args);

    public void RouteExperts(in RouteExpertsArgs args) => RouteKernel<S, V>.Run(args);

    public void GatherRows(in GatherRowsArgs args) => CopyKernels<S, V>.Gather(args);

    public void ScatterAddRows(in ScatterAddRowsArgs args) => CopyKernels<S, V>.ScatterAdd(args);

    public void Dispose()
    {
        _pool.Dispose();
        _scratch.Dispose();
    }

    private void Attend<N, U>(in TreeAttentionArgs args)
        where N : ISimd<U>
        where U : struct
    {
        switch (args.Kv.Type)
        {
            case ElementType.Float32: AttentionKernel<N, U, Float32Storage>.Run(args, _pool, _scratch); break;
            case ElementType.BFloat16: AttentionKernel<N, U, BFloat16Storage>.Run(args, _pool, _scratch); break;
            case ElementType.Float16: AttentionKernel<N, U, Float16Storage>.Run(args, _pool, _scratch); break;
            default: throw new ArgumentOutOfRangeException(nameof(args), args.Kv.Type, null);
        }
    }
}
