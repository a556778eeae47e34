using Agentic.Kernels;

namespace Agentic.Tests;

/// <summary>A random tree over a random context: its keys, values and queries, and ways to lay them out and run them.</summary>
internal sealed unsafe class AttentionCase
{
    private readonly int _context, _kvHeads, _group, _dim, _blockSize, _window, _words, _seed;
    private readonly ElementType _type;
    private readonly int[] _parents, _depths;
    private readonly float[][] _contextKeys, _contextValues, _rowKeys, _rowValues, _queries;

    public AttentionCase(Random random, bool chain = false)
    {
        _seed = random.Next();
        _context = random.Next(4) switch { 0 => 0, 1 => random.Next(1, 10), 2 => random.Next(10, 60), _ => random.Next(60, 150) };
        Rows = random.Next(3) switch { 0 => random.Next(1, 5), 1 => random.Next(5, 20), _ => random.Next(20, 70) };
        (_kvHeads, _group) = (random.Next(1, 4), random.Next(1, 9));
        _dim = random.GetItems([16, 24, 32, 64, 96, 128, 10], 1)[0];
        _blockSize = random.GetItems([1, 4, 16, 32], 1)[0];
        _window = random.GetItems([0, 0, 1, 5, 16, 50], 1)[0];
        _type = (ElementType)random.Next(3);
        _words = (Rows + 31) / 32 + random.Next(2);
        (_parents, _depths) = (new int[Rows], new int[Rows]);
        int straightness = random.Next(1, 6);
        for (int row = 0; row < Rows; row++)
        {
            _parents[row] = row == 0 ? -1 : chain || random.Next(straightness) > 0 ? row - 1 : random.Next(row);
            _depths[row] = row == 0 ? 0 : _depths[_parents[row]] + 1;
        }
        (_contextKeys, _contextValues) = (Vectors(_context, _kvHeads), Vectors(_context, _kvHeads));
        (_rowKeys, _rowValues, _queries) = (Vectors(Rows, _kvHeads), Vectors(Rows, _kvHeads), Vectors(Rows, _kvHeads * _group));

        float[][] Vectors(int count, int heads)
        {
            float[][] vectors = new float[count][];
            for (int i = 0; i < count; i++)
                vectors[i] = [.. Enumerable.Range(0, heads * _dim).Select(_ => 4 * random.NextSingle() - 2)];
            return vectors;
        }
    }

    public int Rows { get; }

    public override string ToString() =>
        $"context {_context}, rows {Rows}, heads {_kvHeads} × {_group} × {_dim}, block {_blockSize}, window {_window}, {_type}";

    /// <summary>The whole tree in one launch, or copies of it as sequences of their own; [Rows, heads · dim] of the last one.</summary>
    public float[] RunTree(IKernels kernels, int copies = 1, bool maskless = false) => Launch(
        kernels, _contextKeys, _contextValues, _rowKeys, _rowValues, _queries, [.. _depths.Select(depth => _context + depth)],
        maskless ? null : Ancestors(), copies);

    /// <summary>The rows from one on, in a launch after that of the earlier ones; [Rows − first, heads · dim].</summary>
    public float[] RunFrom(IKernels kernels, int first) => Launch(
        kernels, _contextKeys, _contextValues, _rowKeys, _rowValues, _queries[first..], [.. _depths.Skip(first).Select(depth => _context + depth)],
        Ancestors()[(first * _words)..], copies: 1, first);

    /// <summary>A row after its path is committed, as the last of a prefill chunk of up to so many rows.</summary>
    public float[] RunAlone(IKernels kernels, int row, int chunk = 1)
    {
        List<int> path = [];
        for (int ancestor = row; ancestor >= 0; ancestor = _parents[ancestor])
            path.Insert(0, ancestor);
        float[][] keys = [.. _contextKeys, .. path.Select(i => _rowKeys[i])];
        float[][] values = [.. _contextValues, .. path.Select(i => _rowValues[i])];
        chunk = Math.Min(chunk, keys.Length);
        float[][] queries = [.. Enumerable.Repeat(_queries[0], chunk - 1), _queries[row]];
        int[] positions = [.. Enumerable.Range(keys.Length - chunk, chunk)];
        float[] output = Launch(
            kernels, keys[..^chunk], values[..^chunk], keys[^chunk..], values[^chunk..], queries, positions, null, 1);
        return output[^RowLength..];
    }

    public float[] RowOf(float[] output, int row) => output[(row * RowLength)..((row + 1) * RowLength)];

    private uint[] Ancestors()
    {
        uint[] ancestors = new uint[Rows * _words];
        for (int row = 0; row < Rows; row++)
        {
            for (int ancestor = row; ancestor >= 0; ancestor = _parents[ancestor])
                ancestors[row * _words + ancestor / 32] |= 1u << (ancestor % 32);
        }
        return ancestors;
    }

    private int RowLength => _kvHeads * _group * _dim;

    private float[] Launch(
        IKernels kernels, float[][] contextKeys, float[][] contextValues, float[][] rowKeys, float[][] rowValues, float[][] queries,
        int[] positions, uint[]? ancestors, int copies, int earlier = 0)
    {
        float[][] keys = [.. contextKeys, .. rowKeys], values = [.. contextValues, .. rowValues];
        int rows = rowKeys.Length - earlier, stride = RowLength + 3, blocks = (keys.Length + _blockSize - 1) / _blockSize;
        Random random = new(_seed ^ keys.Length ^ rows);
        int[] table = [.. Enumerable.Range(0, blocks + 3)];
        random.Shuffle(table);
        using Native<byte> pool = new((blocks + 3) * 2 * _kvHeads * _blockSize * _dim * Elements.Size(_type)); // all NaN
        using Native<int> blockTable = new(table.AsSpan(0, blocks));
        KvLayer kv = new() { Data = pool, Type = _type, KvHeads = _kvHeads, HeadDim = _dim, BlockSize = _blockSize };
        for (int key = 0; key < keys.Length; key++)
        {
            int slot = table[key / _blockSize] * _blockSize + key % _blockSize;
            for (int i = 0; i < _kvHeads * _dim; i++)
            {
                Elements.Store(kv.Data, _type, kv.KeyOffset(slot, i / _dim) + i % _dim * _blockSize, keys[key][i]);
                Elements.Store(kv.Data, _type, kv.ValueOffset(slot, i / _dim) + i % _dim, values[key][i]);
            }
        }

        using Native<float> query = new(copies * rows * stride), output = new(copies * rows * RowLength);
        using Native<int> allPositions = new(copies * rows);
        using Native<uint> mask = new(ancestors ?? []);
        using Native<SequenceRows> sequences = new(copies);
        for (int copy = 0; copy < copies; copy++)
        {
            sequences.Span[copy] = new SequenceRows
            {
                RowStart = copy * rows,
                RowCount = rows,
                ContextLength = contextKeys.Length,
                BlockTable = blockTable,
                Ancestors = ancestors is null ? null : mask.Pointer,
                AncestorWords = _words,
                EarlierRows = earlier,
            };
            for (int row = 0; row < rows; row++)
            {
                // Copies before the last have other queries, so that a mix-up shows.
                queries[copy < copies - 1 ? 0 : row].CopyTo(query.Span[((copy * rows + row) * stride)..]);
                allPositions.Span[copy * rows + row] = positions[row];
            }
        }
        kernels.TreeAttention(new TreeAttentionArgs
        {
            Query = query,
            QueryStride = stride,
            Output = output,
            Positions = allPositions,
            Sequences = sequences,
            SequenceCount = copies,
            Kv = kv,
            Heads = _kvHeads * _group,
            Scale = 1 / MathF.Sqrt(_dim),
            SlidingWindow = _window,
        });
        return output.Span[^(rows * RowLength)..].ToArray();
    }
}
