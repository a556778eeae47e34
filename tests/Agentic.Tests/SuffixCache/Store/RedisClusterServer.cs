using System.Diagnostics;
using System.Globalization;

namespace Agentic.Tests;

/// <summary>A Redis Cluster on this machine, without replicas.</summary>
internal sealed class RedisClusterServer : StoreServer
{
    private const int Slots = 16384;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly int[] _busPorts;
    private readonly RedisServer[] _nodes;
    private bool _isMade;

    /// <param name="nodes">All primaries.</param>
    public RedisClusterServer(int nodes)
    {
        _busPorts = [.. Enumerable.Range(0, nodes).Select(_ => RedisServer.FreePort())];
        _nodes = [.. _busPorts.Select(port => new RedisServer(
            "--cluster-enabled", "yes", "--cluster-port", port.ToString(CultureInfo.InvariantCulture), "--cluster-node-timeout", "2000"))];
    }

    public override string Address => string.Join(',', _nodes.Select(node => node.Address));

    public override async Task StartAsync()
    {
        await Task.WhenAll(_nodes.Where(node => !node.IsRunning).Select(node => node.StartAsync()));
        if (!_isMade)
            await MakeAsync();
        _isMade = true;
        var waited = Stopwatch.StartNew();
        while (!(await Task.WhenAll(_nodes.Select(node => node.AskAsync("CLUSTER INFO")))).All(IsWhole))
        {
            Assert.True(waited.Elapsed < Patience, "The cluster did not come about.");
            await Task.Delay(20);
        }
    }

    public Task KillNodeAsync(int node) => _nodes[node].KillAsync();

    public override Task KillAsync() => Task.WhenAll(_nodes.Select(node => node.KillAsync()));

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        foreach (RedisServer node in _nodes)
            await node.DisposeAsync();
    }

    private async Task MakeAsync()
    {
        for (int i = 0; i < _nodes.Length; i++)
        {
            string added = await _nodes[i].AskAsync($"CLUSTER ADDSLOTSRANGE {i * Slots / _nodes.Length} {((i + 1) * Slots / _nodes.Length) - 1}");
            Assert.SkipWhen(added.StartsWith("-ERR", StringComparison.Ordinal), $"This redis-server makes no clusters this way: {added}");
            await _nodes[i].AskAsync($"CLUSTER SET-CONFIG-EPOCH {i + 1}");
            if (i > 0)
                await _nodes[0].AskAsync($"CLUSTER MEET 127.0.0.1 {_nodes[i].Port} {_busPorts[i]}");
        }
    }

    private bool IsWhole(string info) => info.Contains("cluster_state:ok", StringComparison.Ordinal)
        && info.Contains($"cluster_known_nodes:{_nodes.Length}\r", StringComparison.Ordinal)
        && info.Contains($"cluster_slots_ok:{Slots}\r", StringComparison.Ordinal);
}
