using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Agentic.Tests;

/// <summary>What the cache commands do to a server that runs.</summary>
public sealed class PurgedServerTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Purge_ReachesItsStoreAndItsMemory(bool redis)
    {
        await using RedisServer store = new();
        if (redis)
            await store.StartAsync();
        string[] location = redis ? ["--redis", store.Address] : [], data = ["--data", _directory.Path];
        await using RunningServer server = await RunningServer.StartAsync(_directory.Path, [.. location, "--tenant-metrics", "true"]);
        (string Content, int Steps) first = await server.AskAsync(RunningServer.WorldTask(0, maxTokens: 100)), again = await server.AskAsync(RunningServer.WorldTask(0, maxTokens: 100));
        Assert.InRange(again.Steps, 1, first.Steps - 1);
        await UntilAsync(async () => await StoredAsync() >= 2);
        Assert.InRange(await server.MetricAsync("agentic:cache_bytes"), 1, double.MaxValue);
        Assert.InRange(await server.MetricAsync("agentic:cache_tenant_bytes", "tenant=\"default\""), 1, double.MaxValue);

        AgenticProcess.Result purged = await AgenticProcess.RunAsync(["cache", "purge", "--tenant", "default", "--yes", .. location, .. data]);

        Assert.Equal((0, ""), (purged.ExitCode, purged.Error));
        await UntilAsync(async () => await server.MetricAsync("agentic:cache_namespaces") == 0);
        Assert.Equal(0, await StoredAsync());
        Assert.Equal(first.Content, (await server.AskAsync(RunningServer.WorldTask(0, maxTokens: 100))).Content);
        await UntilAsync(async () => await StoredAsync() == 1);   // what comes after is kept again

        async Task<int> StoredAsync()
        {
            AgenticProcess.Result stats = await AgenticProcess.RunAsync(["cache", "stats", "--json", .. location, .. data]);
            Assert.Equal((0, ""), (stats.ExitCode, stats.Error));
            return (int)JsonNode.Parse(stats.Output)!["sequences"]!;
        }
    }

    /// <summary>Then the store holds nothing, and what the server learned is to go all the same.</summary>
    [Fact]
    public async Task PurgeAfterAFlush_ReachesItsMemory()
    {
        await using RedisServer store = new();
        await store.StartAsync();
        string[] location = ["--redis", store.Address];
        await using RunningServer server = await RunningServer.StartAsync(_directory.Path, location);
        await server.AskAsync(RunningServer.WorldTask(0, maxTokens: 10));
        await server.UntilMetricAsync("agentic:store_written_sequences_total", 1);
        await UntilAsync(async () => await store.AskAsync("FLUSHALL") == "+OK\r\n" && await server.MetricAsync("agentic:cache_namespaces") == 1);
        await UntilAsync(async () => await store.AskAsync("DBSIZE") == ":1\r\n");

        AgenticProcess.Result stats = await AgenticProcess.RunAsync(["cache", "stats", .. location, "--data", _directory.Path]);
        AgenticProcess.Result purged = await AgenticProcess.RunAsync(["cache", "purge", "--tenant", "default", "--yes", .. location, "--data", _directory.Path]);

        Assert.Contains(": 0 namespaces", stats.Output, StringComparison.Ordinal);
        Assert.StartsWith("Erased 1 namespace", purged.Output, StringComparison.Ordinal);
        await UntilAsync(async () => await server.MetricAsync("agentic:cache_namespaces") == 0);
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        var waited = Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(waited.Elapsed < Patience, "It did not come about.");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }
}
