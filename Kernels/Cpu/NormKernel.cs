using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Agentic.Kernels;

/// <summary>residual += delta; output = residual / √(mean(residual²) + ε) · weight. Squares are added in four chains of vectors.</summary>
internal static unsafe class NormKernel<S, V>
    where S : ISimd<V>
    where V : struct
{
    private struct Job
    {
        public AddRmsNormArgs Args;
        public float* Weight;
    }

    public static void Run(in AddRmsNormArgs args, WorkerPool pool, NativeBuffer scratch)
    {
        Job job = new() { Args = args, Weight = scratch.Floats(args.Hidden) };
        job.Args.ResidualStride = args.ResidualStride == 0 ? args.Hidden : args.ResidualStride;
        job.Args.OutputStride = args.OutputStride == 0 ? args.Hidden : args.OutputStride;
        RowConversion<S, V>.Widen(args.Weight, args.WeightType, 0, job.Weight, args.Hidden);
        RowLoop.Run(pool, &RunRow, &job, args.Rows, args.Hidden);
    }

    /// <summary>Normalizes a row; output may be the input.</summary>
    /// <param name="input">[width].</param>
    /// <param name="weight">[width] float32.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <param name="output">[width], written.</param>
    /// <param name="width">Elements.</param>
    /// <param name="precision">What the normalized row is rounded to before the weight, and its product with it.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Normalize(float* input, float* weight, float epsilon, float* output, int width, ElementType precision)
    {
        float inverse = 1 / MathF.Sqrt(SumOfSquares(input, width) / width + epsilon);
        V scale = S.Broadcast(inverse);
        int i = 0;
        for (; i + S.Lanes <= width; i += S.Lanes)
            S.Store(output + i, S.Multiply(S.Load(input + i), scale));
        for (; i < width; i++)
            output[i] = input[i] * inverse;
        RoundKernel<S, V>.Multiply(output, weight, width, precision);
    }

    private static void RunRow(void* state, int row)
    {
        ref readonly Job job = ref *(Job*)state;
        int hidden = job.Args.Hidden;
        float* residual = job.Args.Residual + (nint)row * job.Args.ResidualStride;
        if (job.Args.Delta is not null)
        {
            Add(job.Args.Delta + (nint)row * hidden, residual, hidden);
            RoundKernel<S, V>.Round(residual, hidden, job.Args.Precision);
        }
        Normalize(residual, job.Weight, job.Args.Epsilon, job.Args.Output + (nint)row * job.Args.OutputStride, hidden, job.Args.Precision);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(float* delta, float* sum, int width)
    {
        int i = 0;
        for (; i + S.Lanes <= width; i += S.Lanes)
            S.Store(sum + i, S.Add(S.Load(sum + i), S.Load(delta + i)));
        for (; i < width; i++)
            sum[i] += delta[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float SumOfSquares(float* input, int width)
    {
        V a = S.Broadcast(0), b = a, c = a, d = a;
        int i = 0;
        for (; i + 4 * S.Lanes <= width; i += 4 * S.Lanes)
        {
            V x = S.Load(input + i), y = S.Load(input + i + S.Lanes);
            V z = S.Load(input + i + 2 * S.Lanes), w = S.Load(input + i + 3 * S.Lanes);
            a = S.MultiplyAdd(x, x, a);
            b = S.MultiplyAdd(y, y, b);
            c = S.MultiplyAdd(z, z, c);
            d = S.MultiplyAdd(w, w, d);
        }
        Vector128<float> sums = S.SumAcross(a, b, c, d);
        float sum = sums[0] + sums[1] + (sums[2] + sums[3]);
        for (; i < width; i++)
            sum = float.FusedMultiplyAdd(input[i], input[i], sum);
        return sum;
    }
}
