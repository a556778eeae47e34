using System.Text.Json.Nodes;

namespace Agentic.Tests;

/// <summary>Two server processes on one Redis, each of the three killed in turn.</summary>
[Trait("Category", "Redis")]
public sealed class TwoServersTests : IDisposable
{
    /// <summary>What an operator asks of each source, of the cache and of the log it shares.</summary>
    private static readonly string[] Metrics =
    [
        "spec_decode_source_num_proposed_tokens_total", "spec_decode_source_num_draft_tokens_total",
        "spec_decode_source_num_accepted_tokens_total", "spec_decode_source_calibration_error", "cache_bytes", "cache_evicted_tokens_total",
        "store_lag_seconds", "store_behind_bytes", "store_compacted_segments_total", "store_reclaimed_bytes_total",
    ];

    private readonly TemporaryDirectory _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public async Task KilledInTurn_LearnFromOneAnotherAndLoseNothingAcknowledged()
    {
        await using RedisServer redis = new("--appendfsync", "everysec");
        string[] location = ["--redis", redis.Address];

        // Redis is not there yet: the server starts and answers all the same, and writes later.
        await using RunningServer left = await RunningServer.StartAsync(_data.Path, location);
        (string Content, int Steps) first = await left.AskAsync(RunningServer.WorldTask(0));
        Assert.Equal(0, await left.MetricAsync("agentic:store_connected"));
        await redis.StartAsync();
        await left.UntilMetricAsync("agentic:store_written_sequences_total", 1);

        // Tasks of different kinds: what one teaches must not be what another is answered from.
        // A second server brings back what the first learned, and each learns on from the other.
        await using RunningServer right = await RunningServer.StartAsync(_data.Path, location);
        (string Content, int Steps) known = await right.AskAsync(RunningServer.WorldTask(0));
        Assert.Equal(first.Content, known.Content);
        Assert.InRange(known.Steps, 1, first.Steps - 1);
        (string Content, int Steps) second = await right.AskAsync(RunningServer.WorldTask(16));
        await left.UntilMetricAsync("agentic:store_followed_sequences_total", 2);
        known = await left.AskAsync(RunningServer.WorldTask(16));
        Assert.Equal(second.Content, known.Content);
        Assert.InRange(known.Steps, 1, second.Steps - 1);

        // The first is killed once all is acknowledged, and the other serves on.
        await left.UntilMetricAsync("agentic:store_written_sequences_total", 2);
        await left.KillAsync();

        // Redis is killed while the second serves: requests do not notice, and what they teach is written once it is back.
        await redis.KillAsync();
        (string Content, int Steps) third = await right.AskAsync(RunningServer.WorldTask(9));
        await right.UntilMetricAsync("agentic:store_failures_total", 1);
        await redis.StartAsync();
        await right.UntilMetricAsync("agentic:store_written_sequences_total", 3);
        AgenticProcess.Result stats = await AgenticProcess.RunAsync(["cache", "stats", "--json", .. location, "--data", _data.Path]);
        Assert.Equal((0, ""), (stats.ExitCode, stats.Error));
        Assert.Equal(5, (int)JsonNode.Parse(stats.Output)!["sequences"]!);

        // A third brings back what all three taught.
        await using RunningServer again = await RunningServer.StartAsync(_data.Path, location);
        known = await again.AskAsync(RunningServer.WorldTask(9));
        Assert.Equal(third.Content, known.Content);
        Assert.InRange(known.Steps, 1, third.Steps - 1);
        Assert.Equal(0, await right.MetricAsync("agentic:store_dropped_sequences_total"));
        string page = await right.Client.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
        Assert.All(Metrics, metric => Assert.Contains($"\nagentic:{metric}{{", page, StringComparison.Ordinal));
    }
}
