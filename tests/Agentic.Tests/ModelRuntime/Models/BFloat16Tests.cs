using System.Runtime.InteropServices;
using Agentic.Kernels;
using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary>Small checkpoints of every architecture in bfloat16: rounded where the reference library rounds, and the same bits in any cut.</summary>
public sealed class BFloat16Tests
{
    private static readonly ModelOptions BFloat16 = new(ModelStorage.BFloat16);

    public static TheoryData<string> Checkpoints => TransformerTests.Checkpoints;

    /// <remarks>
    /// Measured, root mean square of the error by that of the logits: 0.013 to 0.038 from the float32 logits, 0.048 where a row turns to another
    /// expert; rounding a checkpoint of float32 weights is 0.010 to 0.020 of it, and each of some ten results a layer adds its 2^-9. From the same
    /// rounding in plain mathematics it is 0 to 0.007: a sum in float32 seldom falls on the other side of a tie. Results left in float32 would be
    /// as far from that as from everything else, 0.013 or more.
    /// </remarks>
    [Theory]
    [MemberData(nameof(Checkpoints))]
    public void Logits_AreNearFloat32AndNearerToPlainRounding(string name)
    {
        string directory = TestFiles.Golden("models", name);
        (float[] exact, _) = Npy.ReadSingle(Path.Combine(directory, "logits.npy"));
        int[] ids = ReadIds(directory);
        using CpuKernels kernels = new();
        using Transformer model = Transformer.Load(directory, BFloat16, kernels);

        float[] logits = new ModelDriver(model, ids.Length, seed: 1).RunChunks(ids, ids.Length);

        float[] plain = [.. new PlainTransformer(model.Config, model.Weights, ElementType.BFloat16).Run(ids).SelectMany(row => row).Select(logit => (float)logit)];
        Assert.InRange(RelativeError(exact, logits), 0.002, 0.06);
        Assert.InRange(RelativeError(plain, logits), 0, 0.01);
        Assert.All(logits, logit => Assert.Equal(0, BitConverter.SingleToInt32Bits(logit) & 0xFFFF));
    }

    [Theory]
    [MemberData(nameof(Checkpoints))]
    public void ChunksTreesAndSteps_HaveTheSameBits(string name)
    {
        string directory = TestFiles.Golden("models", name);
        int[] ids = ReadIds(directory);
        using CpuKernels kernels = new();
        float[] whole = Run(driver => driver.RunChunks(ids, ids.Length), 1, BFloat16);

        foreach (int chunk in (int[])[1, 3, 16, 33])
            Assert.Equal(whole, Run(driver => driver.RunChunks(ids, chunk), chunk, BFloat16 with { BlockSize = chunk == 3 ? 5 : 16 }));
        for (int seed = 1; seed <= 3; seed++)
            Assert.Equal(whole, Run(driver => driver.RunTrees(ids, new Random(seed)), seed, BFloat16));

        float[] Run(Func<ModelDriver, float[]> run, int seed, ModelOptions options)
        {
            using Transformer model = Transformer.Load(directory, options, kernels);
            return run(new ModelDriver(model, ids.Length, seed));
        }
    }

    [Fact]
    public void Float32_IsAutoBitForBit()
    {
        string directory = TestFiles.Golden("models", "llama-bf16");
        int[] ids = ReadIds(directory);
        using CpuKernels kernels = new();
        using Transformer auto = Transformer.Load(directory, new ModelOptions(), kernels);
        using Transformer float32 = Transformer.Load(directory, new ModelOptions(ModelStorage.Float32), kernels);

        Assert.Equal(
            new ModelDriver(auto, ids.Length, seed: 1).RunChunks(ids, ids.Length),
            new ModelDriver(float32, ids.Length, seed: 1).RunChunks(ids, ids.Length));
    }

    private static double RelativeError(float[] expected, float[] actual)
    {
        double errors = expected.Zip(actual, (e, a) => Math.Pow(e - a, 2)).Sum();
        return Math.Sqrt(errors / expected.Sum(e => Math.Pow(e, 2)));
    }

    private static int[] ReadIds(string directory) =>
        MemoryMarshal.Cast<byte, int>(File.ReadAllBytes(Path.Combine(directory, "ids.i32"))).ToArray();
}
