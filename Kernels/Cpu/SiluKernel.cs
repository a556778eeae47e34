using System.Runtime.CompilerServices;

namespace Agentic.Kernels;

/// <summary>output = gate / (1 + e^−gate) · up.</summary>
internal static unsafe class SiluKernel<S, V>
    where S : ISimd<V>
    where V : struct
{
    public static void Run(in SiluMulArgs args, WorkerPool pool)
    {
        SiluMulArgs job = args;
        RowLoop.Run(pool, &RunRow, &job, args.Rows, args.Width);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RunRow(void* state, int row)
    {
        ref readonly SiluMulArgs args = ref *(SiluMulArgs*)state;
        int width = args.Width, i = 0;
        float* gate = args.GateUp + 2 * (nint)row * width, up = gate + width, output = args.Output + (nint)row * width;
        for (; i + S.Lanes <= width; i += S.Lanes)
            S.Store(output + i, Silu(S.Load(gate + i)));
        if (i < width)
        {
            float* edge = stackalloc float[S.Lanes];
            new Span<float>(gate + i, width - i).CopyTo(new Span<float>(edge, S.Lanes));
            S.Store(edge, Silu(S.Load(edge)));
            new Span<float>(edge, width - i).CopyTo(new Span<float>(output + i, width - i));
        }
        RoundKernel<S, V>.Multiply(output, up, width, args.Precision);
    }

    private static V Silu(V gate)
    {
        V negated = S.Subtract(S.Broadcast(0), gate);
        return S.Divide(gate, S.Add(S.Broadcast(1), Exponential<S, V>.Of(negated)));
    }
}
