using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using Agentic.Kernels;
using TorchSharp;

namespace Agentic.ModelRuntime;

/// <summary>Trains an EAGLE-3 head by training-time test: the target runs in our kernels, the head alone in torch.</summary>
/// <remarks>Soft targets over the draft vocabulary, all draft steps back-propagated, written tokens only (arXiv 2503.01840). What is kept is the
/// head whose chains go farthest along held-out text, measured as it is served; a lower loss is not always a longer chain.</remarks>
public sealed class EagleTrainer
{
    private const double LeastRate = 0.05;
    private const int MostWarmUpSteps = 100, UsualEvaluations = 20;
    private readonly Transformer _target;
    private readonly string _targetDirectory;
    private readonly IKernels _kernels;
    private readonly EagleTrainingOptions _options;
    private readonly int[] _boundaries;

    /// <param name="target">The model; by the time of training its KV pool holds a longest sequence, and nobody else uses it.</param>
    /// <param name="targetDirectory">Where it was loaded from.</param>
    /// <param name="kernels">Where it computes.</param>
    /// <param name="options">How.</param>
    /// <exception cref="ModelLoadException">The boundaries are not the model's.</exception>
    public EagleTrainer(Transformer target, string targetDirectory, IKernels kernels, EagleTrainingOptions options)
    {
        (_target, _targetDirectory, _kernels, _options) = (target, targetDirectory, kernels, options);
        _boundaries = [.. options.Boundaries ?? UsualBoundaries(target.Config.Layers)];
        int layers = target.Config.Layers;
        bool rise = _boundaries.Zip(_boundaries.Skip(1)).All(pair => pair.First < pair.Second);
        if (_boundaries.Length == 0 || _boundaries[0] < 0 || _boundaries[^1] > layers || !rise)
            throw new ModelLoadException($"boundaries: {string.Join(", ", _boundaries)} should rise from 0 to the model's {layers} layers");
    }

    /// <summary>Of a directory that training writes to: what is needed to go on.</summary>
    public static string CheckpointIn(string directory) => Path.Combine(directory, "checkpoint");

    /// <summary>Where states are taken if nobody says: early, in the middle, late; from eight layers on as published heads have it.</summary>
    public static int[] UsualBoundaries(int layers) => layers switch
    {
        >= 8 => [2, layers / 2, layers - 3],
        >= 4 => [1, layers / 2, layers - 1],
        _ => [.. new[] { 0, layers / 2, layers }.Distinct()],
    };

    /// <summary>Threads that torch computes on.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>Optimizer steps over so many sequences.</summary>
    public int StepsOver(int sequences) => (int)Math.Max(1, Math.Ceiling(_options.Epochs * sequences / _options.BatchSequences));

    /// <summary>Trains, and leaves the best head in the directory.</summary>
    /// <param name="data">What is learned, each no longer than the options' tokens.</param>
    /// <param name="heldOut">What is measured.</param>
    /// <param name="vocabulary">Tokens the head proposes.</param>
    /// <param name="directory">Written to.</param>
    /// <param name="resume">Whether to go on from the directory's checkpoint, if it has one.</param>
    /// <param name="stepsDone">Told of steps done, those before a resumption too.</param>
    /// <param name="report">Told of each evaluation.</param>
    /// <param name="cancellation">Ends it with a checkpoint.</param>
    /// <exception cref="ModelLoadException">libtorch is not here, or the checkpoint is of another training.</exception>
    public TrainingEnd Train(
        IReadOnlyList<TrainingSequence> data, IReadOnlyList<TrainingSequence> heldOut, DraftVocabulary vocabulary, string directory,
        bool resume, Action<int> stepsDone, Action<TrainingReport> report, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfZero(data.Count);
        ArgumentOutOfRangeException.ThrowIfZero(heldOut.Count);
        if (TorchLibrary.Status.Problem is string problem)
            throw new ModelLoadException($"training needs libtorch: {problem}");
        return Run(new TrainingFiles(directory, resume), data, heldOut, vocabulary, stepsDone, report, cancellation);
    }

    // Not inlined: nothing of torch may be touched before its library is loaded.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private TrainingEnd Run(
        TrainingFiles files, IReadOnlyList<TrainingSequence> data, IReadOnlyList<TrainingSequence> heldOut, DraftVocabulary vocabulary,
        Action<int> stepsDone, Action<TrainingReport> report, CancellationToken cancellation)
    {
        torch.set_num_threads(Threads);
        int longest = data.Concat(heldOut).Max(sequence => sequence.Tokens.Length), steps = StepsOver(data.Count);
        int evaluationSteps = _options.EvaluationSteps ?? Math.Max(1, steps / UsualEvaluations);
        EagleConfig config = HeadFiles.WriteConfig(
            files.Checkpoint, _targetDirectory, _target.Config, _options, _boundaries, vocabulary.Tokens.Count);
        using TargetReader reader = new(_target, _kernels, _boundaries, vocabulary, longest);
        using TorchHead head = new(config, reader.HeadRows(), longest + _options.DraftSteps, _options.Seed);
        using Adam adam = new(head.Parameters);
        string settings = Describe(data, heldOut, vocabulary);
        TrainingState state = files.Resumes
            ? TrainingCheckpoint.Load(files.Checkpoint, head, adam, settings)
            : new TrainingState(0, BestLength: 0, BestStep: 0, Stale: 0, settings);
        stepsDone(state.Step);

        StepSums[] sums = new StepSums[_options.DraftSteps];
        long tokens = 0, started = Stopwatch.GetTimestamp();
        while (state.Step < steps && state.Stale < _options.Patience)
        {
            int step = state.Step;
            TrainingSequence[] batch = [.. Batch(data, step)];
            if (!Accumulate(head, reader, batch, sums, cancellation))
            {
                TrainingCheckpoint.Save(files.Checkpoint, head, adam, state);
                return TrainingEnd.Interrupted;
            }

            adam.Step(step + 1, RateAt(step, steps));
            state = state with { Step = step + 1 };
            tokens += batch.Sum(sequence => (long)sequence.Tokens.Length);
            stepsDone(1);
            if (state.Step % evaluationSteps != 0 && state.Step != steps)
                continue;

            HeadFiles.WriteWeights(files.Checkpoint, head, vocabulary, _options.Layout, _options.BFloat16);
            ChainAcceptance acceptance = Evaluate(files.Checkpoint, reader, heldOut, longest);
            bool isBest = acceptance.Length > state.BestLength;
            state = isBest
                ? state with { BestLength = acceptance.Length, BestStep = state.Step, Stale = 0 }
                : state with { Stale = state.Stale + 1 };
            if (isBest)
                HeadFiles.Copy(files.Checkpoint, files.Head);
            TrainingCheckpoint.Save(files.Checkpoint, head, adam, state);
            report(new TrainingReport(
                state.Step, steps,
                [.. sums.Select(sum => sum.Divergence / Math.Max(1, sum.Rows))], [.. sums.Select(sum => (double)sum.Agreed / Math.Max(1, sum.Rows))],
                tokens / Stopwatch.GetElapsedTime(started).TotalSeconds, acceptance, isBest, _target.Fingerprint));
            Array.Clear(sums);
            (tokens, started) = (0, Stopwatch.GetTimestamp());
        }

        return state.Step < steps ? TrainingEnd.NoGain : TrainingEnd.Finished;
    }

    /// <summary>Adds the gradients of a batch; false if it was interrupted.</summary>
    private bool Accumulate(TorchHead head, TargetReader reader, TrainingSequence[] batch, StepSums[] sums, CancellationToken cancellation)
    {
        double rows = batch.Sum(sequence => (double)sequence.Learned);
        foreach (TrainingSequence sequence in batch)
        {
            if (cancellation.IsCancellationRequested)
                return false;
            using DisposeScope scope = torch.NewDisposeScope();
            reader.Read(sequence);
            torch.Tensor loss = head.Loss(reader, TrainingRows.Of(sequence), _options.DraftSteps, _options.Decay, sums);
            if (loss.requires_grad)
                TorchScalars.Holding(rows, count => loss / count).backward();
        }

        return true;
    }

    private ChainAcceptance Evaluate(string directory, TargetReader reader, IReadOnlyList<TrainingSequence> heldOut, int longest)
    {
        using ChainMeter meter = new(directory, _target, _kernels, _options.ChainDepth, longest);
        ChainAcceptance all = ChainAcceptance.None(_options.ChainDepth);
        foreach (TrainingSequence sequence in heldOut)
        {
            reader.Read(sequence, statesOnly: true);
            all = all.And(meter.Measure(sequence, reader));
        }

        return all;
    }

    /// <summary>The sequences of an optimizer step: each epoch goes through all in an order of its own.</summary>
    private IEnumerable<TrainingSequence> Batch(IReadOnlyList<TrainingSequence> data, int step)
    {
        int epoch = -1;
        int[] order = [];
        for (long i = (long)step * _options.BatchSequences; i < ((long)step + 1) * _options.BatchSequences; i++)
        {
            if (epoch != (int)(i / data.Count))
            {
                epoch = (int)(i / data.Count);
                order = [.. Enumerable.Range(0, data.Count)];
                new Random(_options.Seed + epoch).Shuffle(order);
            }

            yield return data[order[(int)(i % data.Count)]];
        }
    }

    private double RateAt(int step, int steps)
    {
        // 10⁻³ suits a width of 256, 10⁻⁴ the width of an 8B model; between, by the width.
        double highest = _options.LearningRate ?? Math.Clamp(0.256 / _target.Config.HiddenSize, 1e-4, 1e-3);
        double warmUp = Math.Min(1, (step + 1.0) / Math.Min(MostWarmUpSteps, Math.Max(1, steps / 10)));
        return highest * warmUp * (LeastRate + ((1 - LeastRate) * 0.5 * (1 + Math.Cos(Math.PI * step / steps))));
    }

    /// <summary>What has to be the same for a training to go on as if it had not stopped.</summary>
    private string Describe(IEnumerable<TrainingSequence> data, IEnumerable<TrainingSequence> heldOut, DraftVocabulary vocabulary)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (TrainingSequence sequence in data.Concat(heldOut))
        {
            hash.AppendData(MemoryMarshal.AsBytes(sequence.Tokens.AsSpan()));
            hash.AppendData(MemoryMarshal.AsBytes(sequence.Written.AsSpan()));
        }

        return string.Create(CultureInfo.InvariantCulture,
            $"model {_target.Fingerprint[..16]}, data {Convert.ToHexStringLower(hash.GetHashAndReset())[..16]}, "
            + $"vocabulary {vocabulary.Tokens.Count}, options {JsonSerializer.Serialize(_options)}");
    }
}

/// <summary>Where a training writes.</summary>
internal sealed class TrainingFiles(string directory, bool resume)
{
    /// <summary>The best head so far.</summary>
    public string Head => directory;

    /// <summary>The newest head, and what is needed to go on.</summary>
    public string Checkpoint { get; } = EagleTrainer.CheckpointIn(directory);

    /// <summary>Whether there is something to go on from.</summary>
    public bool Resumes { get; } = resume && TrainingCheckpoint.Exists(EagleTrainer.CheckpointIn(directory));
}
