using System.Runtime.Intrinsics;

namespace Agentic.Kernels;

/// <summary>The operations at one vector width, with their workers and their scratch memory.</summary>
internal sealed unsafe class SimdKernels<S, V>(int threads) : IKernels
    where S : ISimd<V>
    where V : struct
{
    // Weights of a pass that every core may read on its own: they come from a cache that the cores share.
    private const long CachedBytes = 32 << 20;

    // From so many rows of each worker on, multiply-adds take longer than reading the weights from memory for it.
    private const int ManyRows = 64;

    private readonly WorkerPool _pool = new(threads);

    public void BeginPass(int rows, long weightBytes) => _pool.BeginPass(
        threads <= Environment.ProcessorCount && (weightBytes <= CachedBytes || rows >= ManyRows * threads));

    public void Wait() => _pool.Drain();

    public void EndPass() => _pool.EndPass();

    public void Embed(in EmbedArgs args) => CopyKernels<S, V>.Embed(args, _pool);

    public void Linear(in LinearArgs args)
    {
        switch (args.WeightType)
        {
            case ElementType.Float32: LinearKernel<S, V, Float32Storage>.Run(args, _pool); break;
            case ElementType.BFloat16: LinearKernel<S, V, BFloat16Storage>.Run(args, _pool); break;
            case ElementType.Float16: LinearKernel<S, V, Float16Storage>.Run(args, _pool); break;
            default: throw new ArgumentOutOfRangeException(nameof(args), args.WeightType, null);
        }
        RoundKernel<S, V>.Run(args.Output, args.OutputStride, args.Rows, args.Outputs, args.Precision, _pool);
    }

    public void AddRmsNorm(in AddRmsNormArgs args) => NormKernel<S, V>.Run(args, _pool);

    public void RopeWriteKv(in RopeWriteKvArgs args) => RopeKernel<S, V>.Run(args, _pool);

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

    public void CommitKv(in CommitKvArgs args)
    {
        _pool.Drain();
        CopyKernels<S, V>.Commit(args);
    }

    public void RouteExperts(in RouteExpertsArgs args)
    {
        _pool.Drain();
        RouteKernel<S, V>.Run(args);
    }

    public void GatherRows(in GatherRowsArgs args)
    {
        _pool.Drain();
        CopyKernels<S, V>.Gather(args);
    }

    public void ScatterAddRows(in ScatterAddRowsArgs args)
    {
        _pool.Drain();
        CopyKernels<S, V>.ScatterAdd(args);
    }

    public void Dispose() => _pool.Dispose();

    private void Attend<N, U>(in TreeAttentionArgs args)
        where N : ISimd<U>
        where U : struct
    {
        switch (args.Kv.Type)
        {
            case ElementType.Float32: AttentionKernel<N, U, Float32Storage>.Run(args, _pool); break;
            case ElementType.BFloat16: AttentionKernel<N, U, BFloat16Storage>.Run(args, _pool); break;
            case ElementType.Float16: AttentionKernel<N, U, Float16Storage>.Run(args, _pool); break;
            default: throw new ArgumentOutOfRangeException(nameof(args), args.Kv.Type, null);
        }
    }
}
