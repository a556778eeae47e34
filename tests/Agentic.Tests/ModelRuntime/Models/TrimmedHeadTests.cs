using Agentic.Kernels;
using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary>A head that scores with the target's matrix, and the tokens that are written most.</summary>
public sealed unsafe class TrimmedHeadTests : IDisposable
{
    private readonly CpuKernels _kernels = new();
    private readonly TemporaryDirectory _directory = new();

    public TrimmedHeadTests()
    {
        foreach (string file in Directory.GetFiles(TestFiles.Golden("heads", "eagle1")))
            File.Copy(file, _directory[Path.GetFileName(file)]);
    }

    private static string Target => TestFiles.Golden("heads", "target-llama");

    public void Dispose()
    {
        _kernels.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void Scores_AreThoseOfTheWholeMatrixsRows()
    {
        using Transformer target = Transformer.Load(Target, new ModelOptions(), _kernels);
        float[][] whole = Logits(target);
        var random = new Random(1);
        int[] written = [.. Enumerable.Range(0, 4000).Select(_ => random.Next(target.VocabularySize))];
        var vocabulary = DraftVocabulary.Choose([new TrainingSequence(written, [.. written.Select(_ => true)])], target.VocabularySize, 70);

        vocabulary.Save(_directory.Path);
        using EagleHead trimmed = EagleHead.Load(_directory.Path, target, _kernels);
        float[][] some = Logits(target);

        Assert.Equal(70, trimmed.Config.DraftVocabularySize);
        Assert.Equal(vocabulary.Tokens, Enumerable.Range(0, 70).Select(trimmed.TargetToken));
        for (int row = 0; row < whole.Length; row++)
            Assert.Equal(vocabulary.Tokens.Select(token => whole[row][token]), some[row]);
    }

    [Fact]
    public void VocabularyOfAnotherModel_IsRefused()
    {
        DraftVocabulary.Choose([new TrainingSequence([4999], [true])], 5000, 1).Save(_directory.Path);
        Assert.Contains("maps draft token 0 to 4999", Refusal(), StringComparison.Ordinal);

        SafetensorsWriter.Write(_directory[DraftVocabulary.FileName], [new NamedTensor("other", "I64", [1], new byte[8])]);
        Assert.Contains("no I64 tensor d2t", Refusal(), StringComparison.Ordinal);
    }

    private string Refusal()
    {
        using Transformer target = Transformer.Load(Target, new ModelOptions(), _kernels);
        return Assert.Throws<ModelLoadException>(() => EagleHead.Load(_directory.Path, target, _kernels)).Message;
    }

    private float[][] Logits(Transformer target)
    {
        const int Rows = 6;
        using EagleHead head = EagleHead.Load(_directory.Path, target, _kernels, blockSize: 1);
        head.AllocateKv(Rows);
        var rows = new StepRows();
        rows.AddChain([3, 1, 4, 1, 5, 9], 0, [.. Enumerable.Range(0, Rows)], 1, scoreLast: true, scoreAll: true);
        float[] hidden = [.. Enumerable.Range(0, Rows * head.HiddenSize).Select(i => MathF.Sin(i))];
        fixed (float* states = hidden)
        {
            StepLogits logits = head.Forward(rows, states, states);
            return [.. Enumerable.Range(0, Rows).Select(row => logits[row].ToArray())];
        }
    }
}
