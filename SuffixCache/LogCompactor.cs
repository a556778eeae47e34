using System.Buffers.Binary;
using System.Security.Cryptography;
using StackExchange.Redis;

namespace Agentic.SuffixCache;

/// <summary>Rewrites one namespace's log: few large entries for many small ones, which are smaller together and faster to read, without
/// copies and without what later calls of a conversation repeat.</summary>
/// <remarks>
/// One transaction puts the new segment in the place of the old ones, if nobody has added to any, dropped one or deleted the log since they
/// were read: a kill leaves the one or the other, and no reader finds both or neither. A writer whose open segment is gone sees it by the
/// next entry and opens another; a follower that has read the old ones passes the new one by, and one that has read a part of them
/// knows the copies.
/// </remarks>
internal sealed class LogCompactor(NamespaceKey @namespace)
{
    private const int Attempts = 3;
    private const long MostTokens = 8L << 20;   // in memory at once
    private static readonly TimeSpan LockTime = TimeSpan.FromMinutes(1);

    private readonly LogLayout _layout = new(@namespace);
    private readonly HashSet<string> _left = [];   // segments that cannot be compacted: what cannot be read is not ours to drop

    /// <summary>Compacts one run of segments.</summary>
    /// <returns>Null if none is worth it, or others are at it.</returns>
    /// <exception cref="RedisException">The store is away or answers an error; the log is as it was.</exception>
    public async Task<Compaction?> RunAsync(IDatabase database, LogRetention retention, DateTimeOffset now)
    {
        if (await LogEpoch.ReadAsync(database, _layout) is not { } epoch)
            return null;
        List<LogSegment> segments = LogSegment.Order(await database.HashGetAllAsync(_layout.Segments));
        FilledSegment[] filled = await Task.WhenAll(segments.Select(segment => FillAsync(database, segment)));
        IReadOnlyList<FilledSegment> run = CompactionPlan.Choose(filled, retention, now);
        if (run.Count == 0 || !await database.StringSetAsync(_layout.Upkeep, "", LockTime, When.NotExists))
            return null;
        try
        {
            return await RewriteAsync(database, epoch, run, retention, now);
        }
        finally
        {
            await database.KeyDeleteAsync(_layout.Upkeep);   // only spares work: nothing depends on whose it was
        }
    }

    private async Task<FilledSegment> FillAsync(IDatabase database, LogSegment segment)
    {
        try
        {
            return new FilledSegment(segment, _left.Contains(segment.Name) ? -1 : await database.ListLengthAsync(_layout.Segment(segment.Name)));
        }
        catch (RedisServerException exception) when (exception.Message.StartsWith("WRONGTYPE", StringComparison.Ordinal))
        {
            return new FilledSegment(segment, -1);
        }
    }

    private async Task<Compaction?> RewriteAsync(
        IDatabase database, LogEpoch epoch, IReadOnlyList<FilledSegment> run, LogRetention retention, DateTimeOffset now)
    {
        if (await ReadAsync(database, run) is not { } read)
            return null;
        List<StoredSequence> kept = ConversationPrefixes.Drop(read);
        RedisValue[] entries = [.. Pack(kept).Select(packed => (RedisValue)packed)];
        if (2 * entries.Length > run.Sum(filled => filled.Entries))
        {
            _left.UnionWith(run.Select(filled => filled.Segment.Name));   // sequences too long to share an entry
            return null;
        }

        LogSegment[] old = [.. run.Select(filled => filled.Segment)];
        LogSegment compact = new(
            LogSegment.NameOf(old[0].Opened.ToUnixTimeMilliseconds(), BinaryPrimitives.ReadUInt64LittleEndian(RandomNumberGenerator.GetBytes(sizeof(ulong)))),
            entries.Sum(entry => ((ReadOnlyMemory<byte>)entry).Length),
            [.. old.Select(segment => new ReplacedSegment(segment.Name, segment.Bytes))]);
        TimeSpan left = old[0].Opened + retention.Age - now;
        bool replaced = left > TimeSpan.Zero && await ReplaceAsync(database, epoch, old, compact, entries, left);
        return replaced ? new Compaction(old.Length, old.Sum(segment => segment.Bytes), compact.Bytes, read.Count - kept.Count) : null;
    }

    /// <returns>The sequences of a run, each once; null if they cannot be read, or are others by now.</returns>
    private async Task<List<StoredSequence>?> ReadAsync(IDatabase database, IReadOnlyList<FilledSegment> run)
    {
        List<StoredSequence> read = [];
        RecentSequences seen = new();
        long tokens = 0;
        foreach (LogSegment segment in run.Select(filled => filled.Segment))
        {
            long bytes = 0;
            foreach (RedisValue entry in await database.ListRangeAsync(_layout.Segment(segment.Name)))
            {
                ReadOnlyMemory<byte> packed = entry;
                bytes += packed.Length;
                if (!SequenceCodec.TryDecode(@namespace, packed.Span, out _, out StoredSequence[] sequences)
                    || (tokens += sequences.Sum(sequence => (long)sequence.Tokens.Length)) > MostTokens)
                {
                    _left.Add(segment.Name);
                    return null;
                }

                read.AddRange(sequences.Where(seen.Add));
            }

            if (bytes != segment.Bytes)
                return null;
        }

        return read;
    }

    private IEnumerable<byte[]> Pack(List<StoredSequence> sequences)
    {
        for (int start = 0, end; start < sequences.Count; start = end)
        {
            int tokens = 0;
            end = start;
            do
                tokens += sequences[end++].Tokens.Length;
            while (end < sequences.Count && tokens + sequences[end].Tokens.Length <= SequenceCodec.EntryTokens);
            yield return SequenceCodec.Encode(@namespace, SequenceCodec.NewId(), sequences[start..end]);
        }
    }

    private async Task<bool> ReplaceAsync(
        IDatabase database, LogEpoch epoch, LogSegment[] old, LogSegment compact, RedisValue[] entries, TimeSpan left)
    {
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            ITransaction transaction = database.CreateTransaction();
            ConditionResult[] conditions =
            [
                transaction.AddCondition(Condition.StringEqual(_layout.Epoch, epoch.Value)),
                .. old.Select(segment => transaction.AddCondition(Condition.HashEqual(_layout.Segments, segment.Name, segment.Listed))),
            ];
            _ = transaction.ListRightPushAsync(_layout.Segment(compact.Name), entries);
            _ = transaction.KeyExpireAsync(_layout.Segment(compact.Name), left);
            _ = transaction.HashSetAsync(_layout.Segments, compact.Name, compact.Listed);
            _ = transaction.HashDeleteAsync(_layout.Segments, [.. old.Select(segment => (RedisValue)segment.Name)]);
            _ = transaction.KeyDeleteAsync([.. old.Select(segment => _layout.Segment(segment.Name))]);
            if (await transaction.ExecuteAsync())
                return true;
            if (!conditions.All(condition => condition.WasSatisfied))
                return false;   // otherwise an entry came to another segment in between
        }

        return false;
    }
}

/// <summary>What a compaction did.</summary>
/// <param name="Segments">Replaced by one.</param>
/// <param name="BytesBefore">Of them.</param>
/// <param name="BytesAfter">Of the new one.</param>
/// <param name="Superseded">Sequences dropped, because later ones repeat them.</param>
internal readonly record struct Compaction(int Segments, long BytesBefore, long BytesAfter, int Superseded);
