using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary><c>agentic logits</c> as a child process.</summary>
public sealed class LogitsCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    private static string Model => TestFiles.Golden("models", "qwen3-head-dim");

    private static string Ids => Path.Combine(Model, "ids.i32");

    [Theory]
    [InlineData]
    [InlineData("--mode", "chunks", "--chunk", "7")]
    [InlineData("--mode", "steps")]
    [InlineData("--dtype", "f32", "--threads", "1")]
    public async Task AnyMode_WritesTheReferencesLogits(params string[] options)
    {
        AgenticProcess.Result result = await AgenticProcess.RunAsync(
            ["logits", "--model", Model, "--ids", Ids, "--out", _directory["out.npy"], .. options]);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        (float[] actual, int[] shape) = Npy.ReadSingle(_directory["out.npy"]);
        (float[] expected, int[] expectedShape) = Npy.ReadSingle(Path.Combine(Model, "logits.npy"));
        Assert.Equal(expectedShape, shape);
        float tolerance = 1e-4f * expected.Max(MathF.Abs);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, tolerance));
    }

    [Fact]
    public async Task MissingModel_IsOneLine() =>
        (await AgenticProcess.RunAsync("logits", "--model", _directory["none"], "--ids", Ids, "--out", _directory["out"])).AssertOneLine(
            _directory["none"]);

    [Fact]
    public async Task TruncatedWeights_AreOneLineThatNamesTheFile()
    {
        foreach (string file in Directory.EnumerateFiles(Model))
            File.WriteAllBytes(_directory[Path.GetFileName(file)], File.ReadAllBytes(file));
        byte[] weights = File.ReadAllBytes(_directory["model.safetensors"]);
        File.WriteAllBytes(_directory["model.safetensors"], weights[..(weights.Length / 2)]);

        (await AgenticProcess.RunAsync("logits", "--model", _directory.Path, "--ids", Ids, "--out", _directory["out"])).AssertOneLine(
            "model.safetensors");
    }

    [Theory]
    [InlineData(new byte[] { 1, 2, 3 }, "int32")]
    [InlineData(new byte[] { 255, 255, 255, 127 }, "vocabulary")]
    [InlineData(new byte[0], "at least one")]
    public async Task WrongIds_AreOneLine(byte[] ids, string mention)
    {
        File.WriteAllBytes(_directory["ids"], ids);

        (await AgenticProcess.RunAsync("logits", "--model", Model, "--ids", _directory["ids"], "--out", _directory["out"])).AssertOneLine(
            mention);
        Assert.False(File.Exists(_directory["out"]));
    }

    [Fact]
    public async Task MissingOption_IsOneLine() => (await AgenticProcess.RunAsync("logits", "--ids", Ids)).AssertOneLine("--model");
}
