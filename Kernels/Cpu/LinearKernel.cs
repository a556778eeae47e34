using System.Diagnostics;

namespace Agentic.Kernels;

/// <summary>
/// output[r, o] = Σ_k input[r, k] · weight[o, k] + bias[o]. Weights are read in place, once for all rows of a panel, eight outputs at a time, so that
/// those eight are in the first cache from the second tile of rows on. A worker takes a stretch of outputs.
/// An output is the dot product of <see cref="DotTile{S,V,W,R}"/> over whole pairs of vectors, then the elements left over one by one,
/// then the bias: one order of additions, whatever the rows of the call and the threads.
/// </summary>
internal static unsafe class LinearKernel<S, V, W>
    where S : ISimd<V>
    where V : struct
    where W : IStorage
{
    private const int Columns = 8;

    // A panel of input rows stays in the second-level cache while the weights stream past it.
    private const int PanelBytes = 512 * 1024;

    // One thread reads from memory at 8 GB/s without prefetching, 12 to 14 with 4 or 16 KB ahead, 17 with 8 KB (256 inputs, Zen 4).
    // Larger groups of columns go to the second-level cache: 21 GB/s at 4096 inputs, where the first-level cache gave 11.
    private const int PrefetchBytes = 8 * 1024;

    // Below this a second thread costs more to reach than it saves (2 µs of one core).
    private const long MinMultiplyAddsPerItem = 64 * 1024;

    private struct Job
    {
        public LinearArgs Args;
        public Panel Panel;
        public int OutputsPerItem;
    }

    /// <summary>Rows of the input in the order of the weights' storage, [rows, inputs in whole pairs] with a stride.</summary>
    private struct Panel
    {
        public float* Data;
        public nint Stride;
        public int FirstRow;
        public int Rows;
    }

    public static void Run(in LinearArgs args, WorkerPool pool, NativeBuffer scratch)
    {
        Debug.Assert(args.OutputStride >= args.Outputs && args.Inputs > 0);
        int panelRows = Math.Min(args.Rows, Math.Max(16, PanelBytes / (args.Inputs * sizeof(float)) & ~3));
        float* laid = W.Interleaved ? scratch.Floats((nint)panelRows * Whole(args)) : null;
        Job job = new() { Args = args };
        for (int row = 0; row < args.Rows; row += panelRows)
        {
            job.Panel = Lay(args, row, Math.Min(panelRows, args.Rows - row), laid);
            job.OutputsPerItem = OutputsPerItem(args, job.Panel.Rows, pool.Threads);
            pool.Run(&RunItem, &job, (args.Outputs + job.OutputsPerItem - 1) / job.OutputsPerItem);
        }
    }

    private static int Whole(in LinearArgs args) => args.Inputs - args.Inputs % (2 * S.Lanes);

    private static Panel Lay(in LinearArgs args, int firstRow, int rows, float* scratch)
    {
        float* input = args.Input + (nint)firstRow * args.Inputs;
        if (!W.Interleaved)
            return new Panel { Data = input, Stride = args.Inputs, FirstRow = firstRow, Rows = rows };
        nint whole = Whole(args);
        for (int r = 0; r < rows; r++)
            Permutation<S, V>.Apply<W>(input + (nint)r * args.Inputs, scratch + r * whole, whole, 1);
        return new Panel { Data = scratch, Stride = whole, FirstRow = firstRow, Rows = rows };
    }

    private static int OutputsPerItem(in LinearArgs args, int rows, int threads)
    {
        // Four items a thread even out a core that is shared with others; fewer come in whole rounds, so that no thread waits for another.
        long items = Math.Min(4L * threads, (long)rows * args.Inputs * args.Outputs / MinMultiplyAddsPerItem);
        items = threads == 1 ? 1 : Math.Max(1, items > threads ? items - items % threads : items);
        long outputs = (args.Outputs + items - 1) / items + Columns - 1;
        return (int)Math.Min(outputs - outputs % Columns, args.Outputs);
    }

    private static void RunItem(void* state, int item, int worker)
    {
        Job job = *(Job*)state; // the caller's stack changes all the time
        Multiply(job.Args, job.Panel, item * job.OutputsPerItem, Math.Min((item + 1) * job.OutputsPerItem, job.Args.Outputs));
    }

    private static void Multiply(in LinearArgs args, in Panel panel, int first, int end)
    {
        nint stride = (nint)args.Inputs * W.Size, whole = Whole(args);
        float* output = args.Output + panel.FirstRow * (nint)args.OutputStride + first;
        byte* weight = (byte*)args.Weight + first * stride;
        (int groups, int edge) = Math.DivRem(end - first, Columns);
        if (panel.Rows == 1)
            DotTile<S, V, W, OneRow>.Multiply(
                panel.Data, panel.Stride, 1, weight, stride, groups, whole, output, args.OutputStride, Ahead(stride), Near(stride));
        else
            DotTile<S, V, W, TwoRows>.Multiply(
                panel.Data, panel.Stride, panel.Rows, weight, stride, groups, whole, output, args.OutputStride, Ahead(stride), Near(stride));
        for (int column = end - edge; column < end; column++)
            MultiplyColumn(args, panel, column);
        if (args.Bias is not null || args.Inputs % (2 * S.Lanes) != 0)
            Complete(args, panel, first, end);
    }

    /// <summary>One of the last one to seven outputs: a tile of eight times the same column.</summary>
    private static void MultiplyColumn(in LinearArgs args, in Panel panel, int column)
    {
        float* tile = stackalloc float[Columns];
        byte* weight = (byte*)args.Weight + column * (nint)args.Inputs * W.Size;
        for (int row = 0; row < panel.Rows; row++)
        {
            DotTile<S, V, W, OneRow>.Multiply(panel.Data + row * panel.Stride, 0, 1, weight, 0, 1, Whole(args), tile, 0, 0, near: true);
            args.Output[(panel.FirstRow + row) * (nint)args.OutputStride + column] = tile[0];
        }
    }

    private static bool Near(nint columnStride) => Columns * columnStride <= 3 * PrefetchBytes / 2;

    /// <summary>How far ahead of a tile's weights to prefetch: whole groups of columns, so that it is a later tile's lines.</summary>
    private static nint Ahead(nint columnStride) => Math.Max(1, PrefetchBytes / (Columns * columnStride)) * Columns * columnStride;

    /// <summary>Adds the inputs past the last whole pair of vectors, and the bias.</summary>
    private static void Complete(in LinearArgs args, in Panel panel, int first, int end)
    {
        int inputs = args.Inputs, whole = Whole(args);
        for (int row = panel.FirstRow; row < panel.FirstRow + panel.Rows; row++)
        {
            for (int o = first; o < end; o++)
            {
                float sum = args.Output[(nint)row * args.OutputStride + o];
                for (int k = whole; k < inputs; k++)
                {
                    float weight = W.Single((byte*)args.Weight + ((nint)o * inputs + k) * W.Size);
                    sum = float.FusedMultiplyAdd(args.Input[(nint)row * inputs + k], weight, sum);
                }
                if (args.Bias is not null)
                    sum += Elements.Load(args.Bias, args.BiasType, o);
                args.Output[(nint)row * args.OutputStride + o] = sum;
            }
        }
    }
}
