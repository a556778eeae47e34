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
        public float* QueryNorm;
        public float* KeyNorm;
    }

    public static void Run(in RopeWriteKvArgs args, WorkerPool pool, NativeBuffer scratch)
    {
        int dim = args.Kv.HeadDim;
        Debug.Assert(dim % 2 == 0 && dim <= MaxHeadDim && args.Heads % args.Kv.KvHeads == 0);
        Job job = new() { Args = args };
        float* norms = scratch.Floats(2 * dim);
        if (args.QueryNorm is not null)
            RowConversion<S, V>.Widen(args.QueryNorm, args.NormType, 0, job.QueryNorm = norms, dim);
        if (args.KeyNorm is not null)
            RowConversion<S, V>.Widen(args.KeyNorm, args.NormType, 0, job.KeyNorm = norms + dim, dim);
        RowLoop.Run(pool, &RunRow, &job, args.Rows, (args.Heads + 2 * args.Kv.KvHeads) * dim);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RunRow(void* state, int row)
    {
        ref readonly Job job = ref *(Job*)state;
        KvLayer kv = job.Args.Kv;
        int dim = kv.HeadDim, half = dim / 2, slot = job.Args.Slots[row];
        float* query = job.Args.Qkv + (nint)row * (job.Args.Heads + 2 * kv.KvHeads) * dim;
        float* key = query + job.Args.Heads * dim, value = key + kv.KvHeads * dim;

        float* cosSin = job.Args.CosSin + (nint)job.Args.Positions[row] * dim;
        float* scratch = stackalloc float[2 * dim];
        float* cos = scratch, sin = scratch + half, rotated = scratch + dim;
        for (int i = 0; i < half; i++)
            (cos[i], sin[i]) = (cosSin[2 * i], cosSin[2 * i + 1]);
        ElementType precision = job.Args.Precision;
        RoundKernel<S, V>.Round(cos, dim, precision); // sines follow

        for (int head = 0; head < job.Args.Heads; head++, query += dim)
        {
            if (job.QueryNorm is not null)
                NormKernel<S, V>.Normalize(query, job.QueryNorm, job.Args.Epsilon, query, dim, precision);
            Rotate(query, cos, sin, query, half, precision);
        }
        for (int head = 0; head < kv.KvHeads; head++, key += dim, value += dim)
        {
            float* normal = key;
            if (job.KeyNorm is not null)
                NormKernel<S, V>.Normalize(key, job.KeyNorm, job.Args.Epsilon, normal = rotated, dim, precision);
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
