using System.Runtime.CompilerServices;

namespace Agentic.Kernels;

/// <summary>Up to four packed rows of one sequence on one key head: packed row p is head p % group of row p / group.</summary>
internal unsafe struct AttentionTile<S, V, W>
    where S : ISimd<V>
    where V : struct
    where W : IStorage
{
    private const int Vectors = ScoreTile<S, V, W, OneRow>.Vectors;

    /// <summary>[dim, 4] scaled queries.</summary>
    public float* Queries;

    /// <summary>[4, dim] weighted sums of values, in storage order.</summary>
    public float* Sums;

    /// <summary>[4, <see cref="ScoreStride"/>] by logical slot, then by logical index, less <see cref="_origin"/>.</summary>
    public float* Scores;

    /// <summary>Vectors of keys, [8, dim, lanes] in storage, for blocks that are not whole vectors.</summary>
    public byte* Gathered;

    public nint ScoreStride;
    public TreeAttentionArgs Args;
    public SequenceRows Sequence;
    public int KvHead;
    public int FirstPacked;

    private FourAttentionRows _rows;
    private int _origin;

    [InlineArray(4)]
    private struct FourAttentionRows
    {
        private AttentionRow _first;
    }

    public void Run<R>()
        where R : IRowCount
    {
        int dim = Args.Kv.HeadDim, first = int.MaxValue, sharedStart = 0, sharedEnd = int.MaxValue;
        for (int r = 0; r < R.Count; r++)
        {
            (int row, int head) = RowAndHead(r);
            AttentionRow keys = _rows[r] = new AttentionRow(Args, Sequence, row);
            first = Math.Min(first, keys.First);
            sharedStart = Math.Max(sharedStart, keys.First);
            sharedEnd = Math.Min(sharedEnd, keys.Identity);
            float* query = Args.Query + (nint)(Sequence.RowStart + row) * Args.QueryStride + head * dim;
            for (int i = 0; i < dim; i++)
                Queries[4 * i + r] = Args.Scale * query[i];
        }
        sharedEnd = Math.Max(sharedStart, sharedEnd);
        _origin = first & -AttentionKernel<S, V, W>.IndexAlignment;

        Score<R>();
        for (int r = 0; r < R.Count; r++)
            CloseUp(_rows[r], Scores + r * ScoreStride - _origin);

        float* sums = stackalloc float[4];
        for (int r = 0; r < R.Count; r++)
            sums[r] = Softmax<S, V>.Exponentiate(Scores + r * ScoreStride, _rows[r].First - _origin, _rows[r].End - _origin);

        new Span<float>(Sums, R.Count * dim).Clear();
        for (int r = 0; r < R.Count; r += Heads<R>(r))
            AddOwnValues(r, Heads<R>(r), _rows[r].First, Math.Min(sharedStart, _rows[r].End));
        AddValues<R>(0, sharedStart, sharedEnd);
        for (int r = 0; r < R.Count; r += Heads<R>(r))
            AddOwnValues(r, Heads<R>(r), sharedEnd, _rows[r].End);

        for (int r = 0; r < R.Count; r++)
        {
            (int row, int head) = RowAndHead(r);
            float* output = Args.Output + ((nint)(Sequence.RowStart + row) * Args.Heads + head) * dim;
            Permutation<S, V>.Undo<W>(Sums + r * dim, output, dim, 1 / sums[r]);
        }
    }

    /// <summary>Packed rows from r on that are heads of one row, and so see the same keys.</summary>
    private readonly int Heads<R>(int r)
        where R : IRowCount => Math.Min(R.Count, r + Group - (FirstPacked + r) % Group) - r;

    private void AddOwnValues(int r, int heads, int start, int end)
    {
        switch (heads)
        {
            case 1: AddValues<OneRow>(r, start, end); break;
            case 2: AddValues<TwoRows>(r, start, end); break;
            case 3: AddValues<ThreeRows>(r, start, end); break;
            default: AddValues<FourRows>(r, start, end); break;
        }
    }

    private readonly int Group => Args.Heads / Args.Kv.KvHeads;

    private readonly (int Row, int Head) RowAndHead(int r) =>
        ((FirstPacked + r) / Group, KvHead * Group + (FirstPacked + r) % Group);

    /// <summary>Scores of all packed rows against every slot up to the last row's own, also those that some of them do not see.</summary>
    private readonly void Score<R>()
        where R : IRowCount
    {
        int end = Sequence.ContextLength + _rows[R.Count - 1].Number + 1;
        nint keyStride = (InVectors ? Args.Kv.BlockSize : S.Lanes) * W.Size;
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
            ScoreTile<S, V, W, R>.Multiply(Queries, keys, keyStride, Args.Kv.HeadDim, Scores + slot - _origin, ScoreStride);
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
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddValues<R>(int r, int start, int end)
        where R : IRowCount
    {
        nint dim = Args.Kv.HeadDim;
        KeyRuns runs = new(Sequence, _rows[r], Args.Kv.BlockSize, start, end);
        while (runs.MoveNext())
        {
            byte* values = (byte*)Args.Kv.Data + (nint)Args.Kv.ValueOffset(runs.Slot, KvHead) * W.Size;
            byte* ahead = (byte*)Args.Kv.Data + (nint)Args.Kv.ValueOffset(runs.SlotAhead, KvHead) * W.Size;
            float* weights = Scores + r * ScoreStride + runs.Index - _origin;
            ValueTile<S, V, W, R>.Accumulate(weights, ScoreStride, values, ahead, runs.Count, dim, Sums + r * dim);
        }
    }
}
