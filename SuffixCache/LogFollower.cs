using System.Buffers.Binary;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Agentic.SuffixCache;

/// <summary>Follows the logs of some namespaces: woken by whoever appends, and looking by itself where nobody wakes it.</summary>
/// <remarks>A look costs a namespace two commands, and all namespaces of a look share their way to the store and back.</remarks>
internal sealed class LogFollower
{
    private const int LooksTogether = 64;
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(2);

    private readonly Dictionary<NamespaceKey, LogReader> _readers;
    private readonly RedisConnection _connection;
    private readonly ISequenceFollower _follower;
    private readonly Action<NamespaceKey, LogEpoch> _deleted;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly ulong _self;
    private readonly TimeSpan _interval, _learnedInterval, _age;
    private readonly LearnedKeeper _keeper;
    private readonly Channel<LogReader> _woken = Channel.CreateUnbounded<LogReader>(new() { SingleReader = true });
    private bool _subscribed, _subscriptionFailed, _away, _caughtUp;
    private long _replayed, _followed, _failures, _lag, _tended;

    /// <param name="readers">One for each namespace.</param>
    /// <param name="connection">To the store.</param>
    /// <param name="follower">Told what is read.</param>
    /// <param name="keeper">Of what the follower learns.</param>
    /// <param name="deleted">Told before the follower of each deletion.</param>
    /// <param name="self">The writer that need not be told of what it wrote.</param>
    /// <param name="interval">Between looks.</param>
    /// <param name="learnedInterval">Between looks at what was learned.</param>
    /// <param name="age">How long a log is kept to which nobody writes.</param>
    /// <param name="logger">Where to log.</param>
    /// <param name="time">The clock.</param>
    public LogFollower(
        IEnumerable<LogReader> readers, RedisConnection connection, ISequenceFollower follower, LearnedKeeper keeper,
        Action<NamespaceKey, LogEpoch> deleted, ulong self, TimeSpan interval, TimeSpan learnedInterval, TimeSpan age, ILogger logger, TimeProvider time)
    {
        _readers = readers.ToDictionary(reader => reader.Namespace);
        (_connection, _follower, _deleted, _self, _logger, _time) = (connection, follower, deleted, self, logger, time);
        (_keeper, _learnedInterval, _age) = (keeper, learnedInterval, age);
        _interval = interval + (_readers.Count * TimeSpan.FromMilliseconds(10));
    }

    public long Replayed => Volatile.Read(ref _replayed);

    public long Followed => Volatile.Read(ref _followed);

    public long Failures => Volatile.Read(ref _failures) + _keeper.Failures;

    /// <summary>Learned states brought back, and stored.</summary>
    public (long Restored, long Stored) Learned => (_keeper.Restored, _keeper.Stored);

    public long Listed => _readers.Values.Sum(reader => reader.Listed);

    public long Behind => _readers.Values.Sum(reader => reader.Behind);

    public TimeSpan Lag => TimeSpan.FromTicks(Volatile.Read(ref _lag));

    /// <summary>Notes what this process is about to write. Any thread.</summary>
    public void Writes(StoredSequence sequence)
    {
        if (_readers.TryGetValue(sequence.Namespace, out LogReader? reader))
            reader.Writes(sequence);
    }

    /// <summary>Runs until cancelled, and ends without an exception.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        TimeSpan delay = FirstDelay;
        try
        {
            while (true)
            {
                await SubscribeAsync(cancellationToken);
                bool all = await LookAsync(cancellationToken);
                if (all && (!_caughtUp || _time.GetElapsedTime(_tended) >= _learnedInterval))
                {
                    await _keeper.TendAsync(_readers.Values, isFirst: !_caughtUp, isLast: false, cancellationToken);
                    _tended = _time.GetTimestamp();
                }

                if (all && !_caughtUp)
                {
                    _caughtUp = true;
                    _follower.CaughtUp();
                }

                delay = all ? FirstDelay : TimeSpan.FromTicks(Math.Min(2 * delay.Ticks, LongestDelay.Ticks));
                await ServeWakesAsync(all ? _interval : delay, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Told to stop.
        }
    }

    /// <summary>Stores what the follower has learned, after <see cref="RunAsync"/> has ended.</summary>
    public async Task KeepLearnedAsync(CancellationToken cancellationToken)
    {
        if (await LookAsync(cancellationToken))
            await _keeper.TendAsync(_readers.Values, isFirst: false, isLast: true, cancellationToken);
    }

    /// <summary>Before the first look, so that nothing appended after it goes unnoticed.</summary>
    private async Task SubscribeAsync(CancellationToken cancellationToken)
    {
        if (_subscribed)
            return;
        try
        {
            await _connection.SubscribeAsync(LogLayout.Appended, Wake, cancellationToken);
            _subscribed = true;
        }
        catch (Exception exception) when (StoreTrouble.IsOf(exception))
        {
            if (!_subscriptionFailed && _connection.IsConnected)
            {
                _subscriptionFailed = true;
                Log.NotSubscribed(_logger, _interval.TotalSeconds, StoreTrouble.Reason(exception));
            }
        }
    }

    private void Wake(RedisValue message)
    {
        ReadOnlyMemory<byte> bytes = message;
        if (bytes.Length == NamespaceKey.Length + sizeof(ulong)
            && BinaryPrimitives.ReadUInt64LittleEndian(bytes.Span[NamespaceKey.Length..]) != _self
            && _readers.TryGetValue(NamespaceKey.Parse(Convert.ToHexString(bytes.Span[..NamespaceKey.Length])), out LogReader? reader)
            && reader.Wake())
        {
            _woken.Writer.TryWrite(reader);
        }
    }

    private async Task ServeWakesAsync(TimeSpan duration, CancellationToken cancellationToken)
    {
        using var interval = new CancellationTokenSource(duration, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(interval.Token, cancellationToken);
        try
        {
            while (await _woken.Reader.WaitToReadAsync(either.Token))
            {
                while (_woken.Reader.TryRead(out LogReader? reader))
                {
                    if (!await TryAsync(() => LookAsync(reader), cancellationToken)
                        || !await TryAsync(() => ReadAsync(reader, cancellationToken), cancellationToken))
                    {
                        return;
                    }
                }
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Time to look at all.
        }
    }

    /// <returns>Whether every namespace could be looked at and read.</returns>
    private async Task<bool> LookAsync(CancellationToken cancellationToken)
    {
        bool all = true;
        foreach (LogReader[] some in _readers.Values.Chunk(LooksTogether))
        {
            bool[] looked = await Task.WhenAll(some.Select(reader => TryAsync(() => LookAsync(reader), cancellationToken)));
            foreach ((LogReader reader, bool seen) in some.Zip(looked))
                all &= seen && await TryAsync(() => ReadAsync(reader, cancellationToken), cancellationToken);
        }

        if (all && _away)
        {
            _away = false;
            _follower.Back();
        }

        return all;
    }

    private async Task LookAsync(LogReader reader)
    {
        IDatabase database = await _connection.DatabaseAsync(CancellationToken.None);
        await reader.LookAsync(database);
        if (reader.IsFlushed)
            await ReopenAsync(reader, database);
    }

    /// <summary>Begins a flushed log again, so that it is listed and can be deleted: what was learned from it is still remembered.</summary>
    private async Task ReopenAsync(LogReader reader, IDatabase database)
    {
        try
        {
            await LogEpoch.OpenAsync(database, new LogLayout(reader.Namespace), _time.GetUtcNow(), _age);
        }
        catch (Exception exception) when (StoreTrouble.IsOf(exception))
        {
            // The store may be read and not written to. The next look tries again.
        }
    }

    private async Task ReadAsync(LogReader reader, CancellationToken cancellationToken)
    {
        if (reader.TakeDeletion() is { } epoch)
        {
            _deleted(reader.Namespace, epoch);
            _follower.Deleted(reader.Namespace);
        }

        IDatabase database = await _connection.DatabaseAsync(cancellationToken);
        await foreach (StoredSequence sequence in reader.ReadAsync(database, cancellationToken))
        {
            _follower.Add(sequence);
            Interlocked.Increment(ref _caughtUp ? ref _followed : ref _replayed);
            if (_caughtUp)
                Volatile.Write(ref _lag, Math.Max(0, (_time.GetUtcNow() - sequence.Time).Ticks));
        }
    }

    private async Task<bool> TryAsync(Func<Task> work, CancellationToken cancellationToken)
    {
        try
        {
            await work();
            return true;
        }
        catch (Exception exception) when (StoreTrouble.IsOf(exception) || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            Interlocked.Increment(ref _failures);
            if (!_away)
                _follower.Away(StoreTrouble.Reason(exception));
            _away = true;
            return false;
        }
    }
}
