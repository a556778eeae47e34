using System.Runtime.InteropServices;
using Agentic.Kernels;
using BenchmarkDotNet.Attributes;

namespace Agentic.Benchmarks;

/// <summary>Linear layers, bfloat16 weights rotated through memory beyond the caches: 2 · inputs · outputs bytes a call.</summary>
[MemoryDiagnoser]
[ShortRunJob]
public unsafe class LinearBenchmarks
{
    private const long RotatedBytes = 96 << 20;

    private static readonly CpuKernels Kernels = new();
    private LinearArgs _args;
    private byte* _weights;
    private long _weightBytes, _copies, _copy;

    /// <summary>Inputs and outputs.</summary>
    [Params("256→768", "768→256", "256→4096", "4096→4096")]
    public string Shape { get; set; } = "";

    /// <summary>Rows that share one reading of the weights: what verifying a tree of so many nodes costs.</summary>
    [Params(1, 2, 4, 8, 16, 32, 64)]
    public int Rows { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        int[] shape = [.. Shape.Split('→').Select(part => int.Parse(part, System.Globalization.CultureInfo.InvariantCulture))];
        _weightBytes = 2L * shape[0] * shape[1];
        _copies = RotatedBytes / _weightBytes + 1;
        _weights = (byte*)NativeMemory.AlignedAlloc((nuint)(_copies * _weightBytes), 64);
        BenchmarkData.FillBFloat16((ushort*)_weights, _copies * _weightBytes / 2);
        _args = new LinearArgs
        {
            Input = BenchmarkData.Floats(Rows * shape[0]),
            WeightType = ElementType.BFloat16,
            Output = BenchmarkData.Floats(Rows * shape[1]),
            OutputStride = shape[1],
            Rows = Rows,
            Inputs = shape[0],
            Outputs = shape[1],
        };
    }

    [Benchmark]
    public void Linear()
    {
        _args.Weight = _weights + _copy++ % _copies * _weightBytes;
        Kernels.Linear(_args);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        NativeMemory.AlignedFree(_weights);
        NativeMemory.AlignedFree(_args.Input);
        NativeMemory.AlignedFree(_args.Output);
    }
}

/// <summary>Attention of one layer of the bundled model's shape (4 heads × 64 on 2 key heads, bfloat16 cache) for a random tree.</summary>
[MemoryDiagnoser]
[ShortRunJob]
public unsafe class TreeAttentionBenchmarks
{
    private const int Heads = 4, KvHeads = 2, HeadDim = 64, BlockSize = 16;

    private static readonly CpuKernels Kernels = new();
    private SequenceRows* _sequence;
    private TreeAttentionArgs _args;

    /// <summary>Committed keys.</summary>
    [Params(256, 1024, 4096)]
    public int Context { get; set; }

    /// <summary>Nodes of the tree, its root among them.</summary>
    [Params(1, 8, 32)]
    public int Rows { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        int blocks = (Context + Rows + BlockSize - 1) / BlockSize, elements = blocks * 2 * KvHeads * BlockSize * HeadDim;
        Random random = new(1);
        ushort* pool = (ushort*)NativeMemory.AlignedAlloc((nuint)elements * 2, 64);
        BenchmarkData.FillBFloat16(pool, elements);
        int* table = (int*)NativeMemory.AlignedAlloc((nuint)blocks * 4, 64);
        int* positions = (int*)NativeMemory.AlignedAlloc((nuint)Rows * 4, 64);
        for (int block = 0; block < blocks; block++)
            table[block] = block;
        uint* ancestors = (uint*)NativeMemory.AlignedAlloc((nuint)Rows * 4, 64);
        for (int row = 0; row < Rows; row++)
        {
            int parent = row == 0 ? -1 : random.Next(3) > 0 ? row - 1 : random.Next(row);
            ancestors[row] = (parent < 0 ? 0 : ancestors[parent]) | 1u << row;
            positions[row] = parent < 0 ? Context : positions[parent] + 1;
        }
        _sequence = (SequenceRows*)NativeMemory.AlignedAlloc((nuint)sizeof(SequenceRows), 64);
        *_sequence = new SequenceRows
        {
            RowCount = Rows,
            ContextLength = Context,
            BlockTable = table,
            Ancestors = ancestors,
            AncestorWords = 1,
        };
        _args = new TreeAttentionArgs
        {
            Query = BenchmarkData.Floats(Rows * Heads * HeadDim),
            QueryStride = Heads * HeadDim,
            Output = BenchmarkData.Floats(Rows * Heads * HeadDim),
            Positions = positions,
            Sequences = _sequence,
            SequenceCount = 1,
            Kv = new KvLayer { Data = pool, Type = ElementType.BFloat16, KvHeads = KvHeads, HeadDim = HeadDim, BlockSize = BlockSize },
            Heads = Heads,
            Scale = 0.125f,
        };
    }

    [Benchmark]
    public void TreeAttention() => Kernels.TreeAttention(_args);

    [GlobalCleanup]
    public void Cleanup()
    {
        NativeMemory.AlignedFree(_args.Kv.Data);
        NativeMemory.AlignedFree(_sequence->BlockTable);
        NativeMemory.AlignedFree(_sequence->Ancestors);
        NativeMemory.AlignedFree(_sequence);
        NativeMemory.AlignedFree(_args.Positions);
        NativeMemory.AlignedFree(_args.Query);
        NativeMemory.AlignedFree(_args.Output);
    }
}

internal static unsafe class BenchmarkData
{
    public static float* Floats(int count)
    {
        Random random = new(1);
        float* data = (float*)NativeMemory.AlignedAlloc((nuint)count * sizeof(float), 64);
        for (int i = 0; i < count; i++)
            data[i] = random.NextSingle() - 0.5f;
        return data;
    }

    public static void FillBFloat16(ushort* data, long count)
    {
        Random random = new(2);
        for (long i = 0; i < count; i++)
            data[i] = Elements.ToBFloat16(random.NextSingle() - 0.5f);
    }
}
