using System.Runtime.InteropServices;
using Agentic.Kernels;
using Agentic.ModelRuntime;
using Agentic.Proxy;

namespace Agentic.Tests;

/// <summary>Logits of small checkpoints of every architecture, against the reference library and against themselves.</summary>
public sealed class TransformerTests
{
    public static TheoryData<string> Checkpoints =>
        [.. Directory.GetDirectories(TestFiles.Golden("models")).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Checkpoints))]
    public void Prompt_HasTheReferenceLogits(string name)
    {
        string directory = TestFiles.Golden("models", name);
        (float[] expected, int[] shape) = Npy.ReadSingle(Path.Combine(directory, "logits.npy"));
        int[] ids = ReadIds(directory);
        using CpuKernels kernels = new();
        using Transformer model = Transformer.Load(directory, new ModelOptions(), kernels);

        float[] logits = new ModelDriver(model, ids.Length, seed: 1).RunChunks(ids, ids.Length);

        Assert.Equal((int[])[ids.Length, model.VocabularySize], shape);
        AssertClose(expected, logits, 1e-4f);
    }

    [Theory]
    [MemberData(nameof(Checkpoints))]
    public unsafe void Prompt_HasTheReferenceResidualStream(string name)
    {
        string directory = TestFiles.Golden("models", name);
        (float[] expected, int[] shape) = Npy.ReadSingle(Path.Combine(directory, "boundaries.npy"));
        int[] ids = ReadIds(directory);
        using CpuKernels kernels = new();
        using Transformer model = Transformer.Load(directory, new ModelOptions(), kernels);
        model.CaptureBoundaries([.. Enumerable.Range(0, shape[0])]);

        new ModelDriver(model, ids.Length, seed: 1).RunChunks(ids, ids.Length);

        int length = shape[1] * shape[2];
        for (int boundary = 0; boundary < shape[0]; boundary++)
            AssertClose(expected.AsSpan(boundary * length, length), new ReadOnlySpan<float>(model.Boundary(boundary), length), 1e-4f);
    }

    [Theory]
    [MemberData(nameof(Checkpoints))]
    public void ChunksTreesAndSteps_HaveTheSameBits(string name)
    {
        string directory = TestFiles.Golden("models", name);
        int[] ids = ReadIds(directory);
        float[] whole = Run(driver => driver.RunChunks(ids, ids.Length), 1, new ModelOptions(), threads: 1);

        foreach (int threads in (int[])[1, 2])
        {
            foreach (int chunk in (int[])[1, 3, 7, 16, 33])
                AssertSame(whole, Run(driver => driver.RunChunks(ids, chunk), chunk, new ModelOptions(BlockSize: chunk == 7 ? 5 : 16), threads));
            for (int seed = 1; seed <= 3; seed++)
                AssertSame(whole, Run(driver => driver.RunTrees(ids, new Random(seed)), seed, new ModelOptions(), threads));
            foreach (int chunk in (int[])[1, 7, 16])
                Run(driver => Unscored(driver, chunk), chunk, new ModelOptions(), threads);
        }

        float[] Run(Func<ModelDriver, float[]> run, int seed, ModelOptions options, int threads)
        {
            using CpuKernels kernels = new(threads);
            using Transformer model = Transformer.Load(directory, options, kernels);
            return run(new ModelDriver(model, ids.Length, seed));
        }

        float[] Unscored(ModelDriver driver, int chunk)
        {
            (List<int> positions, float[] logits) = driver.RunUnscored(ids, chunk);
            int vocabulary = whole.Length / ids.Length;
            for (int i = 0; i < positions.Count; i++)
                AssertSame(whole.AsSpan(positions[i] * vocabulary, vocabulary), logits.AsSpan(i * vocabulary, vocabulary));
            return logits;
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void RandomShapes_ComputeWhatThePapersSay(int architecture)
    {
        for (int seed = architecture; seed < 60; seed += 5)
        {
            using TemporaryDirectory directory = new();
            RandomCheckpoint.Write(directory, seed);
            Random random = new(seed);
            using CpuKernels kernels = new();
            using Transformer model = Transformer.Load(directory.Path, new ModelOptions(BlockSize: random.Next(1, 20)), kernels);
            using Transformer again = Transformer.Load(directory.Path, new ModelOptions(), kernels);
            int[] ids = [.. Enumerable.Range(0, random.Next(1, 40)).Select(_ => random.Next(model.VocabularySize))];

            float[] logits = new ModelDriver(model, ids.Length, seed).RunChunks(ids, ids.Length);

            float[] expected = [.. new PlainTransformer(model.Config, model.Weights).Run(ids).SelectMany(row => row).Select(value => (float)value)];
            AssertClose(expected, logits, 1e-4f, seed);
            AssertSame(logits, new ModelDriver(again, ids.Length, seed).RunTrees(ids, random));
        }
    }

    [Fact]
    public void SharedWeights_LeaveEachModelItsOwnKeysAndStates()
    {
        string directory = TestFiles.Golden("models", "qwen3-tied");
        int[] ids = ReadIds(directory), others = [.. ids.Reverse()];
        using CpuKernels kernels = new();
        using Transformer model = Transformer.Load(directory, new ModelOptions(), kernels);
        using Transformer shared = model.Share();
        model.CaptureBoundaries(1);
        ModelDriver own = new(model, ids.Length, seed: 1), other = new(shared, ids.Length, seed: 1);

        float[] written = own.RunChunks(ids, ids.Length), writtenAfter = other.RunChunks(others, others.Length);

        AssertSame(written.AsSpan(^model.VocabularySize..), own.RunLast(ids));
        AssertSame(writtenAfter.AsSpan(^model.VocabularySize..), other.RunLast(others));
        Assert.Equal(0, ((ITargetStates)shared).StateSize);
    }

    [Fact]
    public void BundledModel_DecodesGreedilyAsTheReferenceDoes()
    {
        using CpuKernels kernels = new(threads: 2);
        using Transformer model = Transformer.Load(BundledModel.Directory!, new ModelOptions(ModelStorage.Float32), kernels);
        ModelDriver driver = new(model, 1024, seed: 1);
        Assert.NotEmpty(ReferencePrompts.Greedy);

        foreach ((int[] prompt, int[] output) in ReferencePrompts.Greedy.Where((_, i) => i % 3 == 0))
            Assert.Equal(output, driver.Decode(prompt, output.Length));
    }

    [Fact]
    public void BFloat16_HalvesTheCacheAndStaysNear()
    {
        string directory = TestFiles.Golden("models", "qwen3-head-dim");
        int[] ids = ReadIds(directory);
        using CpuKernels kernels = new();
        using Transformer exact = Transformer.Load(directory, new ModelOptions(), kernels);
        using Transformer model = Transformer.Load(directory, new ModelOptions(ModelStorage.BFloat16), kernels);

        float[] logits = new ModelDriver(model, ids.Length, seed: 1).RunChunks(ids, ids.Length);

        Assert.Equal(exact.KvBytesPerBlock, 2 * model.KvBytesPerBlock);
        Assert.Equal(ElementType.BFloat16, model.Weights.Head.Weight.Type);
        AssertClose(new ModelDriver(exact, ids.Length, seed: 1).RunChunks(ids, ids.Length), logits, 0.05f);
    }

    [Fact]
    public void WarmStep_AllocatesNothing()
    {
        string directory = TestFiles.Golden("models", "qwen3-moe");
        using IdleKernels kernels = new();
        using Transformer model = Transformer.Load(directory, new ModelOptions(), kernels);
        model.AllocateKv(4);
        StepRows rows = new();
        rows.AddTree(1, [2, 3, 4], [-1, 0, -1], [1, 2, 1], 0, [2, 1], model.BlockSize);
        for (int i = 0; i < 50; i++)
            model.Forward(rows);

        long before = GC.GetAllocatedBytesForCurrentThread();
        model.Forward(rows);
        model.CommitKv([new KvMove(3, 2)]);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void RowsOutsideTheTables_AreRefused()
    {
        using CpuKernels kernels = new();
        using Transformer model = Transformer.Load(TestFiles.Golden("models", "llama2-mha"), new ModelOptions(), kernels);
        model.AllocateKv(2);
        StepRows rows = new();
        rows.AddChain([model.VocabularySize], 0, [0], model.BlockSize, scoreLast: true);
        Assert.Throws<ArgumentOutOfRangeException>(() => model.Forward(rows));

        rows.Clear();
        rows.AddChain([1], 0, [2], model.BlockSize, scoreLast: true);
        Assert.Throws<ArgumentOutOfRangeException>(() => model.Forward(rows));
    }

    private static int[] ReadIds(string directory) =>
        MemoryMarshal.Cast<byte, int>(File.ReadAllBytes(Path.Combine(directory, "ids.i32"))).ToArray();

    private static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, float relative, int seed = 0)
    {
        Assert.Equal(expected.Length, actual.Length);
        float largest = 0, worst = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(float.IsFinite(actual[i]), $"Element {i} is {actual[i]}.");
            largest = Math.Max(largest, Math.Abs(expected[i]));
            worst = Math.Max(worst, Math.Abs(expected[i] - actual[i]));
        }

        Assert.True(worst <= relative * largest, $"The worst difference is {worst}, the largest value {largest}; seed {seed}.");
    }

    private static void AssertSame(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual) =>
        Assert.True(MemoryMarshal.AsBytes(expected).SequenceEqual(MemoryMarshal.AsBytes(actual)), "The bits differ.");
}
