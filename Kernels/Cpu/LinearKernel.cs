using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Agentic.Kernels;

/// <summary>
/// output[r, o] = Σ_k input[r, k] · weight[o, k] + bias[o]. Weights are read in place, once for all rows of a panel, eight outputs at a time, so that
/// those eight are in the first cache from the second tile of rows on. A worker takes a stretch of outputs.
/// An output is the dot product of <see cref="DotTile{S,V,W}"/> over whole pairs of vectors, then the elements left over one by one,
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

    // Below this a second thread costs more to reach than it saves (0.3 µs of one core).
    private const long MinMultiplyAddsPerThread = 32 * 1024;

    // Several items a thread even out cores that are not equally fast, but the first weights of an item come from far: nobody has prefetched them.
    private const long MinMultiplyAddsPerItem = 1024 * 1024;

    // A float16 takes a dozen operations to widen, in the units that multiply, so from so many rows on a group of columns is widened once for all of them,
    // where it then still fits the first-level cache: half the time of a prompt (Intel, AVX-512). A bfloat16 takes one, and its tiles widen it themselves.
    private const int MinWidenedRows = 8, MaxWidenedBytes = 24 * 1024;

    private struct Job
    {
        public LinearArgs Args;
        public Panel Panel;
        public int Items;

        /// <summary>A worker's rows of the panel in the order of the weights' storage, [rows, inputs in whole pairs], then eight columns as float32,
        /// [8, inputs in whole pairs]; one worker's after the other's.</summary>
        public float* Scratch;
        public nint ScratchStride;

        /// <summary>Whether a group of columns is widened before the tiles.</summary>
        public bool Widen;
    }

    /// <summary>Some rows of the input, [rows, inputs in whole pairs] with a stride.</summary>
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
        nint whole = Whole(args);
        Job job = new() { Args = args };
        if (W.Interleaved)
        {
            job.Widen = typeof(W) == typeof(Float16Storage) && S.Lanes == Simd512.Lanes && panelRows >= MinWidenedRows
                && Columns * whole * sizeof(float) <= MaxWidenedBytes;
            job.ScratchStride = (panelRows + (job.Widen ? Columns : 0)) * whole;
            job.Scratch = scratch.Floats(job.ScratchStride * pool.Threads);
        }
        for (int row = 0; row < args.Rows; row += panelRows)
        {
            int rows = Math.Min(panelRows, args.Rows - row);
            job.Panel = new Panel { Data = args.Input + (nint)row * args.Inputs, Stride = args.Inputs, FirstRow = row, Rows = rows };
            job.Items = Items(args, rows, pool.Threads);
            pool.Run(&RunItem, &job, job.Items, W.Interleaved ? &Lay : null);
        }
    }

    private static int Whole(in LinearArgs args) => args.Inputs - args.Inputs % (2 * S.Lanes);

    /// <summary>Each worker lays the rows for itself: what one writes, the others would have to fetch from its cache.</summary>
    private static void Lay(void* state, int worker)
    {
        Job job = *(Job*)state;
        nint whole = Whole(job.Args);
        float* laid = job.Scratch + worker * job.ScratchStride;
        for (int r = 0; r < job.Panel.Rows; r++)
            Permutation<S, V>.Apply<W>(job.Panel.Data + r * job.Panel.Stride, laid + r * whole, whole, 1);
    }

    private static int Items(in LinearArgs args, int rows, int threads)
    {
        long perThread = (long)rows * args.Inputs * args.Outputs / threads;
        if (perThread < MinMultiplyAddsPerThread)
            return (int)Math.Max(1, perThread * threads / MinMultiplyAddsPerThread);
        return threads == 1 ? 1 : threads * (int)Math.Clamp(perThread / MinMultiplyAddsPerItem, 1, 4);
    }

    /// <summary>The first output of an item: they are whole groups of columns, as equal as these allow.</summary>
    private static int FirstOutput(in Job job, int item)
    {
        long groups = (job.Args.Outputs + Columns - 1) / Columns;
        return (int)Math.Min(groups * item / job.Items * Columns, job.Args.Outputs);
    }

    private static void RunItem(void* state, int item, int worker)
    {
        Job job = *(Job*)state; // the caller's stack changes all the time
        float* widened = null;
        if (W.Interleaved)
        {
            job.Panel.Data = job.Scratch + worker * job.ScratchStride;
            job.Panel.Stride = Whole(job.Args);
            if (job.Widen)
                widened = job.Panel.Data + job.Panel.Rows * job.Panel.Stride;
        }
        Multiply(job.Args, job.Panel, FirstOutput(job, item), FirstOutput(job, item + 1), widened);
    }

    private static void Multiply(in LinearArgs args, in Panel panel, int first, int end, float* widened)
    {
        nint stride = (nint)args.Inputs * W.Size, whole = Whole(args);
        float* output = args.Output + panel.FirstRow * (nint)args.OutputStride + first;
        byte* weight = (byte*)args.Weight + first * stride;
        (int groups, int edge) = Math.DivRem(end - first, Columns);
        if (widened is not null)
            MultiplyWidened(panel, weight, stride, groups, whole, widened, output, args.OutputStride);
        else
            DotTile<S, V, W>.Multiply(
                panel.Data, panel.Stride, panel.Rows, weight, stride, groups, whole, output, args.OutputStride, Ahead(stride), Near(stride));
        for (int column = end - edge; column < end; column++)
            MultiplyColumn(args, panel, column);
        if (args.Bias is not null || args.Inputs % (2 * S.Lanes) != 0)
            Complete(args, panel, first, end);
    }

    private static void MultiplyWidened(
        in Panel panel, byte* weight, nint stride, int groups, nint length, float* widened, float* output, nint outputStride)
    {
        for (; groups > 0; groups--, weight += Columns * stride, output += Columns)
        {
            Widen(weight, stride, length, widened);
            DotTile<S, V, Float32Storage>.Multiply(
                panel.Data, panel.Stride, panel.Rows, (byte*)widened, length * sizeof(float), 1, length, output, outputStride, 0, near: true);
        }
    }

    /// <summary>A group of columns as float32, in the order in which their storage is read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Widen(byte* columns, nint stride, nint length, float* widened)
    {
        for (int column = 0; column < Columns; column++, columns += stride, widened += length)
        {
            for (nint k = 0; k < length; k += 2 * S.Lanes)
            {
                S.Store(widened + k, W.First<S, V>(columns + k * W.Size));
                S.Store(widened + k + S.Lanes, W.Second<S, V>(columns + k * W.Size));
            }
        }
    }

    /// <summary>One of the last one to seven outputs: a tile of eight times the same column.</summary>
    private static void MultiplyColumn(in LinearArgs args, in Panel panel, int column)
    {
        float* tile = stackalloc float[Columns];
        byte* weight = (byte*)args.Weight + column * (nint)args.Inputs * W.Size;
        for (int row = 0; row < panel.Rows; row++)
        {
            DotTile<S, V, W>.Multiply(panel.Data + row * panel.Stride, 0, 1, weight, 0, 1, Whole(args), tile, 0, 0, near: true);
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
