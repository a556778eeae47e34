using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace Agentic.SuffixCache;

/// <summary>Sequences in Redis, Valkey or Garnet, written behind: whoever appends never waits, and the store may be away a while.</summary>
/// <remarks>
/// Accepted sequences stay in the queue until the store acknowledges them; an entry whose fate is unclear is sent again, and its copy
/// dropped on replay. On 5.5M tokens of recorded agents: 50 to 140 ns and 10 bytes for the caller, 7 to 10M tokens a second into the log
/// at 0.40 bytes each (1.55 where every sequence goes alone), and 17 to 60 ns a token back.
/// Commands: HINCRBY, HGETALL, HDEL, RPUSH, LRANGE, DEL.
/// </remarks>
public sealed class RedisSequenceStore : ISequenceStore
{
    private const int SequenceOverhead = 128;   // record, queue slot, runs
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LogInterval = TimeSpan.FromSeconds(30);

    private readonly SequenceStoreOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly RedisConnection _connection;
    private readonly Channel<StoredSequence> _queue = Channel.CreateUnbounded<StoredSequence>(new() { SingleReader = true });
    private readonly Dictionary<NamespaceKey, LogWriter> _writers = [];
    private readonly CancellationTokenSource _abandon = new();
    private readonly Task _writing;
    private long _queued, _queuedBytes, _written, _writtenBytes, _dropped, _failures, _replayed, _damaged, _fullLogged = long.MinValue;
    private bool _failing;
    private int _closed;

    /// <summary>Returns at once, whether the store can be reached or not.</summary>
    /// <exception cref="ArgumentException">The options do not validate.</exception>
    public RedisSequenceStore(SequenceStoreOptions options, ILogger<RedisSequenceStore>? logger = null, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Validate() is string problem)
        {
            throw new ArgumentException(problem, nameof(options));
        }

        (_options, _logger, _time) = (options, logger ?? NullLogger<RedisSequenceStore>.Instance, time ?? TimeProvider.System);
        _connection = new RedisConnection(options);
        _writing = Task.Run(WriteAsync);
    }

    /// <inheritdoc/>
    public SequenceStoreStatistics Statistics => new(
        _connection.IsConnected, Volatile.Read(ref _queued), Volatile.Read(ref _queuedBytes), Volatile.Read(ref _written),
        Volatile.Read(ref _writtenBytes), Volatile.Read(ref _dropped), Volatile.Read(ref _failures), Volatile.Read(ref _replayed),
        Volatile.Read(ref _damaged));

    /// <inheritdoc/>
    public void Append(StoredSequence sequence)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        if (sequence.Tokens.IsEmpty)
        {
            return;
        }

        long cost = Cost(sequence);
        if (Interlocked.Add(ref _queuedBytes, cost) <= _options.QueueBytes)
        {
            Interlocked.Increment(ref _queued);
            if (_queue.Writer.TryWrite(sequence))
            {
                return;
            }

            Interlocked.Decrement(ref _queued);   // closed
        }

        Interlocked.Add(ref _queuedBytes, -cost);
        Refused();
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<StoredSequence> ReplayAsync(
        NamespaceKey @namespace, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var reader = new LogReader(@namespace, _logger, () => Interlocked.Increment(ref _damaged));
        IDatabase database = await Reading(() => _connection.DatabaseAsync(cancellationToken));
        await using IAsyncEnumerator<StoredSequence> sequences =
            reader.ReadAsync(database, cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (await Reading(() => sequences.MoveNextAsync().AsTask()))
        {
            Interlocked.Increment(ref _replayed);
            yield return sequences.Current;
        }
    }

    /// <summary>Waits, for at most <see cref="SequenceStoreOptions.FlushTimeout"/>, until what was accepted is acknowledged.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _closed, 1) == 1)
        {
            return;
        }

        _queue.Writer.Complete();
        _abandon.CancelAfter(_options.FlushTimeout);
        await _writing;
        if (Volatile.Read(ref _queued) is > 0 and long unsent)
        {
            Log.ClosedUnsent(_logger, unsent);
        }

        await _connection.DisposeAsync();
        _abandon.Dispose();
    }

    private async Task WriteAsync()
    {
        try
        {
            await ConnectAsync();
            TimeSpan delay = FirstDelay;
            while (await _queue.Reader.WaitToReadAsync(_abandon.Token))
            {
                while (Drain() && !await SendAsync())
                {
                    await Task.Delay(delay, _time, _abandon.Token);
                    delay = TimeSpan.FromTicks(Math.Min(2 * delay.Ticks, LongestDelay.Ticks));
                }

                delay = FirstDelay;
            }
        }
        catch (OperationCanceledException)
        {
            // The time to flush is over; what is left is counted and logged by the closing caller.
        }
    }

    /// <summary>Connects before anything is to be written, so that an operator learns of a wrong address at the start.</summary>
    private async Task ConnectAsync()
    {
        try
        {
            await _connection.DatabaseAsync(_abandon.Token);
            if (!_connection.IsConnected)
            {
                Failed("It cannot be reached.");
            }
        }
        catch (Exception exception) when (exception is RedisException or RedisCommandException or TimeoutException)
        {
            Failed(exception.Message);   // tried again with the first sequence
        }
    }

    /// <summary>Hands what was accepted to the log it belongs to.</summary>
    /// <returns>Whether anything waits.</returns>
    private bool Drain()
    {
        while (_queue.Reader.TryRead(out StoredSequence? sequence))
        {
            if (sequence.Tokens.Length > SequenceCodec.MaxTokens || sequence.Tokens.Span.IndexOfAnyInRange(int.MinValue, -1) >= 0)
            {
                Log.SequenceRefused(_logger, sequence.Tokens.Length);
                Release(sequence);
                Interlocked.Increment(ref _dropped);
                continue;
            }

            if (!_writers.TryGetValue(sequence.Namespace, out LogWriter? writer))
            {
                writer = new LogWriter(sequence.Namespace, _options.RetentionBytes, _time, _logger);
                _writers.Add(sequence.Namespace, writer);
            }

            writer.Add(sequence);
        }

        return _writers.Values.Any(writer => !writer.IsEmpty);
    }

    /// <summary>Sends all that waits; a namespace that fails holds up no other.</summary>
    /// <returns>Whether nothing failed.</returns>
    private async Task<bool> SendAsync()
    {
        bool sent = true;
        foreach (LogWriter writer in _writers.Values)
        {
            try
            {
                while (!writer.IsEmpty)
                {
                    (IReadOnlyList<StoredSequence> sequences, int bytes) =
                        await writer.SendAsync(await _connection.DatabaseAsync(_abandon.Token)).WaitAsync(_abandon.Token);
                    foreach (StoredSequence sequence in sequences)
                    {
                        Release(sequence);
                    }

                    Interlocked.Add(ref _written, sequences.Count);
                    Interlocked.Add(ref _writtenBytes, bytes);
                }
            }
            catch (Exception exception) when (exception is not OperationCanceledException || !_abandon.IsCancellationRequested)
            {
                // Whatever it is, the writer must outlive it: the entry is kept and sent again.
                sent = false;
                Failed(exception.Message);
            }
        }

        if (sent && _failing)
        {
            _failing = false;
            Log.StoreBack(_logger);
        }
        else if (!sent)
        {
            _connection.Recheck();
        }

        return sent;
    }

    private void Failed(string reason)
    {
        Interlocked.Increment(ref _failures);
        if (!_failing)
        {
            Log.StoreFailed(_logger, Volatile.Read(ref _queued), reason);
        }

        _failing = true;
    }

    private static long Cost(StoredSequence sequence) => SequenceOverhead + ((long)sizeof(int) * sequence.Tokens.Length);

    private void Release(StoredSequence sequence)
    {
        Interlocked.Decrement(ref _queued);
        Interlocked.Add(ref _queuedBytes, -Cost(sequence));
    }

    private void Refused()
    {
        long dropped = Interlocked.Increment(ref _dropped);
        long now = _time.GetTimestamp();
        long last = Volatile.Read(ref _fullLogged);
        if ((last == long.MinValue || _time.GetElapsedTime(last, now) >= LogInterval)
            && Interlocked.CompareExchange(ref _fullLogged, now, last) == last)
        {
            Log.QueueFull(_logger, Volatile.Read(ref _queuedBytes), dropped);
        }
    }

    /// <summary>Store errors become the one kind that callers know.</summary>
    private async Task<T> Reading<T>(Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (Exception exception)
            when (exception is RedisException or RedisCommandException or TimeoutException or ObjectDisposedException)
        {
            Interlocked.Increment(ref _failures);
            throw new SequenceStoreException($"The sequence store cannot be read: {exception.Message}", exception);
        }
    }
}
