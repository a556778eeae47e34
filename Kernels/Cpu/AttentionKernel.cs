using System.Diagnostics;

namespace Agentic.Kernels;

/// <summary>
/// output[row, head] = Σ_key softmax(scale · q·k) v over the keys that the row sees. Rows of a step and the query heads that share a key
/// head are packed, four to a tile; a tile reads all keys once, the values that all four see once, and what only some see row by row.
/// Scores are sums of their own; the sum of exponentials runs along lanes by logical index and the sum of values is one chain
/// by logical index. So a row has the same bits whoever shares its tile, and wherever its keys lie: see <see cref="AttentionRow"/>.
/// </summary>
/// <remarks>Work is split by sequence, key head and tile. A worker's scratch: queries [dim, 4], sums [4, dim], scores [4, keys].</remarks>
internal static unsafe class AttentionKernel<S, V, W>
    where S : ISimd<V>
    where V : struct
    where W : IStorage
{
    /// <summary>Scores begin at a multiple of this index, so that a key's lane is given by its index alone.</summary>
    public const int IndexAlignment = 16;

    private const int TileRows = 4;

    private struct Job
    {
        public TreeAttentionArgs Args;
        public float* Scratch;
        public nint ScratchStride;
        public nint ScoreStride;
    }

    public static void Run(in TreeAttentionArgs args, WorkerPool pool, NativeBuffer scratch)
    {
        Debug.Assert(args.Heads % args.Kv.KvHeads == 0 && args.Kv.HeadDim % (2 * S.Lanes) == 0);
        int items = 0, keys = 0;
        for (int s = 0; s < args.SequenceCount; s++)
        {
            items += args.Kv.KvHeads * Tiles(args, args.Sequences[s]);
            keys = Math.Max(keys, args.Sequences[s].ContextLength + args.Sequences[s].RowCount);
        }
        // Past the last key lie the other vectors of its tile.
        Job job = new() { Args = args, ScoreStride = (keys + 6 * IndexAlignment) & ~(IndexAlignment - 1) };
        job.ScratchStride = TileRows * (2 * args.Kv.HeadDim + job.ScoreStride);
        if (args.Kv.BlockSize % S.Lanes != 0)
            job.ScratchStride += 2 * ScoreTile<S, V, W, OneRow>.Vectors * S.Lanes * args.Kv.HeadDim;
        job.Scratch = scratch.Floats(job.ScratchStride * pool.Threads);
        pool.Run(&RunItem, &job, items);
    }

    private static int Tiles(in TreeAttentionArgs args, in SequenceRows sequence) =>
        (sequence.RowCount * (args.Heads / args.Kv.KvHeads) + TileRows - 1) / TileRows;

    private static void RunItem(void* state, int item, int worker)
    {
        ref readonly Job job = ref *(Job*)state;
        SequenceRows* sequence = job.Args.Sequences;
        for (; item >= job.Args.Kv.KvHeads * Tiles(job.Args, *sequence); sequence++)
            item -= job.Args.Kv.KvHeads * Tiles(job.Args, *sequence);
        (int kvHead, int tile) = Math.DivRem(item, Tiles(job.Args, *sequence));

        float* queries = job.Scratch + worker * job.ScratchStride, sums = queries + TileRows * job.Args.Kv.HeadDim;
        AttentionTile<S, V, W> attention = new()
        {
            Args = job.Args,
            Sequence = *sequence,
            KvHead = kvHead,
            FirstPacked = tile * TileRows,
            Queries = queries,
            Sums = sums,
            Scores = sums + TileRows * job.Args.Kv.HeadDim,
            ScoreStride = job.ScoreStride,
            Gathered = (byte*)(sums + TileRows * (job.Args.Kv.HeadDim + job.ScoreStride)),
        };
        switch (Math.Min(TileRows, sequence->RowCount * (job.Args.Heads / job.Args.Kv.KvHeads) - tile * TileRows))
        {
            case 1: attention.Run<OneRow>(); break;
            case 2: attention.Run<TwoRows>(); break;
            case 3: attention.Run<ThreeRows>(); break;
            default: attention.Run<FourRows>(); break;
        }
    }
}
