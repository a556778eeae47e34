using System.CommandLine;
using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary>The store behind the commands: a Redis, the embedded store of a running server, or that of a stopped one, opened meanwhile.</summary>
internal sealed class CacheStore : IAsyncDisposable
{
    private readonly EmbeddedGarnet? _embedded;

    private CacheStore(string redis, EmbeddedGarnet? embedded, StoreLocation location, string name)
    {
        (_embedded, Name) = (embedded, name);
        Quotas = new StoreQuotas(location.Quotas, location.Age, ServerSecret.Find(location.DataDirectory));
        Sequences = new RedisSequenceStore(Quotas.Apply(new SequenceStoreOptions
        {
            Redis = redis,
            Patience = TimeSpan.FromSeconds(10),
            FlushTimeout = TimeSpan.FromSeconds(1),   // commands flush themselves
        }));
    }

    public RedisSequenceStore Sequences { get; }

    /// <summary>What it keeps of whom, as the server does.</summary>
    public StoreQuotas Quotas { get; }

    /// <summary>Where it is, in words.</summary>
    public string Name { get; }

    /// <summary>Adds the options that say where it is; they are those of <c>serve</c>.</summary>
    public static void AddOptions(Command command)
    {
        foreach (Setting setting in ServeOptions.StoreSettings)
            command.Add(setting.Option);
    }

    /// <summary>Opens it.</summary>
    /// <param name="options">Where it is.</param>
    /// <param name="create">Whether an embedded store is made where there is none.</param>
    /// <exception cref="CommandException">There is none, or it does not open.</exception>
    public static CacheStore Open(StoreLocation options, bool create = false)
    {
        if (options.Redis is string redis)
            return new CacheStore(redis, null, options, options.RedisName!);
        string directory = options.StoreDirectory;
        if (!create && !Directory.Exists(directory))
            throw new CommandException($"data: {options.DataDirectory} holds no store; name a server's with --data DIR, or --redis HOST:PORT");
        try
        {
            if (EmbeddedGarnet.FindRunning(directory) is string running)
                return new CacheStore(running, null, options, $"the running server on {options.DataDirectory}");
            EmbeddedGarnet embedded = EmbeddedGarnet.Start(directory);
            return new CacheStore(embedded.ConnectionString, embedded, options, options.DataDirectory);
        }
        catch (InvalidOperationException e)
        {
            throw new CommandException($"data: {e.Message}");
        }
    }

    /// <summary>What it holds of the namespaces asked for, the largest first.</summary>
    /// <param name="filter">Which.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <param name="empty">Also those of which it holds nothing, and servers may remember something.</param>
    public async Task<List<StoredNamespace>> FindAsync(NamespaceFilter filter, CancellationToken cancellation, bool empty = false)
    {
        List<StoredNamespace> found = [];
        await foreach (StoredNamespace one in Sequences.NamespacesAsync(cancellation))
        {
            if (filter.Takes(one.Key) && (empty || one.Bytes > 0))
                found.Add(one);
        }

        return [.. found.OrderByDescending(one => one.Bytes).ThenBy(one => one.Key.ToString(), StringComparer.Ordinal)];
    }

    public async ValueTask DisposeAsync()
    {
        await Sequences.DisposeAsync();
        _embedded?.Dispose();
    }
}
