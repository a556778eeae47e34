using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Agentic.Kernels;

/// <summary>
/// For each row: RMS norm of its query and key heads where the model has it, (x, y) ↦ (x cos − y sin, y cos + x sin) of the halves of a
/// head, queries back in place, keys and values into their cache slots. Scratch: norm weights [2, dim]; on a row's stack its cosines and
/// sines taken apart [2, dim / 2] and one rotated key [dim].
/// </summary>
internal static unsafe class RopeKernel<S, V>
    where S : ISimd<V>
    where V : struct
{
    private const int MaxHeadDim = 1024;

    private struct Job
    {
        public RopeWriteKvArgs Args;
        public float** Scratch;
    }

    public static void Run(in RopeWriteKvArgs args, WorkerPool pool)
    {
        int dim = args.Kv.HeadDim;
        Debug.Assert(dim % 2 == 0 && dim <= MaxHeadDim && args.Heads % args.Kv.KvHeads == 0);
        Job job = new() { Args = args, Scratch = pool.Scratch(2 * dim) };
        RowLoop.Run(pool, &RunRows, job, args.Rows, (args.Heads + 2 * args.Kv.KvHeads) * dim);
    }

    private static void RunRows(void* state, int first, int end, int worker)
    {
        ref readonly Job job = ref *(Job*)state;
        int dim = job.Args.Kv.HeadDim;
        float* queryNorm = null, keyNorm = null;
        if (job.Args.QueryNorm is not null)
            RowConversion<S, V>.Widen(job.Args.QueryNorm, job.Args.NormType, 0, queryNorm = job.Scratch[worker], dim);
        if (job.Args.KeyNorm is not null)
            RowConversion<S, V>.Widen(job.Args.KeyNorm, job.Args.NormType, 0, keyNorm = job.Scratch[worker] + dim, dim);
        for (int row = first; row < end; row++)
            RunRow(job.Args, row, queryNorm, keyNorm);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RunRow(in RopeWriteKvArgs args, int row, float* queryNorm, float* keyNorm)
    {
        KvLayer kv = args.Kv;
        int dim = kv.HeadDim, half = dim / 2, slot = args.Slots[row];
        float* query = args.Qkv + (nint)row * (args.Heads + 2 * kv.KvHeads) * dim;
        float* key = query + args.Heads * dim, value = key + kv.KvHeads * dim;

        float* cosSin = args.CosSin + (nint)args.Positions[row] * dim;
        float* scratch = stackalloc float[2 * dim];
        float* cos = scratch, sin = scratch + half, rotated = scratch + dim;
        for (int i = 0; i < half; i++)
            (cos[i], sin[i]) = (cosSin[2 * i], cosSin[2 * i + 1]);
        ElementType precision = args.Precision;
        RoundKernel<S, V>.Round(cos, dim, precision); // sines follow

        for (int head = 0; head < args.Heads; head++, query += dim)
        {
            if (queryNorm is not null)
                NormKernel<S, V>.Normalize(query, queryNorm, args.Epsilon, query, dim, precision);
            Rotate(query, cos, sin, query, half, precision);
        }
        for (int head = 0; head < kv.KvHeads; head++, key += dim, value += dim)
        {
            float* normal = key;
            if (keyNorm is not null)
                NormKernel<S, V>.Normalize(key, keyNorm, args.Epsilon, normal = rotated, dim, precision);
            Rotate(normal, cos, sin, rotated, half, precision);
            WriteKey(rotated, kv, kv.KeyOffset(slot, head));
            RowConversion<S, V>.Narrow(value, kv.Data, kv.Type, kv.ValueOffset(slot, head), dim);
        }
    }

    private static void WriteKey(float* key, in KvLayer kv, long offset)
    {
        if (kv.Type == ElementType.Float32)
        {
            for (float* end = key + kv.HeadDim, target = (float*)kv.Data + offset; key < end; target += kv.BlockSize)
                *target = *key++;
            return;
        }
        for (int i = 0; i < kv.HeadDim; i++)
            Elements.Store(kv.Data, kv.Type, offset + (long)i * kv.BlockSize, key[i]);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rotate(float* input, float* cos, float* sin, float* output, int half, ElementType precision)
    {
        if (precision != ElementType.Float32)
        {
            RotateRounded(input, cos, sin, output, half, precision);
            return;
        }
        V zero = S.Broadcast(0);
        int i = 0;
        for (; i + S.Lanes <= half; i += S.Lanes)
        {
            V x = S.Load(input + i), y = S.Load(input + half + i), c = S.Load(cos + i), s = S.Load(sin + i);
            S.Store(output + i, S.MultiplyAdd(x, c, S.Subtract(zero, S.Multiply(y, s))));
            S.Store(output + half + i, S.MultiplyAdd(y, c, S.Multiply(x, s)));
        }
        for (; i < half; i++)
        {
            (float x, float y) = (input[i], input[half + i]);
            output[i] = float.FusedMultiplyAdd(x, cos[i], -(y * sin[i]));
            output[half + i] = float.FusedMultiplyAdd(y, cos[i], x * sin[i]);
        }
    }

    /// <summary>(x, y) · cos + (−y, x) · sin in the reference library's three operations, each rounded.</summary>
    private static void RotateRounded(float* input, float* cos, float* sin, float* output, int half, ElementType precision)
    {
        float* straight = stackalloc float[4 * half], crossed = straight + 2 * half;
        for (int i = 0; i < half; i++)
        {
            straight[i] = crossed[half + i] = input[i];
            straight[half + i] = input[half + i];
            crossed[i] = -input[half + i];
        }
        for (int part = 0; part <= half; part += half)
        {
            RoundKernel<S, V>.Multiply(straight + part, cos, half, precision);
            RoundKernel<S, V>.Multiply(crossed + part, sin, half, precision);
        }
        for (int i = 0; i < 2 * half; i++)
            output[i] = straight[i] + crossed[i];
        RoundKernel<S, V>.Round(output, 2 * half, precision);
    }
}
