using System.Runtime.CompilerServices;

namespace Agentic.Kernels;

/// <summary>Up to four packed rows of one sequence on one key head: packed row p is row p / group with head p % group of the key head.</summary>
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

        for (int r = 0; r < R.Count; r++)
            Score<OneRow>(r, _rows[r].First, Math.Min(sharedStart, _rows[r].End));
        Score<R>(0, sharedStart, sharedEnd);
        for (int r = 0; r < R.Count; r++)
            Score<OneRow>(r, sharedEnd, _rows[r].End);

        float* sums = stackalloc float[4];
        for (int r = 0; r < R.Count; r++)
            sums[r] = Softmax<S, V>.Exponentiate(Scores + r * ScoreStride, _rows[r].First - _origin, _rows[r].End - _origin);

        new Span<float>(Sums, R.Count * dim).Clear();
        for (int r = 0; r < R.Count; r++)
            AddValues<OneRow>(r, _rows[r].First, Math.Min(sharedStart, _rows[r].End));
        AddValues<R>(0, sharedStart, sharedEnd);
        for (int r = 0; r < R.Count; r++)
        {
            AddValues<OneRow>(r, sharedEnd, _rows[r].End);
            (int row, int head) = RowAndHead(r);
            float* output = Args.Output + ((nint)(Sequence.RowStart + row) * Args.Heads + head) * dim;
            Permutation<S, V>.Undo<W>(Sums + r * dim, output, dim, 1 / sums[r]);
        }
    }

    private readonly (int Row, int Head) RowAndHead(int r)
    {
        int group = Args.Heads / Args.Kv.KvHeads;
        return ((FirstPacked + r) / group, KvHead * group + (FirstPacked + r) % group);
    }

    /// <summary>Scores of packed rows r … against the keys of row r at indices start … end − 1.</summary>
    private void Score<R>(int r, int start, int end)
        where R : IRowCount
    {
        nint dim = Args.Kv.HeadDim, keyBytes = dim * W.Size;
        KeyRuns runs = new(Sequence, _rows[r], Args.Kv.BlockSize, start, end);
        while (runs.MoveNext())
        {
            byte* key = (byte*)Args.Kv.Data + (nint)Args.Kv.KeyOffset(runs.Slot, KvHead) * W.Size, last = key + (runs.Count - 1) * keyBytes;
            float* scores = Scores + r * ScoreStride + runs.Index - _origin;
            for (int i = 0; i < runs.Count; i += 4)
            {
                byte* key1 = key + keyBytes <= last ? key + keyBytes : last;
                byte* key2 = key1 + keyBytes <= last ? key1 + keyBytes : last, key3 = key2 + keyBytes <= last ? key2 + keyBytes : last;
                DotTile<S, V, W, R>.FourColumns(Queries + r * dim, dim, key, key1, key2, key3, dim, scores + i, ScoreStride);
                key += 4 * keyBytes;
            }
        }
    }

    /// <summary>Adds to the sums of packed rows r … the weighted values of row r's keys at indices start … end − 1.</summary>
    private void AddValues<R>(int r, int start, int end)
        where R : IRowCount
    {
        nint dim = Args.Kv.HeadDim;
        KeyRuns runs = new(Sequence, _rows[r], Args.Kv.BlockSize, start, end);
        while (runs.MoveNext())
        {
            byte* values = (byte*)Args.Kv.Data + (nint)Args.Kv.ValueOffset(runs.Slot, KvHead) * W.Size;
            float* weights = Scores + r * ScoreStride + runs.Index - _origin;
            ValueTile<S, V, W, R>.Accumulate(weights, ScoreStride, values, runs.Count, dim, Sums + r * dim);
        }
    }
}
