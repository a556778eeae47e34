using System.Runtime.CompilerServices;

namespace Agentic.Kernels;

/// <summary>Up to sixteen packed rows of one sequence on one key head: packed row p is head p % group of row p / group.</summary>
/// <remarks>They share each group of keys while it is in the first-level cache, four or eight rows at a time in registers.</remarks>
internal unsafe struct AttentionTile<S, V, W>
    where S : ISimd<V>
    where V : struct
    where W : IStorage
{
    public const int MaxRows = 16;

    private const int Vectors = ScoreTile<S, V, W, OneRow>.Vectors;

    // Sums go to memory and back between batches of runs. A run is a block at most, and with as many the values of sixteen rows' keys
    // (64 KB in blocks of 16) still come from the second-level cache.
    private const int MaxRuns = 16;

    // Four rows against four vectors need more than 16 registers.
    private static int MaxTileRows => S.Lanes == Simd512.Lanes ? 4 : 2;

    /// <summary>[16 / 8, dim, 8] scaled queries.</summary>
    public float* Queries;

    /// <summary>[16, dim] weighted sums of values, in storage order.</summary>
    public float* Sums;

    /// <summary>[16, <see cref="ScoreStride"/>] by logical slot, then by logical index, less <see cref="_origin"/>.</summary>
    public float* Scores;

    /// <summary>Vectors of keys, [8, dim, lanes] in storage, for blocks that are not whole vectors.</summary>
    public byte* Gathered;

    public nint ScoreStride;
    public TreeAttentionArgs Args;
    public SequenceRows Sequence;
    public int KvHead;
    public int FirstPacked;
    public int Rows;

    private AttentionRows _rows;
    private int _origin;

    [InlineArray(MaxRows)]
    private struct AttentionRows
    {
        private AttentionRow _first;
    }

    public void Run()
    {
        int dim = Args.Kv.HeadDim, first = int.MaxValue, sharedStart = 0, sharedEnd = int.MaxValue;
        for (int r = 0; r < Rows; r++)
        {
            (int row, int head) = RowAndHead(r);
            AttentionRow keys = _rows[r] = new AttentionRow(Args, Sequence, row);
            first = Math.Min(first, keys.First);
            sharedStart = Math.Max(sharedStart, keys.First);
            sharedEnd = Math.Min(sharedEnd, keys.Identity);
            float* query = Args.Query + (nint)(Sequence.RowStart + row) * Args.QueryStride + head * dim;
            float* scaled = Queries + r / 8 * 8 * dim + r % 8;
            for (int i = 0; i < dim; i++)
                scaled[8 * i] = Args.Scale * query[i];
        }
        sharedEnd = Math.Max(sharedStart, sharedEnd);
        _origin = first & -AttentionKernel<S, V, W>.IndexAlignment;

        Score();
        float* sums = stackalloc float[MaxRows];
        for (int r = 0; r < Rows; r++)
        {
            float* scores = Scores + r * ScoreStride;
            CloseUp(_rows[r], scores - _origin);
            sums[r] = Softmax<S, V>.Exponentiate(scores, _rows[r].First - _origin, _rows[r].End - _origin);
        }

        new Span<float>(Sums, Rows * dim).Clear();
        for (int r = 0; r < Rows; r += Heads(r))
            AddValues(r, Heads(r), _rows[r].First, Math.Min(sharedStart, _rows[r].End));
        AddValues(0, Rows, sharedStart, sharedEnd);
        for (int r = 0; r < Rows; r += Heads(r))
            AddValues(r, Heads(r), sharedEnd, _rows[r].End);

        for (int r = 0; r < Rows; r++)
        {
            (int row, int head) = RowAndHead(r);
            float* output = Args.Output + ((nint)(Sequence.RowStart + row) * Args.Heads + head) * dim;
            Permutation<S, V>.Undo<W>(Sums + r * dim, output, dim, 1 / sums[r]);
        }
    }

    private readonly int Group => Args.Heads / Args.Kv.KvHeads;

    private readonly (int Row, int Head) RowAndHead(int r) =>
        ((FirstPacked + r) / Group, KvHead * Group + (FirstPacked + r) % Group);

    /// <summary>Packed rows from r on that are heads of one row, and so see the same keys.</summary>
    private readonly int Heads(int r) => Math.Min(Rows, r + Group - (FirstPacked + r) % Group) - r;

    /// <summary>Scores of all packed rows against every slot up to the last row's own, also those that some of them do not see.</summary>
    private readonly void Score()
    {
        int end = Sequence.ContextLength + Sequence.EarlierRows + _rows[Rows - 1].Number + 1;
        nint dim = Args.Kv.HeadDim, keyStride = (InVectors ? Args.Kv.BlockSize : S.Lanes) * W.Size;
        byte** keys = stackalloc byte*[2 * Vectors];
        for (int j = 0; j < Vectors; j++)
            keys[Vectors + j] = Keys(_origin + j * S.Lanes, end);
        for (int slot = _origin; slot < end; slot += Vectors * S.Lanes)
        {
            for (int j = 0; j < Vectors; j++)
            {
                keys[j] = keys[Vectors + j];
                keys[Vectors + j] = Keys(slot + (Vectors + j) * S.Lanes, end);
            }
            int vectors = (Math.Min(Vectors * S.Lanes, end - slot) + S.Lanes - 1) / S.Lanes;
            for (int r = 0; r < Rows;)
            {
                float* queries = Queries + r / 8 * 8 * dim + r % 8, scores = Scores + r * ScoreStride + slot - _origin;
                r += ScoreRows(Rows - r, queries, keys, vectors, keyStride, dim, scores);
            }
        }
    }

    /// <summary>As many rows as one tile takes, at most <paramref name="rows"/>, and how many those are.</summary>
    private readonly int ScoreRows(int rows, float* queries, byte** keys, int vectors, nint keyStride, nint dim, float* scores)
    {
        if (EightRowTile<S, V, W>.Fits && rows >= EightRowTile<S, V, W>.Rows)
        {
            for (int j = 0; j < vectors; j += 2)
                EightRowTile<S, V, W>.Multiply(queries, keys + j, keys + Vectors + j, keyStride, dim, scores + j * S.Lanes, ScoreStride);
            return EightRowTile<S, V, W>.Rows;
        }
        switch (Math.Min(rows, MaxTileRows))
        {
            case 1: ScoreTile<S, V, W, OneRow>.Multiply(queries, keys, keyStride, dim, scores, ScoreStride); return 1;
            case 2: ScoreTile<S, V, W, TwoRows>.Multiply(queries, keys, keyStride, dim, scores, ScoreStride); return 2;
            case 3: ScoreTile<S, V, W, ThreeRows>.Multiply(queries, keys, keyStride, dim, scores, ScoreStride); return 3;
            default: ScoreTile<S, V, W, FourRows>.Multiply(queries, keys, keyStride, dim, scores, ScoreStride); return 4;
        }
    }

    private readonly bool InVectors => Args.Kv.BlockSize % S.Lanes == 0;

    /// <summary>The vector of keys from a logical slot on, or the last one before the end.</summary>
    private readonly byte* Keys(int slot, int end)
    {
        slot = Math.Min(slot, end - 1 & -S.Lanes);
        byte* data = (byte*)Args.Kv.Data;
        if (InVectors)
        {
            (int block, int offset) = Math.DivRem(slot, Args.Kv.BlockSize);
            return data + Args.Kv.KeyOffset(Sequence.BlockTable[block], offset, KvHead) * W.Size;
        }

        byte* gathered = Gathered + (nint)(slot / S.Lanes % (2 * Vectors)) * Args.Kv.HeadDim * S.Lanes * W.Size;
        for (int lane = 0; lane < Math.Min(S.Lanes, end - slot); lane++)
        {
            long key = Args.Kv.KeyOffset(Sequence.Slot(slot + lane, Args.Kv.BlockSize), KvHead);
            for (int i = 0; i < Args.Kv.HeadDim; i++)
                Unsafe.CopyBlockUnaligned(
                    gathered + ((nint)i * S.Lanes + lane) * W.Size, data + (key + (long)i * Args.Kv.BlockSize) * W.Size, (uint)W.Size);
        }
        return gathered;
    }

    /// <summary>Moves the scores of a row's ancestors from their slots to their logical indices, past those of siblings.</summary>
    private readonly void CloseUp(in AttentionRow row, float* scores)
    {
        int ancestor = row.Identity - Sequence.ContextLength - 1;
        for (int index = row.Identity; index < row.End; index++)
        {
            ancestor = AttentionRow.NextAncestor(Sequence, row.Number, ancestor);
            scores[index] = scores[Sequence.ContextLength + ancestor];
        }
    }

    /// <summary>Adds to the sums of packed rows r … the weighted values of row r's keys at indices start … end − 1.</summary>
    private readonly void AddValues(int r, int rows, int start, int end)
    {
        nint dim = Args.Kv.HeadDim;
        ValueRun* batch = stackalloc ValueRun[MaxRuns];
        KeyRuns runs = new(Sequence, _rows[r], Args.Kv.BlockSize, start, end);
        for (bool more = runs.MoveNext(); more;)
        {
            int count = 0, first = runs.Index;
            for (; more && count < MaxRuns; more = runs.MoveNext())
                batch[count++] = new ValueRun { Values = Values(runs.Slot), Ahead = Values(runs.SlotAhead), Keys = runs.Count };
            for (int i = r; i < r + rows;)
                i += AddRuns(r + rows - i, Scores + i * ScoreStride + first - _origin, batch, count, dim, Sums + i * dim);
        }
    }

    private readonly byte* Values(int slot) => (byte*)Args.Kv.Data + (nint)Args.Kv.ValueOffset(slot, KvHead) * W.Size;

    /// <summary>As <see cref="ScoreRows"/>.</summary>
    private readonly int AddRuns(int rows, float* weights, ValueRun* runs, int count, nint dim, float* sums)
    {
        if (EightRowTile<S, V, W>.Fits && rows >= EightRowTile<S, V, W>.Rows)
        {
            EightRowTile<S, V, W>.Accumulate(weights, ScoreStride, runs, count, dim, sums);
            return EightRowTile<S, V, W>.Rows;
        }
        switch (Math.Min(rows, MaxTileRows))
        {
            case 1: ValueTile<S, V, W, OneRow>.Accumulate(weights, ScoreStride, runs, count, dim, sums); return 1;
            case 2: ValueTile<S, V, W, TwoRows>.Accumulate(weights, ScoreStride, runs, count, dim, sums); return 2;
            case 3: ValueTile<S, V, W, ThreeRows>.Accumulate(weights, ScoreStride, runs, count, dim, sums); return 3;
            default: ValueTile<S, V, W, FourRows>.Accumulate(weights, ScoreStride, runs, count, dim, sums); return 4;
        }
    }
}
