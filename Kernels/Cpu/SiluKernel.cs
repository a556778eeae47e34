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
            S.Store(output + i, Of(S.Load(gate + i), S.Load(up + i)));
        if (i == width)
            return;

        float* edge = stackalloc float[3 * S.Lanes];
        new Span<float>(gate + i, width - i).CopyTo(new Span<float>(edge, S.Lanes));
        new Span<float>(up + i, width - i).CopyTo(new Span<float>(edge + S.Lanes, S.Lanes));
        S.Store(edge + 2 * S.Lanes, Of(S.Load(edge), S.Load(edge + S.Lanes)));
        new Span<float>(edge + 2 * S.Lanes, width - i).CopyTo(new Span<float>(output + i, width - i));
    }

    private static V Of(V gate, V up)
    {
        V one = S.Broadcast(1);
        V negated = S.Subtract(S.Broadcast(0), gate);
        return S.Multiply(S.Divide(gate, S.Add(one, Exponential<S, V>.Of(negated))), up);
    }
}
