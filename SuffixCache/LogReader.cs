using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Agentic.SuffixCache;

/// <summary>Reads one namespace's log from where the last call ended. Used by one caller at a time.</summary>
/// <param name="namespace">Whose log.</param>
/// <param name="self">The writer whose segments are left out, or null.</param>
/// <param name="since">When the process began: what was deleted before concerns nothing here.</param>
/// <param name="logger">Where to log.</param>
/// <param name="damaged">Told of each entry that cannot be read.</param>
internal sealed class LogReader(NamespaceKey @namespace, ulong? self, DateTimeOffset since, ILogger logger, Action damaged)
{
    private const int PageEntries = 32;   // of up to some 100 KB each
    private const int Rounds = 3;
    private readonly LogLayout _layout = new(@namespace);
    private readonly Dictionary<string, Place> _places = [];
    private readonly RecentSequences _seen = new();
    private List<LogSegment> _segments = [];
    private LogEpoch? _epoch;
    private LogEpoch? _deletion;
    private bool _looked;
    private volatile bool _writes;
    private long _behind, _listed;
    private int _woken;

    public NamespaceKey Namespace => @namespace;

    /// <summary>Bytes of the log that others wrote, at the last look. Any thread.</summary>
    public long Listed => Volatile.Read(ref _listed);

    /// <summary>Bytes of the log that are listed and not yet read. Any thread.</summary>
    public long Behind => Volatile.Read(ref _behind);

    /// <summary>Whether the last look found no log where there had been one: it was flushed, and nobody has written since; or is about to.</summary>
    public bool IsFlushed { get; private set; }

    /// <summary>The epoch of a log that holds something, if nobody is still to hear of a deletion.</summary>
    public LogEpoch? KnownEpoch => _deletion is null && _segments.Count > 0 ? _epoch : null;

    /// <summary>Notes that there may be more to read. Any thread.</summary>
    /// <returns>Whether that was not noted already.</returns>
    public bool Wake() => Interlocked.Exchange(ref _woken, 1) == 0;

    /// <summary>Notes what this process is about to write: a compacted segment may hold it among what others wrote. Any thread.</summary>
    public void Writes(StoredSequence sequence)
    {
        _writes = true;
        _seen.Add(sequence);
    }

    /// <summary>Sees what there is to read.</summary>
    /// <exception cref="RedisException">The store is away or answers an error.</exception>
    public async Task LookAsync(IDatabase database)
    {
        Volatile.Write(ref _woken, 0);   // what is appended from here on wakes again
        Task<LogEpoch?> epoch = LogEpoch.ReadAsync(database, _layout);
        Task<HashEntry[]> listed = database.HashGetAllAsync(_layout.Segments);
        await Task.WhenAll(epoch, listed);
        LogEpoch? known = _epoch;
        if (await epoch is { } now && now != known && now.IsDeletion(_looked ? DateTimeOffset.UnixEpoch : since))
            _deletion = now;
        if (await epoch != known && await epoch is not null)
        {
            _epoch = await epoch;
            if (known is not null)
            {
                _places.Clear();
                _seen.Clear();
            }
        }

        IsFlushed = (known is not null || _writes) && await epoch is null;
        (_segments, _looked) = (LogSegment.Order(await listed), true);
        Forget();
        Volatile.Write(ref _listed, _segments.Where(segment => !IsOwn(segment.Name)).Sum(segment => segment.Bytes));
        Volatile.Write(ref _behind, _segments.Sum(segment => Math.Max(0, segment.Bytes - Known(segment))));
    }

    /// <summary>The epoch of a log that a look saw deleted since the process began; null if it saw none since the last call.</summary>
    public LogEpoch? TakeDeletion()
    {
        LogEpoch? deletion = _deletion;
        _deletion = null;
        return deletion;
    }

    /// <summary>What the last look saw and no call before has read; at first, all that is retained.</summary>
    /// <exception cref="RedisException">The store is away or answers an error. The next call goes on from there.</exception>
    public async IAsyncEnumerable<StoredSequence> ReadAsync(
        IDatabase database, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // What others drop or compact while it is read comes up short: then there may be something else to read in its place.
        bool isShort = true;
        for (int round = 0; round < Rounds && isShort; round++)
        {
            if (round > 0)
                await LookAsync(database);
            if (round > 0 && _deletion is not null)
                yield break;   // the caller is to hear of it first
            isShort = false;
            foreach (LogSegment segment in _segments.Where(segment => !IsRead(segment)))
            {
                await foreach (StoredSequence sequence in ReadAsync(database, segment, cancellationToken))
                    yield return sequence;
                isShort |= _places[segment.Name].Read < segment.Bytes;
            }
        }

        Volatile.Write(ref _behind, 0);
    }

    /// <summary>Reads a segment from where it was left.</summary>
    private async IAsyncEnumerable<StoredSequence> ReadAsync(
        IDatabase database, LogSegment segment, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (IsOwn(segment.Name) || IsReplacing(segment))
        {
            Pass(segment, new Place(segment.Bytes, 0, segment.Bytes));
            yield break;
        }

        Place place = _places.GetValueOrDefault(segment.Name);
        if (segment.Bytes < place.Listed)
            place = default;   // an older state of the store has come back
        await foreach (RedisValue entry in EntriesAsync(database, segment.Name, place.Entries, cancellationToken))
        {
            ReadOnlyMemory<byte> bytes = entry;
            if (!SequenceCodec.TryDecode(@namespace, bytes.Span, out _, out StoredSequence[] sequences))
            {
                damaged();
                Log.EntryDamaged(logger, @namespace, segment.Name, place.Entries);
            }

            place = place with { Read = place.Read + bytes.Length, Entries = place.Entries + 1 };
            foreach (StoredSequence sequence in sequences.Where(_seen.Add))
                yield return sequence;
            Pass(segment, place);
        }

        Pass(segment, place with { Listed = segment.Bytes });
    }

    /// <summary>Whether it was read to the end that was seen last: one server writes a segment, and its bytes change with each entry.</summary>
    private bool IsRead(LogSegment segment) => _places.TryGetValue(segment.Name, out Place place) && place.Listed == segment.Bytes;

    /// <summary>Lets go of the places of segments that no list names any more.</summary>
    private void Forget()
    {
        if (_places.Count < 2 * (_segments.Count + PageEntries))
            return;
        HashSet<string> named = [.. _segments.SelectMany(segment => segment.Replaces.Select(replaced => replaced.Name).Append(segment.Name))];
        foreach (string gone in _places.Keys.Where(name => !named.Contains(name)).ToArray())
            _places.Remove(gone);
    }

    private bool IsOwn(string name) => self is ulong writer && LogSegment.IsOf(name, writer);

    /// <summary>Whether it holds only what was read where it was before.</summary>
    private bool IsReplacing(LogSegment segment) => segment.Replaces.Count > 0 && segment.Replaces.All(
        replaced => IsOwn(replaced.Name) || (_places.TryGetValue(replaced.Name, out Place place) && place.Read >= replaced.Bytes));

    private long Known(LogSegment segment)
    {
        Place place = _places.GetValueOrDefault(segment.Name);
        return IsOwn(segment.Name) || IsReplacing(segment) || place.Listed == segment.Bytes ? segment.Bytes
            : place.Listed < segment.Bytes ? place.Read : 0;
    }

    private void Pass(LogSegment segment, Place place)
    {
        long before = _places.GetValueOrDefault(segment.Name).Read;
        _places[segment.Name] = place;
        Volatile.Write(ref _behind, Math.Max(0, _behind - Math.Max(0, place.Read - before)));
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
                yield return entry;
            if (entries.Length < PageEntries)
                break;
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

    /// <summary>How far a segment was read.</summary>
    /// <param name="Listed">Its bytes when it was last read to its end.</param>
    /// <param name="Entries">Read of it.</param>
    /// <param name="Read">Bytes read of it.</param>
    private readonly record struct Place(long Listed, long Entries, long Read);
}
