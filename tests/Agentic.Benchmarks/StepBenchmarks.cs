using Agentic.Kernels;
using Agentic.ModelRuntime;
using BenchmarkDotNet.Attributes;

namespace Agentic.Benchmarks;

/// <summary>A decode step of the bundled model: one row is plain decoding, more are a draft tree under the last token.</summary>
/// <remarks>Run from anywhere inside the repository. Tokens a second of plain decoding are 1 s / mean of one row.</remarks>
[MemoryDiagnoser]
[ShortRunJob]
public class StepBenchmarks : IDisposable
{
    private const int ContextLength = 512;
    private readonly StepRows _rows = new();
    private CpuKernels _kernels = null!;
    private Transformer _model = null!;

    [Params(1, 4, 8, 16, 32)]
    public int Rows { get; set; }

    [Params(1, 2)]
    public int Threads { get; set; }

    [GlobalSetup]
    public void Load()
    {
        _kernels = new CpuKernels(Threads);
        _model = Transformer.Load(Path.Combine(Clone.Root(), "models", "agentic-tiny"), new ModelOptions(), _kernels);
        int blocks = ((ContextLength + Rows) / _model.BlockSize) + 1;
        int[] blockTable = [.. Enumerable.Range(0, blocks).Reverse()];
        _model.AllocateKv(blocks);
        Random random = new(1);
        _rows.AddChain(Tokens(ContextLength), 0, blockTable, _model.BlockSize, scoreLast: false);
        _model.Forward(_rows);
        _rows.Clear();

        // Two branches, as drafts have them.
        int[] parents = [.. Enumerable.Range(0, Rows - 1).Select(node => node < 2 ? -1 : node - 2)];
        int[] depths = [.. Enumerable.Range(0, Rows - 1).Select(node => (node / 2) + 1)];
        _rows.AddTree(random.Next(_model.VocabularySize), Tokens(Rows - 1), parents, depths, ContextLength, blockTable, _model.BlockSize);

        int[] Tokens(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(_model.VocabularySize))];
    }

    [Benchmark]
    public float Step() => _model.Forward(_rows)[0][0];

    [GlobalCleanup]
    public void Dispose()
    {
        _model.Dispose();
        _kernels.Dispose();
        GC.SuppressFinalize(this);
    }
}
