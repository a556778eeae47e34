using System.Diagnostics;
using Agentic.ModelRuntime;
using Agentic.SuffixCache;
using Microsoft.Extensions.Logging.Abstractions;

namespace Agentic.Proxy;

/// <summary>Runs the same calls in several modes, turn by turn in one process, each pass on a fresh engine and fresh caches.</summary>
/// <param name="model">The target.</param>
/// <param name="head">Of the target, or null.</param>
/// <param name="options">Limits of every engine.</param>
/// <param name="cost">What a pass of the model costs, measured once: all modes and rounds decide by the same curve.</param>
/// <param name="settings">What is run.</param>
internal sealed class BenchRunner(ForcedModel model, DraftHead? head, EngineOptions options, VerifyCost cost, BenchSettings settings)
{
    private const long HistoryBytes = 256 << 20;
    private const int WarmUpRounds = 6, WarmUpCalls = 16;

    private static readonly NamespaceKey Namespace = NamespaceKey.Derive("bench"u8, "bench", "bench", "bench");

    /// <summary>Passes over one workload: every mode in each round, the order turned round by round so that no mode is always first.</summary>
    /// <param name="workload">The calls.</param>
    /// <param name="report">Told of each pass done.</param>
    /// <param name="cancellation">Looked at between passes.</param>
    public async Task<List<BenchPass>> RunAsync(BenchWorkload workload, Action<int> report, CancellationToken cancellation)
    {
        List<BenchPass> passes = [];
        for (int round = 0; round < settings.Rounds; round++)
        {
            IEnumerable<string> modes = round % 2 == 0 ? settings.Modes : settings.Modes.Reverse();
            foreach (string mode in modes)
            {
                cancellation.ThrowIfCancellationRequested();
                passes.Add(await PassAsync(workload.Name, mode, round, workload.Calls));
                report(1);
            }
        }

        return passes;
    }

    /// <summary>Runs a few calls in every mode, unmeasured: code that is not optimised yet would count as a cost of what runs it first.</summary>
    /// <param name="workload">The calls.</param>
    /// <param name="cancellation">Looked at between passes.</param>
    public async Task WarmUpAsync(BenchWorkload workload, CancellationToken cancellation)
    {
        BenchCall[] calls = [.. workload.Calls.Take(WarmUpCalls)];
        for (int round = 0; round < WarmUpRounds; round++)
        {
            foreach (string mode in settings.Modes)
            {
                cancellation.ThrowIfCancellationRequested();
                await PassAsync(workload.Name, mode, round, calls);
            }
        }
    }

    private async Task<BenchPass> PassAsync(string workload, string mode, int round, IReadOnlyList<BenchCall> calls)
    {
        using var metrics = new RuntimeMetrics();
        using SuffixHistory? history = mode == BenchSettings.Plain ? null : new SuffixHistory(model.VocabularySize, HistoryBytes);
        await using InferenceEngine engine = InferenceEngine.Create(
            model, options with { DraftSources = BenchSettings.SourcesOf(mode) }, history, metrics, TimeProvider.System, NullLogger.Instance,
            cost.Copy(), head);
        engine.TreeScored = settings.Watch;
        engine.Start();

        long outputs = 0, steps = 0, drafted = 0, accepted = 0, cached = 0;
        double expected = 0;
        ulong digest = 14695981039346656037;
        long start = Stopwatch.GetTimestamp();
        for (int first = 0; first < calls.Count; first += settings.Concurrency)
        {
            List<Generation> batch = [];
            for (int i = first; i < Math.Min(first + settings.Concurrency, calls.Count); i++)
            {
                model.Recording = calls[i].OutputIds is int[] recorded ? [.. calls[i].PromptIds, .. recorded] : null;
                batch.Add(engine.Submit(Request(calls[i], i)));
            }

            foreach (Generation generation in batch)
            {
                await foreach (TokenOutput output in generation.Outputs.ReadAllAsync())
                    digest = (digest ^ (uint)output.TokenId) * 1099511628211;
                GenerationStatistics statistics = generation.Statistics;
                outputs += statistics.OutputTokens;
                steps += statistics.DecodeSteps;
                cached += statistics.CachedPromptTokens;
                drafted += statistics.DraftedTokens;
                accepted += statistics.AcceptedTokens;
                expected += statistics.ExpectedAcceptedTokens;
            }
        }

        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        SpeculationReport report = engine.Report();
        return new BenchPass(workload, mode, round, calls.Count, outputs, seconds, report.DecodeSeconds, steps, drafted, accepted, expected, digest)
        {
            Report = report,
            PromptTokens = (calls.Sum(call => (long)call.PromptIds.Length), cached),
        };
    }

    private GenerationRequest Request(BenchCall call, int index) => new()
    {
        Id = $"bench-{index}",
        PromptIds = call.PromptIds,
        PromptRuns = call.PromptRuns,
        CallSkeletons = call.CallSkeletons,
        Namespace = Namespace,
        MaxOutputTokens = call.OutputIds?.Length ?? settings.MaxTokens,
        StopTokenIds = call.OutputIds is null ? settings.StopTokenIds : [],
        Sampling = new SamplingParameters { Temperature = settings.Temperature, Seed = (ulong)index },
    };
}

/// <summary>How a bench runs.</summary>
internal sealed record BenchSettings
{
    public const string Plain = "plain";

    /// <summary>Sources of drafts of each mode, joined by plus signs; <see cref="Plain"/> for none.</summary>
    public required IReadOnlyList<string> Modes { get; init; }

    public required IReadOnlyList<int> StopTokenIds { get; init; }

    public int Rounds { get; init; } = 3;

    public int Concurrency { get; init; } = 1;

    public int MaxTokens { get; init; } = 512;

    public float Temperature { get; init; }

    /// <summary>Told of every tree.</summary>
    public Action<DraftTrace>? Watch { get; init; }

    /// <summary>What drafts in a mode.</summary>
    public static DraftSource[] SourcesOf(string mode) =>
        mode == Plain ? [] : [.. mode.Split('+').Select(source => Enum.Parse<DraftSource>(source, ignoreCase: true))];
}
