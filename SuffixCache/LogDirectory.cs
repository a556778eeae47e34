using System.Runtime.CompilerServices;
using StackExchange.Redis;

namespace Agentic.SuffixCache;

/// <summary>Which logs a store holds, and how one of them is deleted.</summary>
internal sealed class LogDirectory(RedisConnection connection, TimeProvider time)
{
    /// <summary>The logs that list a segment, in no order. Every key of the server is looked at, a thousand at a time.</summary>
    public async IAsyncEnumerable<StoredNamespace> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        HashSet<NamespaceKey> seen = [];   // a scan may name a key twice
        int database = (await connection.DatabaseAsync(cancellationToken)).Database;
        foreach (IServer server in await connection.ServersAsync(cancellationToken))
        {
            await foreach (RedisKey key in server.KeysAsync(database, LogLayout.AnySegments, pageSize: 1000).WithCancellation(cancellationToken))
            {
                if (LogLayout.TryParse(key.ToString(), out NamespaceKey @namespace) && seen.Add(@namespace))
                    yield return await DescribeAsync(@namespace, cancellationToken);
            }
        }
    }

    public async Task<StoredNamespace> DescribeAsync(NamespaceKey @namespace, CancellationToken cancellationToken)
    {
        List<LogSegment> segments = await SegmentsAsync(await connection.DatabaseAsync(cancellationToken), new LogLayout(@namespace));
        return new StoredNamespace(@namespace, segments.Sum(segment => segment.Bytes), segments.Count)
        {
            Oldest = segments.Count > 0 ? segments[0].Opened : null,
        };
    }

    /// <summary>Deletes a log. Whatever is written to it meanwhile by a server that does not know yet is deleted too.</summary>
    /// <returns>The bytes that its entries had.</returns>
    public async Task<long> DeleteAsync(NamespaceKey @namespace, CancellationToken cancellationToken)
    {
        var layout = new LogLayout(@namespace);
        IDatabase database = await connection.DatabaseAsync(cancellationToken);

        await SweepAsync(database, layout);   // a deletion may have broken off

        // At one stroke no reader finds a segment any more, and no writer adds an entry before it has given up what it holds.
        ITransaction transaction = database.CreateTransaction();
        if (await database.KeyExistsAsync(layout.Segments))
            _ = transaction.KeyRenameAsync(layout.Segments, layout.Trash);
        Task begun = transaction.StringSetAsync(layout.Epoch, LogEpoch.NewDeletion(time.GetUtcNow()).Value);
        await transaction.ExecuteAsync();
        await begun;
        long bytes = await SweepAsync(database, layout);
        byte[] message = new byte[NamespaceKey.Length + sizeof(ulong)];   // of no writer
        @namespace.CopyTo(message);
        await database.PublishAsync(LogLayout.Appended, message, CommandFlags.FireAndForget);
        return bytes;
    }

    /// <summary>Deletes the segments that were put aside.</summary>
    private static async Task<long> SweepAsync(IDatabase database, LogLayout layout)
    {
        List<LogSegment> segments = LogSegment.Order(await database.HashGetAllAsync(layout.Trash));
        foreach (LogSegment segment in segments)
            await database.KeyDeleteAsync(layout.Segment(segment.Name));
        await database.KeyDeleteAsync(layout.Trash);
        return segments.Sum(segment => segment.Bytes);
    }

    private static async Task<List<LogSegment>> SegmentsAsync(IDatabase database, LogLayout layout) =>
        LogSegment.Order(await database.HashGetAllAsync(layout.Segments));
}
