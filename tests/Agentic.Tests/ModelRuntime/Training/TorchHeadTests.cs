using Agentic.ModelRuntime;
using static TorchSharp.torch;

namespace Agentic.Tests;

/// <summary>The head that is trained computes what the head that is served computes.</summary>
public sealed unsafe class TorchHeadTests : IDisposable
{
    private const string NoTorch = "libtorch is not here (AGENTIC_LIBTORCH names its folder)";
    private const int Steps = 4;
    private readonly TinyTraining _tiny = new();
    private readonly TemporaryDirectory _directory = new();

    public static bool HasTorch => TorchTests.HasTorch;

    public void Dispose()
    {
        _tiny.Dispose();
        _directory.Dispose();
    }

    [Theory(Skip = NoTorch, SkipUnless = nameof(HasTorch))]
    [InlineData(HeadLayout.SafeAILab, 320)]
    [InlineData(HeadLayout.SafeAILab, 100)]
    [InlineData(HeadLayout.Speculators, 320)]
    [InlineData(HeadLayout.Speculators, 100)]
    public void WrittenHead_HasTheTrainedOnesLogits(HeadLayout layout, int draftVocabulary)
    {
        Assert.Null(TorchLibrary.Status.Problem);
        TrainingSequence sequence = _tiny.Data[3];
        EagleTrainingOptions options = new() { Layout = layout, IntermediateSize = 48 };
        var vocabulary = DraftVocabulary.Choose(_tiny.Data, _tiny.Target.VocabularySize, draftVocabulary);
        EagleConfig config = HeadFiles.WriteConfig(_directory.Path, TinyTraining.Directory, _tiny.Target.Config, options, [2, 4, 5], draftVocabulary);
        using TargetReader reader = new(_tiny.Target, _tiny.Kernels, [2, 4, 5], vocabulary, sequence.Tokens.Length);
        using TorchHead trained = new(config, reader.HeadRows(), 64, seed: 7);
        Perturb(trained);
        HeadFiles.WriteWeights(_directory.Path, trained, vocabulary, layout, bfloat16: false);
        using EagleHead served = EagleHead.Load(_directory.Path, _tiny.Target, _tiny.Kernels, blockSize: 1);
        Assert.Equal(vocabulary.Tokens, Enumerable.Range(0, draftVocabulary).Select(served.TargetToken));

        reader.Read(sequence);
        int[] rows = [.. Enumerable.Range(0, sequence.Tokens.Length - 1 - Steps)];
        using var guard = no_grad();
        List<Tensor> expected = trained.Logits(reader, rows, Steps);
        float largest = expected.Max(logits => logits.abs().max().item<float>()), error = 0;
        using NativeArray<float> hidden = new((long)rows.Length * served.HiddenSize);
        served.Fuse(reader.StatePointers, rows.Length, hidden.Data);
        served.AllocateKv(rows.Length * Steps);
        for (int step = 0; step < Steps; step++)
        {
            StepLogits actual = served.Forward(Rows(sequence.Tokens, rows.Length, step), hidden.Data, hidden.Data);
            float[] wanted = expected[step].data<float>().ToArray();
            for (int row = 0; row < rows.Length; row++)
            {
                for (int token = 0; token < draftVocabulary; token++)
                    error = Math.Max(error, Math.Abs(actual[row][token] - wanted[(row * draftVocabulary) + token]));
            }
        }

        Assert.InRange(error, 0, 1e-4f * largest);
    }

    [Fact(Skip = NoTorch, SkipUnless = nameof(HasTorch))]
    public void Gradient_IsTheSlopeOfTheLoss()
    {
        Assert.Null(TorchLibrary.Status.Problem);
        TrainingSequence sequence = _tiny.Data[5];
        var vocabulary = DraftVocabulary.Choose(_tiny.Data, _tiny.Target.VocabularySize, 100);
        EagleConfig config = HeadFiles.WriteConfig(
            _directory.Path, TinyTraining.Directory, _tiny.Target.Config, new() { Layout = HeadLayout.Speculators }, [2, 4, 5], 100);
        using TargetReader reader = new(_tiny.Target, _tiny.Kernels, [2, 4, 5], vocabulary, sequence.Tokens.Length);
        using TorchHead head = new(config, reader.HeadRows(), 64, seed: 7);
        reader.Read(sequence);
        int[] rows = TrainingRows.Of(sequence);
        head.Loss(reader, rows, Steps, 0.8, new StepSums[Steps]).backward();

        // Along each parameter's own gradient the loss rises by its square, to first order.
        foreach ((string name, Tensor parameter) in head.Parameters)
        {
            using Tensor gradient = parameter.grad!.clone();
            double square = gradient.square().sum().item<float>(), reach = 0.02 / Math.Sqrt(square);
            double slope = (Loss(parameter, gradient * reach) - Loss(parameter, gradient * -reach)) / (2 * reach);
            Assert.True(Math.Abs(slope - square) <= 0.05 * square, $"{name}: {slope}, not {square}");
        }

        double Loss(Tensor parameter, Tensor shift)
        {
            using IDisposable guard = no_grad();
            parameter.add_(shift);
            double loss = head.Loss(reader, rows, Steps, 0.8, new StepSums[Steps]).item<float>();
            parameter.sub_(shift);
            return loss;
        }
    }

    /// <summary>Norms that are not one, which random weights begin with.</summary>
    private static void Perturb(TorchHead head)
    {
        using IDisposable guard = no_grad();
        foreach ((string name, Tensor parameter) in head.Parameters)
            parameter.add_(randn_like(parameter), alpha: name.Contains("norm", StringComparison.Ordinal) ? 0.2 : 0.05);
    }

    private static StepRows Rows(int[] tokens, int count, int step)
    {
        var rows = new StepRows();
        if (step == 0)
            rows.AddChain(tokens.AsSpan(1, count), 0, [.. Enumerable.Range(0, count)], 1, scoreLast: true, scoreAll: true);
        for (int row = 0; step > 0 && row < count; row++)
        {
            int[] slots = [.. Enumerable.Range(0, row + 1), .. Enumerable.Range(1, step).Select(own => (own * count) + row)];
            rows.AddTree(tokens[row + 1 + step], [], [], [], row + step, slots, 1);
        }

        return rows;
    }
}
