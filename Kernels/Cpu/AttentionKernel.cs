using System.Diagnostics;

namespace Agentic.Kernels;

/// <summary>
/// output[row, head] = Σ_key softmax(scale · q·k) v over the keys that the row sees. Rows of a step and the query heads that share a key
/// head are packed, sixteen to a tile; a tile reads all keys once, the values that all see once, and what only some see row by row.
/// Scores are sums of their own; the sum of exponentials runs along lanes by logical index and the sum of values is one chain
/// by logical index. So a row has the same bits whoever shares its tile, and wherever its keys lie: see <see cref="AttentionRow"/>.
/// </summary>
/// <remarks>Work is split by sequence, key head and tile. A worker's scratch: queries [4, dim, 4], sums [16, dim], scores [16, keys].</remarks>
internal static unsafe class AttentionKernel<S, V, W>
    where S : ISimd<V>
    where V : struct
    where W : IStorage
{
    /// <summary>Scores begin at a multiple of this index, so that a key's lane is given by its index alone.</summary>
    public const int IndexAlignment = 16;

    private const int MaxRows = AttentionTile<S, V, W>.MaxRows;

    private struct Job
    {
        public TreeAttentionArgs Args;
        public int RowsPerItem;
        public float* Scratch;
        public nint ScratchStride;
        public nint ScoreStride;
    }

    public static void Run(in TreeAttentionArgs args, WorkerPool pool, NativeBuffer scratch)
    {
        Debug.Assert(args.Heads % args.Kv.KvHeads == 0 && args.Kv.HeadDim % (2 * S.Lanes) == 0);
        int keys = 0;
        for (int s = 0; s < args.SequenceCount; s++)
            keys = Math.Max(keys, args.Sequences[s].ContextLength + args.Sequences[s].EarlierRows + args.Sequences[s].RowCount);
        // Past the last key lie the other vectors of its tile.
        Job job = new() { Args = args, RowsPerItem = MaxRows, ScoreStride = (keys + 6 * IndexAlignment) & ~(IndexAlignment - 1) };
        while (Items(job) < pool.Threads && job.RowsPerItem > 4)
            job.RowsPerItem /= 2;

        job.ScratchStride = MaxRows * (2 * args.Kv.HeadDim + job.ScoreStride);
        if (args.Kv.BlockSize % S.Lanes != 0)
            job.ScratchStride += 2 * ScoreTile<S, V, W, OneRow>.Vectors * S.Lanes * args.Kv.HeadDim;
        job.Scratch = scratch.Floats(job.ScratchStride * pool.Threads);
        pool.Run(&RunItem, &job, Items(job));
    }

    private static int Items(in Job job)
    {
        int items = 0;
        for (int s = 0; s < job.Args.SequenceCount; s++)
            items += job.Args.Kv.KvHeads * Tiles(job, job.Args.Sequences[s]);
        return items;
    }

    private static int PackedRows(in Job job, in SequenceRows sequence) => sequence.RowCount * (job.Args.Heads / job.Args.Kv.KvHeads);

    private static int Tiles(in Job job, in SequenceRows sequence) => (PackedRows(job, sequence) + job.RowsPerItem - 1) / job.RowsPerItem;

    private static void RunItem(void* state, int item, int worker)
    {
        Job job = *(Job*)state; // the caller's stack changes all the time
        SequenceRows* sequence = job.Args.Sequences;
        for (; item >= job.Args.Kv.KvHeads * Tiles(job, *sequence); sequence++)
            item -= job.Args.Kv.KvHeads * Tiles(job, *sequence);
        (int kvHead, int tile) = Math.DivRem(item, Tiles(job, *sequence));

        int dim = job.Args.Kv.HeadDim, firstPacked = tile * job.RowsPerItem;
        float* queries = job.Scratch + worker * job.ScratchStride, sums = queries + MaxRows * dim, scores = sums + MaxRows * dim;
        AttentionTile<S, V, W> attention = new()
        {
            Args = job.Args,
            Sequence = *sequence,
            KvHead = kvHead,
            FirstPacked = firstPacked,
            Rows = Math.Min(job.RowsPerItem, PackedRows(job, *sequence) - firstPacked),
            Queries = queries,
            Sums = sums,
            Scores = scores,
            ScoreStride = job.ScoreStride,
            Gathered = (byte*)(scores + MaxRows * job.ScoreStride),
        };
        attention.Run();
    }
}
