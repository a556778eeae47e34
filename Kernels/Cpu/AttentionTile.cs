using System.Runtime.CompilerServices;

namespace Agentic.Kernels;

/// <summary>Up to four packed rows of one sequence on one key head: packed row p is head p % group of row p / group.</summary>
internal unsafe struct AttentionTile<S, V, W>
    where S : ISimd<V>
    where V : struct
    where W : IStorage
{
    /// <summary>[4, dim] scaled queries, in storage order.</summary>
    public float* Queries;

    /// <summary>[4, dim] weighted sums of values, in storage order.</summary>
    public float* Sums;

    /// <summary>[4, <see cref="ScoreStride"/>] by logical index less <see cref="_origin"/>; three past a run may be written.</summary>
    public float* Scores;

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
            Permutation<S, V>.Apply<W>(query, Queries + r * dim, dim, Args.Scale);
        }
        sharedEnd = Math.Max(sharedStart, sharedEnd);
        _origin = first & -AttentionKernel<S, V, W>.IndexAlignment;

        for (int r = 0; r < R.Count; r += Heads<R>(r))
            ScoreOwn(r, Heads<R>(r), _rows[r].First, Math.Min(sharedStart, _rows[r].End));
        Score<R>(0, sharedStart, sharedEnd);
        for (int r = 0; r < R.Count; r += Heads<R>(r))
            ScoreOwn(r, Heads<R>(r), sharedEnd, _rows[r].End);

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

    private void ScoreOwn(int r, int heads, int start, int end)
    {
        switch (heads)
        {
            case 1: Score<OneRow>(r, start, end); break;
            case 2: Score<TwoRows>(r, start, end); break;
            case 3: Score<ThreeRows>(r, start, end); break;
            default: Score<FourRows>(r, start, end); break;
        }
    }

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

    /// <summary>Scores of packed rows r … against the keys of row r at indices start … end − 1, four at a time wherever they lie.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Score<R>(int r, int start, int end)
        where R : IRowCount
    {
        nint dim = Args.Kv.HeadDim, keyBytes = dim * W.Size;
        float* queries = Queries + r * dim, scores = Scores + r * ScoreStride + start - _origin;
        byte* first = null, second = null, third = null;
        int gathered = 0;
        KeyRuns runs = new(Sequence, _rows[r], Args.Kv.BlockSize, start, end);
        while (runs.MoveNext())
        {
            byte* key = (byte*)Args.Kv.Data + (nint)Args.Kv.KeyOffset(runs.Slot, KvHead) * W.Size;
            byte* ahead = (byte*)Args.Kv.Data + (nint)Args.Kv.KeyOffset(runs.SlotAhead, KvHead) * W.Size;
            int left = runs.Count;
            while (left > 0)
            {
                if (gathered == 0 && left >= 4)
                {
                    byte* pair = key + 2 * keyBytes;
                    DotTile<S, V, W, R>.FourColumns(
                        queries, dim, key, key + keyBytes, pair, pair + keyBytes, dim, scores, ScoreStride, ahead, near: true);
                    left -= 4;
                    scores += 4;
                    key += 4 * keyBytes;
                    ahead += 4 * keyBytes;
                    continue;
                }
                switch (gathered++)
                {
                    case 0: first = key; break;
                    case 1: second = key; break;
                    case 2: third = key; break;
                    default:
                        DotTile<S, V, W, R>.FourColumns(
                            queries, dim, first, second, third, key, dim, scores, ScoreStride, ahead, near: true);
                        scores += 4;
                        gathered = 0;
                        break;
                }
                left--;
                key += keyBytes;
            }
        }
        if (gathered > 0)
            DotTile<S, V, W, R>.FourColumns(
                queries, dim, first, gathered > 1 ? second : first, gathered > 2 ? third : first, first, dim, scores, ScoreStride,
                first, near: true);
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
