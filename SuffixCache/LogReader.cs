using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Agentic.SuffixCache;

/// <summary>Reads one namespace's log from where the last call ended. Used by one caller at a time.</summary>
internal sealed class LogReader(NamespaceKey @namespace, ILogger logger, Action damaged)
{
    private const int PageEntries = 32;   // of up to some 100 KB each
    private readonly LogLayout _layout = new(@namespace);
    private readonly Dictionary<string, (long Bytes, long Entries)> _read = [];
    private readonly HashSet<UInt128> _seen = [];

    /// <summary>What has been appended since the last call; at first, all that is retained.</summary>
    /// <exception cref="RedisException">The store is away or answers an error.</exception>
    public async IAsyncEnumerable<StoredSequence> ReadAsync(
        IDatabase database, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        List<(string Name, long Bytes)> segments = LogLayout.Order(await database.HashGetAllAsync(_layout.Segments));
        foreach ((string name, long bytes) in segments)
        {
            (long Bytes, long Entries) place = _read.GetValueOrDefault(name, (-1, 0));
            if (place.Bytes == bytes)
            {
                continue;   // one server writes a segment, and its bytes change with each entry
            }

            if (bytes < place.Bytes)
            {
                place.Entries = 0;   // flushed or dropped, then written again
            }

            await foreach (RedisValue entry in EntriesAsync(database, name, place.Entries, cancellationToken))
            {
                place.Entries++;
                ReadOnlyMemory<byte> bytesRead = entry;
                if (!SequenceCodec.TryDecode(@namespace, bytesRead.Span, out UInt128 id, out StoredSequence[] sequences))
                {
                    damaged();
                    Log.EntryDamaged(logger, @namespace, name, place.Entries - 1);
                }
                else if (_seen.Add(id))
                {
                    foreach (StoredSequence sequence in sequences)
                    {
                        yield return sequence;
                    }
                }
            }

            _read[name] = (bytes, place.Entries);
        }
    }

    /// <summary>The entries of a segment in pages, the next page on its way while one is read.</summary>
    private async IAsyncEnumerable<RedisValue> EntriesAsync(
        IDatabase database, string segment, long start, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        RedisKey key = _layout.Segment(segment);
        Task<RedisValue[]> page = PageAsync(database, key, start);
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            RedisValue[] entries = await page;
            start += PageEntries;
            page = entries.Length == PageEntries ? PageAsync(database, key, start) : Task.FromResult<RedisValue[]>([]);
            foreach (RedisValue entry in entries)
            {
                yield return entry;
            }

            if (entries.Length < PageEntries)
            {
                break;
            }
        }
    }

    private async Task<RedisValue[]> PageAsync(IDatabase database, RedisKey key, long start)
    {
        try
        {
            return await database.ListRangeAsync(key, start, start + PageEntries - 1);
        }
        catch (RedisServerException exception) when (exception.Message.StartsWith("WRONGTYPE", StringComparison.Ordinal))
        {
            damaged();
            Log.SegmentForeign(logger, @namespace, key.ToString());
            return [];
        }
    }
}
