using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using Agentic.Kernels;
using Agentic.ModelRuntime;
using static Agentic.Proxy.TrainDraftSettings;

namespace Agentic.Proxy;

/// <summary><c>agentic train-draft</c>: an EAGLE-3 head for a model, from conversations or from what a server has served.</summary>
internal static class TrainDraftCommand
{
    private const int HeldOutEvery = 20, SequencesInKv = 16, InterruptedCode = 130;
    private const long MostKvBytes = 4L << 30;

    public static Command Create()
    {
        const string Help = "Trains an EAGLE-3 draft head for a model, from conversations or from what a server has served.";
        var command = new Command("train-draft", Help);
        foreach (Option option in All)
            command.Add(option);
        Layout.AcceptOnlyFromAmong("safeailab", "speculators");
        Dtype.AcceptOnlyFromAmong("bf16", "f32");
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop),
            terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        string output = Path.GetFullPath(parsed.GetRequiredValue(Out));
        try
        {
            return await RunAsync(parsed, output, stop.Token) == TrainingEnd.Interrupted ? Interrupted(output) : 0;
        }
        catch (OperationCanceledException)
        {
            return Interrupted(output);
        }

        void Stop(PosixSignalContext context)
        {
            context.Cancel = !stop.IsCancellationRequested;   // asked a second time, it ends at once
            stop.Cancel();
        }
    }

    private static async Task<TrainingEnd> RunAsync(ParseResult parsed, string output, CancellationToken cancellation)
    {
        string directory = parsed.GetValue(Model) ?? BundledModel.Directory
            ?? throw new CommandException("model: the bundled model is not here; name a checkpoint directory with --model");
        int threads = Positive(parsed, Threads) ?? Environment.ProcessorCount;
        float[] temperatures = [.. (parsed.GetValue(Regenerate) ?? []).Select(Temperature)];
        using var kernels = new CpuKernels(threads);
        using Transformer target = Transformer.Load(directory, new ModelOptions(), kernels);
        EagleTrainingOptions options = Training(parsed, target);
        var trainer = new EagleTrainer(target, directory, kernels, options) { Threads = threads };
        int? vocabularySize = Positive(parsed, VocabularySize);
        if (vocabularySize > target.VocabularySize)
            throw new CommandException($"draft-vocabulary: {vocabularySize} tokens, and the model has {target.VocabularySize}");
        bool onlyVocabulary = parsed.GetValue(VocabularyOnly), resume = parsed.GetValue(Resume);
        if (!onlyVocabulary)
            CheckOutput(output, resume);

        DraftData data = await ReadAsync(parsed, directory, target, cancellation);
        List<TrainingSequence> learned = Fitting(data, options.MaxTokens);
        CheckLearned(learned, "data");
        if (onlyVocabulary)
        {
            WriteVocabulary(DraftVocabulary.Choose(learned, target.VocabularySize, vocabularySize), output);
            return TrainingEnd.Finished;
        }

        if (TorchLibrary.Status.Problem is string problem)
            throw new CommandException($"train-draft needs libtorch: {problem}");
        (DraftData kept, DraftData aside) = parsed.GetValue(HeldOut) is { Length: > 0 } files
            ? (data, DraftData.Read(files, directory, target.VocabularySize))
            : data.Split(HeldOutEvery);
        List<TrainingSequence> heldOut = Fitting(aside, options.MaxTokens);
        learned = Fitting(kept, options.MaxTokens);
        CheckLearned(heldOut, "held-out");
        CheckLearned(learned, "data");

        int longest = TargetBlocks(target, options.MaxTokens);
        int kvBlocks = (int)Math.Max(longest, Math.Min((long)SequencesInKv * longest, MostKvBytes / target.KvBytesPerBlock));
        target.AllocateKv(kvBlocks);
        var answers = new RegeneratedAnswers(
            target, kvBlocks, EagleTrainer.CheckpointIn(output), [.. GenerationConfig.Read(directory).EosTokenIds], options.MaxTokens);
        if (!aside.ByTarget)
            heldOut = Answer(answers, aside, [0], "answering the held-out", cancellation);
        if (temperatures.Length > 0)
            learned = Answer(answers, kept, temperatures, "answering", cancellation);
        return Train(
            trainer, learned, heldOut, DraftVocabulary.Choose(learned, target.VocabularySize, vocabularySize), output, resume, cancellation);
    }

    private static TrainingEnd Train(
        EagleTrainer trainer, List<TrainingSequence> data, List<TrainingSequence> heldOut, DraftVocabulary vocabulary, string output,
        bool resume, CancellationToken cancellation)
    {
        string? beginning = string.Create(CultureInfo.InvariantCulture,
            $"{data.Count:N0} sequences of {data.Sum(one => (long)one.Tokens.Length):N0} tokens, {data.Sum(one => (long)one.Learned):N0} to be learned; "
            + $"held out {heldOut.Count:N0}; {vocabulary.Tokens.Count:N0} draft tokens are {100 * vocabulary.Coverage:0.00} % of what is learned");
        TrainingEnd end = default;
        Progress.Run("train-draft", trainer.StepsOver(data.Count), (report, say) => end = trainer.Train(data, heldOut, vocabulary, output, resume, steps =>
        {
            if (beginning is not null)
                say(beginning);   // now that it has begun, and a checkpoint of other options was not refused
            beginning = null;
            report(steps);
        }, evaluation =>
        {
            if (evaluation.IsBest)
                File.WriteAllText(Path.Combine(output, "training.json"), JsonSerializer.Serialize(evaluation, TrainingJson.Default.TrainingReport) + "\n");
            say(Line(evaluation));
        }, cancellation));
        if (end == TrainingEnd.Interrupted)
            return end;
        Directory.Delete(EagleTrainer.CheckpointIn(output), recursive: true);
        Console.WriteLine(end == TrainingEnd.NoGain ? $"no gain any more; the best head is in {output}" : $"the head is in {output}");
        return end;
    }

    private static int TargetBlocks(Transformer target, int tokens) => (tokens + target.BlockSize - 1) / target.BlockSize;

    private static string Line(TrainingReport report) => string.Create(CultureInfo.InvariantCulture,
        $"step {report.Step} of {report.Steps}: divergence {Figures(report.Divergence)} nats, agreed {Figures(report.Agreement)}, "
        + $"{report.TokensPerSecond:0} tokens/s; held out {report.HeldOut.Length:0.00} tokens a step, by depth {Figures(report.HeldOut.ByDepth)}"
        + $"{(report.IsBest ? ", the best so far" : "")}");

    private static string Figures(IEnumerable<double> values) => string.Join(' ', values.Select(value => value.ToString("0.00", CultureInfo.InvariantCulture)));

    private static int Interrupted(string output)
    {
        string remedy = Directory.Exists(EagleTrainer.CheckpointIn(output)) ? "; go on with the same command and --resume" : "";
        Console.Error.WriteLine($"agentic: stopped{remedy}");
        return InterruptedCode;
    }

    private static void WriteVocabulary(DraftVocabulary vocabulary, string output)
    {
        vocabulary.Save(output);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{vocabulary.Tokens.Count:N0} of {vocabulary.VocabularySize:N0} tokens, {100 * vocabulary.Coverage:0.00} % of the answers, in "
            + $"{Path.Combine(output, DraftVocabulary.FileName)}"));
    }

    private static void CheckOutput(string output, bool resume)
    {
        if (File.Exists(output))
            throw new CommandException($"out: '{output}' is a file; name a directory");
        bool started = Directory.Exists(EagleTrainer.CheckpointIn(output));
        if (resume && !started)
            throw new CommandException($"resume: '{output}' holds no training that stopped");
        if (!resume && Directory.Exists(output) && Directory.EnumerateFileSystemEntries(output).Any())
            throw new CommandException($"out: '{output}' is not empty; {(started ? "go on with --resume, or " : "")}name another directory");
    }

    private static async Task<DraftData> ReadAsync(ParseResult parsed, string directory, Transformer target, CancellationToken cancellation)
    {
        string[] files = parsed.GetValue(Data) ?? [];
        bool stored = parsed.GetValue(DataDirectory) is not null || parsed.GetValue(Redis) is not null;
        if (files.Length == 0 && !stored)
            throw new CommandException("data: name conversations with --data FILE…, or a server's store with --data-dir DIR");
        if (files.Length > 0 && stored)
            throw new CommandException("data: learn from files or from a server's store, not from both");
        if (!stored)
            return DraftData.Read(files, directory, target.VocabularySize);
        var location = StoreLocation.Of(parsed, parsed.GetValue(Redis), parsed.GetValue(DataDirectory));
        return await DraftData.ReadStoreAsync(location, parsed.GetValue(Tenant) ?? [], target.Fingerprint, directory, cancellation);
    }

    private static List<TrainingSequence> Fitting(DraftData data, int maxTokens) =>
        [.. data.Conversations.Select(TrainingSequence.Of).Select(sequence => sequence.Cut(maxTokens)).Where(sequence => sequence.Learned > 0)];

    private static List<TrainingSequence> Answer(
        RegeneratedAnswers answers, DraftData data, float[] temperatures, string what, CancellationToken cancellation)
    {
        List<TrainingSequence> all = [];
        Progress.Run(what, temperatures.Length * data.Conversations.Count, report =>
        {
            foreach (float temperature in temperatures)
                all.AddRange(answers.AnswerAsync(data.Conversations, temperature, report, cancellation).GetAwaiter().GetResult());
        });
        return [.. all.Where(sequence => sequence.Learned > 0)];
    }

    private static void CheckLearned(List<TrainingSequence> sequences, string what)
    {
        if (sequences.Count == 0)
            throw new CommandException($"{what}: no conversation has an answer of the model to learn from; give others with --{what}");
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(TrainingReport))]
internal sealed partial class TrainingJson : JsonSerializerContext;
