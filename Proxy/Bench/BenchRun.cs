using System.Diagnostics;
using Agentic.ModelRuntime;
using Agentic.SuffixCache;
using Microsoft.Extensions.Logging.Abstractions;

namespace Agentic.Proxy;

/// <summary>What one mode of a bench runs on: the model's weights are everybody's, KV pool and buffers its own.</summary>
/// <param name="Mode">Its sources of drafts, joined by plus signs.</param>
/// <param name="Model">The target, with its pool allocated.</param>
/// <param name="Head">Of that target, or null.</param>
internal sealed record BenchLane(string Mode, ForcedModel Model, DraftHead? Head) : IDisposable
{
    /// <summary>A lane over what others share, which outlives it.</summary>
    /// <param name="mode">Its sources of drafts.</param>
    /// <param name="model">The target.</param>
    /// <param name="head">Of the target; used where the mode names it.</param>
    /// <param name="kvBlocks">Of its pool.</param>
    public static BenchLane Open(string mode, Transformer model, DraftHead? head, int kvBlocks)
    {
        Transformer own = model.Share();
        own.AllocateKv(kvBlocks);
        return new BenchLane(mode, new ForcedModel(own), BenchSettings.SourcesOf(mode).Contains(DraftSource.Eagle) ? head?.Share(own) : null);
    }

    public void Dispose()
    {
        Head?.Dispose();
        Model.Dispose();
    }
}

/// <summary>A mode's pass over a workload, on an engine and caches that begin with it.</summary>
internal sealed class BenchRun : IAsyncDisposable
{
    private const long HistoryBytes = 256 << 20;

    private static readonly NamespaceKey Namespace = NamespaceKey.Derive("bench"u8, "bench", "bench", "bench");

    private readonly BenchLane _lane;
    private readonly BenchSettings _settings;
    private readonly RuntimeMetrics _metrics = new();
    private readonly SuffixHistory? _history;
    private readonly InferenceEngine _engine;
    private readonly GenerationStatistics _total = new();
    private TimeSpan _elapsed;
    private ulong _digest = 14695981039346656037;

    /// <param name="lane">What it runs on.</param>
    /// <param name="options">Limits of the engine.</param>
    /// <param name="cost">What a pass costs; corrected as it runs.</param>
    /// <param name="settings">What is asked.</param>
    public BenchRun(BenchLane lane, EngineOptions options, VerifyCost cost, BenchSettings settings)
    {
        (_lane, _settings) = (lane, settings);
        _history = lane.Mode == BenchSettings.Plain ? null : new SuffixHistory(lane.Model.VocabularySize, HistoryBytes);
        _engine = InferenceEngine.Create(
            lane.Model, options with { DraftSources = BenchSettings.SourcesOf(lane.Mode) }, _history, _metrics, TimeProvider.System, NullLogger.Instance,
            cost, lane.Head);
        _engine.TreeScored = settings.Watch;
        _engine.Start();
    }

    /// <summary>Runs calls at once, and waits for all of their tokens.</summary>
    /// <param name="batch">Calls.</param>
    /// <param name="first">Which of the pass's is the first of them.</param>
    public async Task TurnAsync(IReadOnlyList<BenchCall> batch, int first)
    {
        long start = Stopwatch.GetTimestamp();
        List<Generation> generations = [];
        for (int i = 0; i < batch.Count; i++)
        {
            _lane.Model.Recording = batch[i].OutputIds is int[] recorded ? [.. batch[i].PromptIds, .. recorded] : null;
            generations.Add(_engine.Submit(Request(batch[i], first + i)));
        }

        foreach (Generation generation in generations)
        {
            await foreach (TokenOutput output in generation.Outputs.ReadAllAsync())
                _digest = (_digest ^ (uint)output.TokenId) * 1099511628211;
            GenerationStatistics statistics = generation.Statistics;
            _total.OutputTokens += statistics.OutputTokens;
            _total.DecodeSteps += statistics.DecodeSteps;
            _total.CachedPromptTokens += statistics.CachedPromptTokens;
            _total.DraftedTokens += statistics.DraftedTokens;
            _total.AcceptedTokens += statistics.AcceptedTokens;
            _total.ExpectedAcceptedTokens += statistics.ExpectedAcceptedTokens;
        }

        _elapsed += Stopwatch.GetElapsedTime(start);
    }

    /// <summary>How the pass went.</summary>
    /// <param name="workload">Its name.</param>
    /// <param name="round">Which of the mode's passes.</param>
    /// <param name="calls">All of them.</param>
    public BenchPass Pass(string workload, int round, IReadOnlyList<BenchCall> calls)
    {
        SpeculationReport report = _engine.Report();
        return new BenchPass(
            workload, _lane.Mode, round, calls.Count, _total.OutputTokens, _elapsed.TotalSeconds, report.DecodeSeconds, _total.DecodeSteps,
            _total.DraftedTokens, _total.AcceptedTokens, _total.ExpectedAcceptedTokens, _digest)
        {
            Report = report,
            PromptTokens = (calls.Sum(call => (long)call.PromptIds.Length), _total.CachedPromptTokens),
        };
    }

    public async ValueTask DisposeAsync()
    {
        await _engine.DisposeAsync();
        _history?.Dispose();
        _metrics.Dispose();
    }

    private GenerationRequest Request(BenchCall call, int index) => new()
    {
        Id = $"bench-{index}",
        PromptIds = call.PromptIds,
        PromptRuns = call.PromptRuns,
        CallSkeletons = call.CallSkeletons,
        Namespace = Namespace,
        MaxOutputTokens = call.OutputIds?.Length ?? _settings.MaxTokens,
        StopTokenIds = call.OutputIds is null ? _settings.StopTokenIds : [],
        Sampling = new SamplingParameters { Temperature = _settings.Temperature, Seed = (ulong)index },
    };
}
