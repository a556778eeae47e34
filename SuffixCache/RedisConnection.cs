using StackExchange.Redis;

namespace Agentic.SuffixCache;

/// <summary>One multiplexer, made at first use and kept; it reconnects by itself.</summary>
internal sealed class RedisConnection(SequenceStoreOptions options) : IAsyncDisposable
{
    private readonly SemaphoreSlim _connecting = new(1);
    private ConnectionMultiplexer? _multiplexer;

    public bool IsConnected => Volatile.Read(ref _multiplexer)?.IsConnected ?? false;

    /// <exception cref="RedisConnectionException">A name does not resolve, or the server refuses; try again later.</exception>
    public async Task<IDatabase> DatabaseAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _multiplexer) is { } ready)
        {
            return ready.GetDatabase();
        }

        await _connecting.WaitAsync(cancellationToken);
        try
        {
            Volatile.Write(ref _multiplexer, _multiplexer ?? await ConnectionMultiplexer.ConnectAsync(Configuration()));
            return _multiplexer!.GetDatabase();
        }
        finally
        {
            _connecting.Release();
        }
    }

    /// <summary>The servers that hold all keys: one, which may be a replica, or the primaries of a cluster.</summary>
    /// <exception cref="RedisException">None is there, or a primary of the cluster is missing.</exception>
    public async Task<IReadOnlyList<IServer>> ServersAsync(CancellationToken cancellationToken)
    {
        await (await DatabaseAsync(cancellationToken)).PingAsync();   // says why, if none is there
        IServer[] there = [.. _multiplexer!.GetServers().Where(server => server.IsConnected)],
            primaries = [.. there.Where(server => !server.IsReplica)];
        ClusterConfiguration? cluster = there.Select(server => server.ClusterConfiguration).FirstOrDefault(known => known is not null);
        ClusterNode? missing = cluster?.Nodes.FirstOrDefault(node =>
            !node.IsReplica && node.Slots.Count > 0 && !primaries.Any(server => server.EndPoint.Equals(node.EndPoint)));
        return missing is not null ? throw new RedisException($"{missing.EndPoint} is away, and with it a part of the keys.")
            : primaries.Length > 0 ? primaries : there;
    }

    /// <summary>Has a handler called, by any thread, with what is published; after an interruption too.</summary>
    /// <exception cref="RedisException">The server is away, or does not let this user subscribe.</exception>
    public async Task SubscribeAsync(RedisChannel channel, Action<RedisValue> handler, CancellationToken cancellationToken)
    {
        await DatabaseAsync(cancellationToken);
        await _multiplexer!.GetSubscriber().SubscribeAsync(channel, (_, message) => handler(message));
    }

    /// <summary>Looks which server is primary now: after a failover writes would otherwise fail until the next minute's check.</summary>
    public void Recheck() => _ = Volatile.Read(ref _multiplexer)?.ConfigureAsync();   // its failure shows in the next call

    public async ValueTask DisposeAsync()
    {
        if (_multiplexer is { } multiplexer)
        {
            await multiplexer.DisposeAsync();
        }

        _connecting.Dispose();
    }

    private ConfigurationOptions Configuration()
    {
        var configuration = ConfigurationOptions.Parse(options.Redis);
        int milliseconds = (int)options.Timeout.TotalMilliseconds;
        configuration.ClientName ??= "agentic";
        configuration.AbortOnConnectFail = false;
        configuration.ConnectTimeout = milliseconds;
        configuration.ConnectRetry = 1;   // it goes on trying behind; this is only how long the first caller waits
        configuration.AsyncTimeout = milliseconds;
        configuration.SyncTimeout = milliseconds;
        configuration.ReconnectRetryPolicy = new ExponentialRetry(50, 2000);
        configuration.BacklogPolicy = BacklogPolicy.FailFast;   // the queue is ours, and bounded by bytes
        return configuration;
    }
}
