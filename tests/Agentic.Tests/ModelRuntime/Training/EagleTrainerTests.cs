using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary>Training, from weights drawn at random to a head that is served.</summary>
public sealed class EagleTrainerTests : IDisposable
{
    private const string NoTorch = "libtorch is not here (AGENTIC_LIBTORCH names its folder)";
    private static readonly EagleTrainingOptions Short =
        new() { Epochs = 2, BatchSequences = 4, EvaluationSteps = 3, LearningRate = 3e-3, IntermediateSize = 64 };
    private readonly TinyTraining _tiny = new();
    private readonly TemporaryDirectory _directory = new();

    public static bool HasTorch => TorchTests.HasTorch;

    public void Dispose()
    {
        _tiny.Dispose();
        _directory.Dispose();
    }

    [Theory(Skip = NoTorch, SkipUnless = nameof(HasTorch))]
    [InlineData(HeadLayout.SafeAILab)]
    [InlineData(HeadLayout.Speculators)]
    public void Training_LowersTheLossAndLengthensTheChains(HeadLayout layout)
    {
        List<TrainingReport> reports = [];

        // Few enough to be learned by heart: a random model's text has nothing else to learn.
        TrainingEnd end = Train(
            Short with { Layout = layout, Epochs = 120, EvaluationSteps = 30, Patience = 100 }, _directory["head"], reports, sequences: 4);

        Assert.Equal(TrainingEnd.Finished, end);
        for (int step = 0; step < 4; step++)
            Assert.InRange(reports[^1].Divergence[step], 0, 0.6 * reports[0].Divergence[step]);
        Assert.InRange(reports[^1].HeldOut.Length, reports[0].HeldOut.Length + 0.3, 9);
        Assert.Equal(reports.Max(report => report.HeldOut.Length), reports.Last(report => report.IsBest).HeldOut.Length);
    }

    [Fact(Skip = NoTorch, SkipUnless = nameof(HasTorch))]
    public void Interrupted_GoesOnAsIfItHadNot()
    {
        Train(Short, _directory["whole"]);

        TrainingEnd first = Train(Short, _directory["parts"], stopAfter: 5);
        List<TrainingReport> reports = [];
        TrainingEnd second = Train(Short, _directory["parts"], reports, resume: true);

        Assert.Equal((TrainingEnd.Interrupted, TrainingEnd.Finished), (first, second));
        Assert.Equal([6, 9, 12], reports.Select(report => report.Step));
        Assert.Equal(
            File.ReadAllBytes(Path.Combine(EagleTrainer.CheckpointIn(_directory["whole"]), "training.safetensors")),
            File.ReadAllBytes(Path.Combine(EagleTrainer.CheckpointIn(_directory["parts"]), "training.safetensors")));
        Assert.Equal(
            File.ReadAllBytes(Path.Combine(_directory["whole"], "model.safetensors")),
            File.ReadAllBytes(Path.Combine(_directory["parts"], "model.safetensors")));
    }

    [Fact(Skip = NoTorch, SkipUnless = nameof(HasTorch))]
    public void ResumedWithOtherOptions_IsRefusedWithBoth()
    {
        Train(Short, _directory["head"], stopAfter: 2);

        string refusal = Assert.Throws<ModelLoadException>(() => Train(Short with { Decay = 0.5 }, _directory["head"], resume: true)).Message;

        Assert.Contains("\"Decay\":0.8", refusal, StringComparison.Ordinal);
        Assert.Contains("\"Decay\":0.5", refusal, StringComparison.Ordinal);
    }

    [Fact(Skip = NoTorch, SkipUnless = nameof(HasTorch))]
    public void NoGain_EndsEarlyWithTheBest()
    {
        List<TrainingReport> reports = [];

        TrainingEnd end = Train(
            Short with { Epochs = 100, EvaluationSteps = 1, LearningRate = 1e-12, Patience = 3 }, _directory["head"], reports);

        Assert.Equal(TrainingEnd.NoGain, end);
        Assert.Equal(4, reports.Count);
        Assert.Equal([true, false, false, false], reports.Select(report => report.IsBest));
        Assert.True(File.Exists(_directory["head/model.safetensors"]));
    }

    /// <summary>What torch is handed is there until it is back, whenever the runtime collects. Run by itself (<c>-explicit only</c>): it slows down all
    /// others.</summary>
    [Fact(Explicit = true, Skip = NoTorch, SkipUnless = nameof(HasTorch))]
    public async Task CollectionsAllTheTime_TrainingIsTheSame()
    {
        Train(Short, _directory["calm"]);
        using var stop = new CancellationTokenSource();
        Task collections = Task.Factory.StartNew(
            () =>
            {
                while (!stop.IsCancellationRequested)
                {
                    GC.Collect(0);
                    GC.WaitForPendingFinalizers();
                }
            },
            TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            Assert.Equal(TrainingEnd.Finished, Train(Short, _directory["disturbed"]));
        }
        finally
        {
            await stop.CancelAsync();
            await collections;
        }

        Assert.Equal(
            await File.ReadAllBytesAsync(Path.Combine(_directory["calm"], "model.safetensors"), TestContext.Current.CancellationToken),
            await File.ReadAllBytesAsync(Path.Combine(_directory["disturbed"], "model.safetensors"), TestContext.Current.CancellationToken));
    }

    private TrainingEnd Train(
        EagleTrainingOptions options, string directory, List<TrainingReport>? reports = null, int stopAfter = int.MaxValue, bool resume = false,
        int sequences = 24)
    {
        using var stop = new CancellationTokenSource();
        int done = 0;
        var vocabulary = DraftVocabulary.Choose(_tiny.Data, _tiny.Target.VocabularySize, 200);
        return new EagleTrainer(_tiny.Target, TinyTraining.Directory, _tiny.Kernels, options).Train(
            _tiny.Data[..sequences], _tiny.Data[..4], vocabulary, directory, resume,
            steps =>
            {
                if ((done += steps) >= stopAfter)
                    stop.Cancel();
            },
            report => reports?.Add(report), stop.Token);
    }
}
