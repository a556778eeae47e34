using Agentic.Kernels;
using Agentic.ModelRuntime;
using Agentic.Proxy;
using Agentic.SuffixCache;
using Microsoft.Extensions.Logging.Abstractions;

namespace Agentic.Tests;

/// <summary>The bundled model, its head and the calls of its world, on a machine whose costs are given: what the policy gains, without noise.</summary>
internal sealed class SpeculationLab : IDisposable
{
    private const int BlockSize = 16, MostTokens = 512;
    private static readonly TimeSpan MeasuringLimit = TimeSpan.FromSeconds(0.1);

    private readonly ManualClock _clock = new();
    private readonly TimedKernels _kernels;
    private readonly Transformer _model;
    private readonly DraftHead _head;
    private readonly EngineOptions _options;
    private readonly VerifyCost _cost;
    private readonly int[] _stops;

    /// <param name="secondsPerWeight">A pass reads each weight once.</param>
    /// <param name="secondsPerProduct">And multiplies it for each row.</param>
    /// <param name="sequences">At once.</param>
    /// <param name="eagle">How the head's trees grow.</param>
    public SpeculationLab(double secondsPerWeight, double secondsPerProduct, int sequences = 1, EagleOptions? eagle = null)
    {
        string directory = Path.Combine(TestFiles.Root, "models", BundledModel.Name);
        _kernels = new TimedKernels(new CpuKernels(), _clock, secondsPerWeight, secondsPerProduct);
        _model = Transformer.Load(directory, new ModelOptions(), _kernels);
        _options = new EngineOptions { KvBlocks = 512 * (1 + sequences), MaxSequences = sequences, Eagle = eagle ?? new EagleOptions() };
        _model.AllocateKv(_options.KvBlocks);
        _head = DraftHead.Load(directory + "-eagle3", _model, _kernels);
        _cost = VerifyCost.Measure(_model, _options.KvBlocks, _clock, MeasuringLimit);
        _stops = [.. GenerationConfig.Read(directory).EosTokenIds];
        Workloads = BenchWorkload.Read(directory, [Path.Combine(TestFiles.Root, "loadtests", "data", "world.jsonl")], forced: false, 4096, 100);
        Workloads.Add(BenchWorkload.Mixed(Workloads, Workloads.Sum(workload => workload.Calls.Count)));
        Workloads.Add(BenchWorkload.Novel(_model.VocabularySize, 24));
        _head.Check([.. Workloads[0].Calls.Take(2).Select(call => call.PromptIds)], _stops, 32, _clock, MeasuringLimit);
    }

    /// <summary>Of the world, and the mixed and the novel one.</summary>
    public List<BenchWorkload> Workloads { get; }

    public BenchWorkload Workload(string name) => Workloads.Single(workload => workload.Name == name);

    /// <summary>Runs calls in a mode on a fresh engine.</summary>
    /// <param name="workload">The calls.</param>
    /// <param name="mode">Sources of drafts.</param>
    /// <param name="calls">How many of them.</param>
    /// <param name="temperature">Instead of the workload's.</param>
    /// <param name="known">What an earlier run wrote: each call's prediction.</param>
    public async Task<Outcome> Run(BenchWorkload workload, string mode, int calls, float? temperature = null, Outcome? known = null)
    {
        using var metrics = new RuntimeMetrics();
        using SuffixHistory? history = mode == BenchSettings.Plain ? null : new SuffixHistory(_model.VocabularySize, 64 << 20);
        await using InferenceEngine engine = InferenceEngine.Create(
            _model, _options with { DraftSources = BenchSettings.SourcesOf(mode) }, history, metrics, _clock, NullLogger.Instance, _cost.Copy(), _head);
        double begin = _clock.Seconds;
        long tokens = 0, steps = 0, drafted = 0, accepted = 0;
        List<int[]> answers = [];
        BenchCall[] all = [.. workload.Calls.Take(calls)];
        for (int first = 0; first < all.Length; first += _options.MaxSequences)
        {
            List<Generation> batch = [];
            for (int i = first; i < Math.Min(first + _options.MaxSequences, all.Length); i++)
                batch.Add(engine.Submit(Request(all[i], i, workload, temperature) with { PredictionIds = known?.Answers[i] }));
            while (engine.RunStep())
            {
            }

            foreach (Generation generation in batch)
            {
                List<int> answer = [];
                while (generation.Outputs.TryRead(out TokenOutput output))
                    answer.Add(output.TokenId);
                answers.Add([.. answer]);
                GenerationStatistics statistics = generation.Statistics;
                (tokens, steps) = (tokens + statistics.OutputTokens, steps + statistics.DecodeSteps);
                (drafted, accepted) = (drafted + statistics.DraftedTokens, accepted + statistics.AcceptedTokens);
            }
        }

        return new Outcome(tokens, steps, drafted, accepted, _clock.Seconds - begin, answers, engine.Report());
    }

    public void Dispose()
    {
        _head.Dispose();
        _model.Dispose();
        _kernels.Dispose();
    }

    private GenerationRequest Request(BenchCall call, int index, BenchWorkload workload, float? temperature) => new()
    {
        Id = $"lab-{index}",
        PromptIds = call.PromptIds,
        PromptRuns = call.PromptRuns,
        CallSkeletons = call.CallSkeletons,
        Namespace = NamespaceKey.Derive("lab"u8, "lab", "lab", "lab"),
        MaxOutputTokens = workload.Tokens ?? MostTokens,
        StopTokenIds = workload.Tokens is null ? _stops : [],
        Sampling = new SamplingParameters { Temperature = temperature ?? workload.Temperature ?? 0, Seed = (ulong)index },
    };

    /// <summary>What a run came to.</summary>
    public sealed record Outcome(
        long Tokens, long Steps, long Drafted, long Accepted, double Seconds, List<int[]> Answers, SpeculationReport Report);
}
