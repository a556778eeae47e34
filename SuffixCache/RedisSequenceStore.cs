using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace Agentic.SuffixCache;

/// <summary>Sequences in Redis, Valkey or Garnet, written behind: whoever appends never waits, and the store may be away a while.</summary>
/// <remarks>
/// Accepted sequences stay in the queue until the store acknowledges them; an entry whose fate is unclear is sent again, and its copy
/// dropped on replay. On 5.5M tokens of recorded agents: 50 to 140 ns and 10 bytes for the caller, 7 to 10M tokens a second into the log
/// at 0.40 bytes each (1.55 where every sequence goes alone), and 17 to 60 ns a token back.
/// Commands: GET, GETRANGE, SET and SETNX, DEL or UNLINK, EXISTS, SCAN, EXPIRE and PEXPIRE, RENAME, HINCRBY, HSET, HGET, HGETALL, HDEL, RPUSH, LRANGE,
/// LLEN, WATCH, MULTI, EXEC, PUBLISH and SUBSCRIBE, of keys and channels that begin with <c>agentic:</c>; and what the client asks as it connects.
/// </remarks>
public sealed class RedisSequenceStore : ISequenceStore
{
    private static readonly TimeSpan RoomInterval = TimeSpan.FromMilliseconds(5);

    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly TimeSpan _pollInterval, _learnedInterval, _flushTimeout, _age;
    private readonly RedisConnection _connection;
    private readonly WriteBehind _writing;
    private readonly LogDirectory _directory;
    private readonly LogUpkeep _upkeep;
    private readonly DateTimeOffset _since;
    private readonly string _name;
    private readonly TimeSpan? _patience;
    private readonly ulong _self = BinaryPrimitives.ReadUInt64LittleEndian(RandomNumberGenerator.GetBytes(sizeof(ulong)));
    private volatile LogFollower[] _followers = [];
    private long _failures, _replayed, _damaged, _evictedBytes;
    private int _closed;

    /// <summary>Returns at once, whether the store can be reached or not.</summary>
    /// <exception cref="ArgumentException">The options do not validate.</exception>
    public RedisSequenceStore(SequenceStoreOptions options, ILogger<RedisSequenceStore>? logger = null, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Validate() is string problem)
            throw new ArgumentException(problem, nameof(options));
        (_logger, _time) = (logger ?? NullLogger<RedisSequenceStore>.Instance, time ?? TimeProvider.System);
        (_since, _pollInterval, _age) = (_time.GetUtcNow(), options.PollInterval, options.RetentionAge);
        (_name, _patience) = (options.Name, options.Patience);
        (_learnedInterval, _flushTimeout) = (options.LearnedInterval, options.FlushTimeout);
        _connection = new RedisConnection(options);
        _directory = new LogDirectory(_connection, options.RetentionAge, _time);
        _upkeep = new LogUpkeep(options, _connection, Dropped, _logger, _time);
        _writing = new WriteBehind(options, _connection, _self, Writes, Dropped, _logger, _time);
        _writing.Start();
    }

    /// <inheritdoc/>
    public SequenceStoreStatistics Statistics
    {
        get
        {
            LogFollower[] followers = _followers;
            return new SequenceStoreStatistics(
                _connection.IsConnected, _writing.Queued, _writing.QueuedBytes, _writing.Written, _writing.WrittenBytes, _writing.Dropped,
                _writing.Failures + _upkeep.Failures + Volatile.Read(ref _failures) + followers.Sum(follower => follower.Failures),
                Volatile.Read(ref _replayed) + followers.Sum(follower => follower.Replayed), Volatile.Read(ref _damaged))
            {
                Followed = followers.Sum(follower => follower.Followed),
                LearnedRestored = followers.Sum(follower => follower.Learned.Restored),
                LearnedStored = followers.Sum(follower => follower.Learned.Stored),
                Listed = followers.Sum(follower => follower.Listed),
                Behind = followers.Sum(follower => follower.Behind),
                Lag = followers.Select(follower => follower.Lag).DefaultIfEmpty().Max(),
                Deleted = _writing.Deleted,
                Compacted = _upkeep.Compacted,
                Reclaimed = _upkeep.Reclaimed,
                EvictedBytes = Volatile.Read(ref _evictedBytes),
            };
        }
    }

    /// <inheritdoc/>
    public void Append(StoredSequence sequence)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        _writing.Append(sequence);
    }

    /// <summary>Takes a sequence for keeping as soon as there is room for it.</summary>
    /// <exception cref="SequenceStoreException">The store failed for longer than <see cref="SequenceStoreOptions.Patience"/>.</exception>
    public async Task AppendAsync(StoredSequence sequence, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        while (!_writing.HasRoom(sequence) && _writing.Queued > 0)
            await WaitAsync(cancellationToken);
        _writing.Append(sequence);
    }

    /// <summary>Waits until all that was accepted so far is acknowledged, refused or given up.</summary>
    /// <exception cref="SequenceStoreException">The store failed for longer than <see cref="SequenceStoreOptions.Patience"/>.</exception>
    public async Task FlushAsync(CancellationToken cancellationToken = default)
    {
        while (_writing.Queued > 0)
            await WaitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<StoredSequence> ReplayAsync(
        NamespaceKey @namespace, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        LogReader reader = Reader(@namespace, null);
        IDatabase database = await Reading(() => _connection.DatabaseAsync(cancellationToken));
        await Reading(async () =>
        {
            await reader.LookAsync(database);
            return true;
        });
        await using IAsyncEnumerator<StoredSequence> sequences =
            reader.ReadAsync(database, cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (await Reading(() => sequences.MoveNextAsync().AsTask()))
        {
            Interlocked.Increment(ref _replayed);
            yield return sequences.Current;
        }
    }

    /// <inheritdoc/>
    public Task FollowAsync(IReadOnlyCollection<NamespaceKey> namespaces, ISequenceFollower follower, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(namespaces);
        NamespaceKey[] logs = [.. namespaces.Distinct()];
        var keeper = new LearnedKeeper(_connection, follower, _age, () => Interlocked.Increment(ref _damaged), _logger);
        var following = new LogFollower(
            logs.Select(@namespace => Reader(@namespace, _self)), _connection, follower, keeper, _writing.Delete, _self, _pollInterval, _learnedInterval, _age,
            _logger, _time);
        _followers = [.. _followers, following];
        return Task.WhenAll(
            Task.Run(() => following.RunAsync(cancellationToken), CancellationToken.None), _upkeep.RunAsync(logs, cancellationToken));
    }

    /// <inheritdoc/>
    public async Task KeepLearnedAsync(CancellationToken cancellationToken = default)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(_flushTimeout);
        try
        {
            while (_writing.Queued > 0 && _writing.Trouble is null)
                await Task.Delay(RoomInterval, _time, limit.Token);   // a log begins with its first sequence
            if (_writing.Trouble is not null)
                return;   // closing waits for it, and once is enough
            foreach (LogFollower follower in _followers)
                await follower.KeepLearnedAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // It took too long.
        }
    }

    /// <summary>Whether the store answers and may be written to: writes a key of its own, and deletes it.</summary>
    /// <exception cref="SequenceStoreException">The store is away, or answers an error.</exception>
    public Task CheckAsync(CancellationToken cancellationToken = default) => Reading(async () =>
    {
        IDatabase database = await _connection.DatabaseAsync(cancellationToken);
        RedisKey key = LogLayout.Probe(_self);
        await database.StringSetAsync(key, "", TimeSpan.FromMinutes(1), When.NotExists);
        return await database.KeyDeleteAsync(key);
    });

    /// <summary>What the store holds, by namespace, in no order; looks through all keys of the server. Of a log that was flushed while servers
    /// followed it nothing is there, and it is named: they may remember more.</summary>
    /// <exception cref="SequenceStoreException">The store is away, or answers an error.</exception>
    public async IAsyncEnumerable<StoredNamespace> NamespacesAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await using IAsyncEnumerator<StoredNamespace> found = _directory.ListAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (await Reading(() => found.MoveNextAsync().AsTask()))
            yield return found.Current;
    }

    /// <summary>What the store holds of one namespace.</summary>
    /// <exception cref="SequenceStoreException">The store is away, or answers an error.</exception>
    public Task<StoredNamespace> DescribeAsync(NamespaceKey @namespace, CancellationToken cancellationToken = default) =>
        Reading(() => _directory.DescribeAsync(@namespace, cancellationToken));

    /// <summary>Erases a namespace from the store, and has the servers that follow it erase what they remember and what still waits.</summary>
    /// <returns>The bytes that its entries had.</returns>
    /// <exception cref="SequenceStoreException">The store is away, or answers an error; some may be erased: call again.</exception>
    public Task<long> DeleteAsync(NamespaceKey @namespace, CancellationToken cancellationToken = default) =>
        Reading(() => _directory.DeleteAsync(@namespace, cancellationToken));

    /// <summary>Drops what is too old of a namespace and compacts the rest, now.</summary>
    /// <exception cref="SequenceStoreException">The store is away, or answers an error; the log is whole.</exception>
    internal Task CompactAsync(NamespaceKey @namespace, CancellationToken cancellationToken = default) => Reading(async () =>
    {
        await _upkeep.TendAsync(@namespace, new LogCompactor(@namespace), cancellationToken);
        return true;
    });

    /// <summary>Waits, for at most <see cref="SequenceStoreOptions.FlushTimeout"/>, until what was accepted is acknowledged.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _closed, 1) == 1)
            return;
        await _writing.DisposeAsync();
        await _connection.DisposeAsync();
    }

    private async Task WaitAsync(CancellationToken cancellationToken)
    {
        if (_writing.Trouble is (TimeSpan lasts, bool isAway, string reason) && lasts > _patience)
            throw Unavailable(isAway, reason);
        await Task.Delay(RoomInterval, _time, cancellationToken);
    }

    private void Writes(StoredSequence sequence)
    {
        foreach (LogFollower follower in _followers)
            follower.Writes(sequence);
    }

    private void Dropped(NamespaceKey @namespace, LogSegment segment)
    {
        Interlocked.Add(ref _evictedBytes, segment.Bytes);
        Log.SegmentDropped(_logger, @namespace, segment.Name, segment.Bytes);
    }

    private LogReader Reader(NamespaceKey @namespace, ulong? self) =>
        new(@namespace, self, _since, _logger, () => Interlocked.Increment(ref _damaged));

    /// <summary>Store errors become the one kind that callers know.</summary>
    private async Task<T> Reading<T>(Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (Exception exception) when (StoreTrouble.IsOf(exception))
        {
            Interlocked.Increment(ref _failures);
            throw Unavailable(StoreTrouble.IsAway(exception), StoreTrouble.Reason(exception), exception);
        }
    }

    private SequenceStoreException Unavailable(bool isAway, string reason, Exception? cause = null) =>
        new($"The sequence store {_name} {(isAway ? "cannot be reached" : "answers an error")}: {reason}", cause);
}
