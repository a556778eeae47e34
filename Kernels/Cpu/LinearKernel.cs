using System.Diagnostics;

namespace Agentic.Kernels;

/// <summary>
/// output[r, o] = Σ_k input[r, k] · weight[o, k] + bias[o]. Weights are read in place, once for all rows of a panel; a worker takes a
/// stretch of outputs and runs every row against eight of them at a time, so those
/// eight are in the first cache from the second tile of rows on.
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
        public float* Panel;
        public nint PanelStride;
        public int FirstRow;
        public int PanelRows;
        public int OutputsPerItem;
    }

    public static void Run(in LinearArgs args, WorkerPool pool, NativeBuffer scratch)
    {
        Debug.Assert(args.OutputStride >= args.Outputs && args.Inputs > 0);
        int whole = args.Inputs - args.Inputs % (2 * S.Lanes);
        int panelRows = Math.Min(args.Rows, Math.Max(16, PanelBytes / (args.Inputs * sizeof(float)) & ~3));
        Job job = new() { Args = args, Panel = args.Input, PanelStride = args.Inputs };
        if (W.Interleaved)
        {
            job.Panel = scratch.Floats((nint)panelRows * whole);
            job.PanelStride = whole;
        }

        for (int row = 0; row < args.Rows; row += panelRows)
        {
            (job.FirstRow, job.PanelRows) = (row, Math.Min(panelRows, args.Rows - row));
            if (!W.Interleaved)
            {
                job.Panel = args.Input + (nint)row * args.Inputs;
            }
            else
            {
                for (int r = 0; r < job.PanelRows; r++)
                    Permutation<S, V>.Apply<W>(args.Input + (nint)(row + r) * args.Inputs, job.Panel + r * job.PanelStride, whole, 1);
            }

            job.OutputsPerItem = OutputsPerItem(args, job.PanelRows, pool.Threads);
            pool.Run(&RunItem, &job, (args.Outputs + job.OutputsPerItem - 1) / job.OutputsPerItem);
        }
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
        int end = Math.Min((item + 1) * job.OutputsPerItem, job.Args.Outputs);
        for (int output = item * job.OutputsPerItem; output < end; output += Columns)
        {
            int columns = Math.Min(Columns, end - output);
            int row = 0;
            for (; row + 2 <= job.PanelRows; row += 2)
                Tile<TwoRows>(job, row, output, columns);
            if (row < job.PanelRows)
                Tile<OneRow>(job, row, output, columns);
            if (job.Args.Bias is not null || job.Args.Inputs % (2 * S.Lanes) != 0)
                Complete(job, output, columns);
        }
    }

    private static void Tile<R>(in Job job, int row, int output, int columns)
        where R : IRowCount
    {
        nint stride = (nint)job.Args.Inputs * W.Size, outputStride = job.Args.OutputStride;
        nint whole = job.Args.Inputs - job.Args.Inputs % (2 * S.Lanes);
        float* rows = job.Panel + row * job.PanelStride, target = job.Args.Output + (job.FirstRow + row) * outputStride + output;
        byte* weight = (byte*)job.Args.Weight + output * stride;
        if (columns == Columns)
            DotTile<S, V, W, R>.Multiply(
                rows, job.PanelStride, weight, stride, whole, target, outputStride, weight + Ahead(stride), Near(stride));
        else
            EdgeTile<R>(rows, job.PanelStride, weight, stride, whole, target, outputStride, columns);
    }

    private static bool Near(nint columnStride) => Columns * columnStride <= PrefetchBytes;

    /// <summary>How far ahead of a tile's weights to prefetch: whole groups of columns, so that it is a later tile's lines.</summary>
    private static nint Ahead(nint columnStride) => Math.Max(1, PrefetchBytes / (Columns * columnStride)) * Columns * columnStride;

    /// <summary>The last one to seven outputs, one after the other: a tile of eight times the same column.</summary>
    private static void EdgeTile<R>(
        float* rows, nint rowStride, byte* weight, nint stride, nint length, float* target, nint targetStride, int columns)
        where R : IRowCount
    {
        float* tile = stackalloc float[2 * Columns];
        for (int column = 0; column < columns; column++)
        {
            DotTile<S, V, W, R>.Multiply(rows, rowStride, weight + column * stride, 0, length, tile, Columns, weight, near: true);
            for (int r = 0; r < R.Count; r++)
                target[r * targetStride + column] = tile[r * Columns];
        }
    }

    /// <summary>Adds the inputs past the last whole pair of vectors, and the bias.</summary>
    private static void Complete(in Job job, int output, int columns)
    {
        int inputs = job.Args.Inputs, whole = inputs - inputs % (2 * S.Lanes);
        for (int row = job.FirstRow; row < job.FirstRow + job.PanelRows; row++)
        {
            for (int o = output; o < output + columns; o++)
            {
                float sum = job.Args.Output[(nint)row * job.Args.OutputStride + o];
                for (int k = whole; k < inputs; k++)
                {
                    float weight = W.Single((byte*)job.Args.Weight + ((nint)o * inputs + k) * W.Size);
                    sum = float.FusedMultiplyAdd(job.Args.Input[(nint)row * inputs + k], weight, sum);
                }
                if (job.Args.Bias is not null)
                    sum += Elements.Load(job.Args.Bias, job.Args.BiasType, o);
                job.Args.Output[(nint)row * job.Args.OutputStride + o] = sum;
            }
        }
    }
}
