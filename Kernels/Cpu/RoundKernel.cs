using System.Runtime.CompilerServices;

namespace Agentic.Kernels;

/// <summary>Results as a model in bfloat16 stores them: rounded to nearest even, and kept as the float32 they then are.</summary>
/// <remarks>A pass of its own over a row that is still in the nearest cache, so that the kernels before it stay as they are.</remarks>
internal static unsafe class RoundKernel<S, V>
    where S : ISimd<V>
    where V : struct
{
    private const int Chunk = 256;

    private struct Job
    {
        public float* Values;
        public long Stride;
        public int Width;
        public ElementType Precision;
    }

    /// <summary>Rounds rows of <paramref name="width"/> elements, <paramref name="stride"/> apart. Float32 asks for nothing.</summary>
    public static void Run(float* values, long stride, int rows, int width, ElementType precision, WorkerPool pool)
    {
        if (precision == ElementType.Float32)
            return;
        Job job = new() { Values = values, Stride = stride, Width = width, Precision = precision };
        RowLoop.Run(pool, &RunRow, &job, rows, width);
    }

    /// <summary>Rounds one row in place.</summary>
    public static void Round(float* values, int count, ElementType precision)
    {
        if (precision == ElementType.Float32)
            return;
        ushort* rounded = stackalloc ushort[Chunk];
        for (int start = 0; start < count; start += Chunk)
        {
            int length = Math.Min(Chunk, count - start);
            RowConversion<S, V>.Narrow(values + start, rounded, precision, 0, length);
            RowConversion<S, V>.Widen(rounded, precision, 0, values + start, length);
        }
    }

    /// <summary>left = left · right, with left rounded before and the product rounded after: two operations of a model.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(float* left, float* right, int count, ElementType precision)
    {
        Round(left, count, precision);
        int i = 0;
        for (; i + S.Lanes <= count; i += S.Lanes)
            S.Store(left + i, S.Multiply(S.Load(left + i), S.Load(right + i)));
        for (; i < count; i++)
            left[i] *= right[i];
        Round(left, count, precision);
    }

    private static void RunRow(void* state, int row)
    {
        ref readonly Job job = ref *(Job*)state;
        Round(job.Values + row * job.Stride, job.Width, job.Precision);
    }
}
