using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Agentic.SuffixCache;

/// <summary>Keeps some namespaces' logs in order from time to time: drops what is too old or too much, and compacts.</summary>
/// <param name="options">What is kept, and how often to look.</param>
/// <param name="connection">To the store.</param>
/// <param name="dropped">Told of each segment that goes because it is too old or the log is full.</param>
/// <param name="logger">Where to log.</param>
/// <param name="time">The clock.</param>
internal sealed class LogUpkeep(
    SequenceStoreOptions options, RedisConnection connection, Action<NamespaceKey, LogSegment> dropped, ILogger logger, TimeProvider time)
{
    private long _compacted, _reclaimed, _failures;

    /// <summary>Segments replaced by larger ones.</summary>
    public long Compacted => Volatile.Read(ref _compacted);

    /// <summary>Bytes of the store that this saved.</summary>
    public long Reclaimed => Volatile.Read(ref _reclaimed);

    public long Failures => Volatile.Read(ref _failures);

    /// <summary>Runs until cancelled, and ends without an exception.</summary>
    public async Task RunAsync(IEnumerable<NamespaceKey> namespaces, CancellationToken cancellationToken)
    {
        (NamespaceKey Key, LogCompactor Compactor)[] logs = [.. namespaces.Select(@namespace => (@namespace, new LogCompactor(@namespace)))];
        try
        {
            // Servers that were started together do not all come at once.
            await Task.Delay(options.UpkeepInterval * Random.Shared.NextDouble(), time, cancellationToken);
            while (true)
            {
                foreach ((NamespaceKey @namespace, LogCompactor compactor) in logs)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    await TryAsync(@namespace, compactor, cancellationToken);
                }

                await Task.Delay(options.UpkeepInterval, time, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Told to stop.
        }
    }

    /// <summary>Looks after one log now.</summary>
    /// <exception cref="RedisException">The store is away or answers an error; the log is whole.</exception>
    public async Task TendAsync(NamespaceKey @namespace, LogCompactor compactor, CancellationToken cancellationToken)
    {
        IDatabase database = await connection.DatabaseAsync(cancellationToken);
        LogRetention retention = options.RetentionOf(@namespace);
        await retention.TrimAsync(database, new LogLayout(@namespace), null, time.GetUtcNow(), segment => dropped(@namespace, segment));
        while (await compactor.RunAsync(database, retention, time.GetUtcNow()) is { } done)
        {
            Interlocked.Add(ref _compacted, done.Segments);
            Interlocked.Add(ref _reclaimed, done.BytesBefore - done.BytesAfter);
            Log.Compacted(logger, @namespace, done.Segments, done.BytesBefore, done.BytesAfter, done.Superseded);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    private async Task TryAsync(NamespaceKey @namespace, LogCompactor compactor, CancellationToken cancellationToken)
    {
        try
        {
            await TendAsync(@namespace, compactor, cancellationToken);
        }
        catch (Exception exception) when (StoreTrouble.IsOf(exception) || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            Interlocked.Increment(ref _failures);   // whoever writes and follows says why; next time it may go
        }
    }
}
