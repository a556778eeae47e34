using System.Runtime.CompilerServices;
using StackExchange.Redis;

namespace Agentic.SuffixCache;

/// <summary>Which logs a store holds, and how one of them is deleted.</summary>
/// <param name="connection">To the store.</param>
/// <param name="age">How long a deletion is told to whoever comes later: as long as anything is kept.</param>
/// <param name="time">The clock.</param>
internal sealed class LogDirectory(RedisConnection connection, TimeSpan age, TimeProvider time)
{
    /// <summary>The logs that were not deleted, in no order; those that servers follow are among them even if they hold nothing. Every key of the server is looked at, a thousand at a time.</summary>
    public async IAsyncEnumerable<StoredNamespace> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        HashSet<NamespaceKey> seen = [];   // a scan may name a key twice
        int database = (await connection.DatabaseAsync(cancellationToken)).Database;
        foreach (IServer server in await connection.ServersAsync(cancellationToken))
        {
            await foreach (RedisKey key in server.KeysAsync(database, LogLayout.AnyKey, pageSize: 1000).WithCancellation(cancellationToken))
            {
                if (LogLayout.TryParse(key.ToString(), out NamespaceKey @namespace) && seen.Add(@namespace)
                    && await DescribeAsync(@namespace, cancellationToken) is { IsGone: false } found)
                {
                    yield return found;
                }
            }
        }
    }

    public async Task<StoredNamespace> DescribeAsync(NamespaceKey @namespace, CancellationToken cancellationToken)
    {
        IDatabase database = await connection.DatabaseAsync(cancellationToken);
        var layout = new LogLayout(@namespace);
        List<LogSegment> segments = LogSegment.Order(await database.HashGetAllAsync(layout.Segments));
        LogEpoch? epoch = await LogEpoch.ReadAsync(database, layout);
        return new StoredNamespace(@namespace, segments.Sum(segment => segment.Bytes), segments.Count)
        {
            Oldest = segments.Count > 0 ? segments[0].Opened : null,
            IsGone = segments.Count == 0 && epoch?.IsDeletion(DateTimeOffset.UnixEpoch) is not false,
        };
    }

    /// <summary>Deletes a log. Whatever is written to it meanwhile by a server that does not know yet is deleted too.</summary>
    /// <returns>The bytes that its entries had.</returns>
    public async Task<long> DeleteAsync(NamespaceKey @namespace, CancellationToken cancellationToken)
    {
        var layout = new LogLayout(@namespace);
        IDatabase database = await connection.DatabaseAsync(cancellationToken);

        await SweepAsync(database, layout);   // a deletion may have broken off

        try
        {
            await BeginAsync(database, layout);
        }
        catch (RedisServerException exception) when (StoreTrouble.IsFull(exception))
        {
            await database.KeyDeleteAsync(layout.Learned);
            await EmptyAsync(database, layout, layout.Segments);   // a full store has no room for the word that this is deleted
            await BeginAsync(database, layout);
        }

        long bytes = await SweepAsync(database, layout);
        byte[] message = new byte[NamespaceKey.Length + sizeof(ulong)];   // of no writer
        @namespace.CopyTo(message);
        await database.PublishAsync(LogLayout.Appended, message, CommandFlags.FireAndForget);
        return bytes;
    }

    /// <summary>At one stroke no reader finds a segment any more, and no writer adds an entry before it has given up what it holds.</summary>
    private async Task BeginAsync(IDatabase database, LogLayout layout)
    {
        ITransaction transaction = database.CreateTransaction();
        if (await database.KeyExistsAsync(layout.Segments))
            _ = transaction.KeyRenameAsync(layout.Segments, layout.Trash);
        Task begun = transaction.StringSetAsync(layout.Epoch, LogEpoch.NewDeletion(time.GetUtcNow()).Value, age);
        Task forgotten = transaction.KeyDeleteAsync(layout.Learned);
        await transaction.ExecuteAsync();
        await Task.WhenAll(begun, forgotten);
    }

    /// <summary>Deletes the segments that were put aside.</summary>
    private static async Task<long> SweepAsync(IDatabase database, LogLayout layout)
    {
        long bytes = await EmptyAsync(database, layout, layout.Trash);
        await database.KeyDeleteAsync(layout.Trash);
        return bytes;
    }

    /// <summary>Deletes the segments that a hash lists.</summary>
    /// <returns>The bytes that it says they had.</returns>
    private static async Task<long> EmptyAsync(IDatabase database, LogLayout layout, RedisKey listed)
    {
        List<LogSegment> segments = LogSegment.Order(await database.HashGetAllAsync(listed));
        foreach (LogSegment segment in segments)
            await database.KeyDeleteAsync(layout.Segment(segment.Name));
        return segments.Sum(segment => segment.Bytes);
    }
}
