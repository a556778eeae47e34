using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Agentic.SuffixCache;

/// <summary>Takes sequences without waiting, and writes them to their logs behind, for as long as it takes.</summary>
/// <remarks>Accepted sequences stay in the queue until the store acknowledges them; an entry whose fate is unclear is sent again, and its
/// copy dropped by readers.</remarks>
internal sealed class WriteBehind(
    SequenceStoreOptions options, RedisConnection connection, ulong self, Action<StoredSequence> writes, Action<NamespaceKey, LogSegment> dropped,
    ILogger logger, TimeProvider time)
    : IAsyncDisposable
{
    private const int SequenceOverhead = 128;   // record, queue slot, runs
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LogInterval = TimeSpan.FromSeconds(30);

    private readonly Channel<Item> _queue = Channel.CreateUnbounded<Item>(new() { SingleReader = true });
    private readonly Dictionary<NamespaceKey, LogWriter> _writers = [];
    private readonly CancellationTokenSource _abandon = new();
    private readonly DateTimeOffset _since = time.GetUtcNow();
    private long _queued, _queuedBytes, _written, _writtenBytes, _dropped, _deleted, _failures, _fullLogged = long.MinValue;
    private Task _writing = Task.CompletedTask;
    private long _failureLogged = long.MinValue;   // of the failure that lasts, or the last one
    private volatile Failure? _failure;

    public long Queued => Volatile.Read(ref _queued);

    public long QueuedBytes => Volatile.Read(ref _queuedBytes);

    public long Written => Volatile.Read(ref _written);

    public long WrittenBytes => Volatile.Read(ref _writtenBytes);

    public long Dropped => Volatile.Read(ref _dropped);

    public long Deleted => Volatile.Read(ref _deleted);

    public long Failures => Volatile.Read(ref _failures);

    /// <summary>How long all calls have failed, whether because nothing answers, and why; null if the last one did not.</summary>
    public (TimeSpan Lasts, bool IsAway, string Reason)? Trouble =>
        _failure is { } failure ? (time.GetElapsedTime(failure.Since), failure.IsAway, failure.Reason) : null;

    public void Start() => _writing = Task.Run(WriteAsync);

    /// <summary>Whether a sequence would find room.</summary>
    public bool HasRoom(StoredSequence sequence) => QueuedBytes + Cost(sequence) <= options.QueueBytes;

    public void Append(StoredSequence sequence)
    {
        if (sequence.Tokens.IsEmpty)
            return;
        long cost = Cost(sequence);
        if (Interlocked.Add(ref _queuedBytes, cost) <= options.QueueBytes)
        {
            Interlocked.Increment(ref _queued);
            if (_queue.Writer.TryWrite(new Item(sequence, sequence.Namespace, default)))
                return;
            Interlocked.Decrement(ref _queued);   // closed
        }

        Interlocked.Add(ref _queuedBytes, -cost);
        Refused();
    }

    /// <summary>Gives up what waits for a namespace: it was deleted. What is appended from now on is kept.</summary>
    public void Delete(NamespaceKey @namespace, LogEpoch epoch) => _queue.Writer.TryWrite(new Item(null, @namespace, epoch));

    /// <summary>Takes no more, and waits a while until what was accepted is acknowledged.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.Complete();
        _abandon.CancelAfter(options.FlushTimeout);
        await _writing;
        if (Queued is > 0 and long unsent)
            Log.ClosedUnsent(logger, unsent);
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
                    await Task.Delay(delay, time, _abandon.Token);
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
            IDatabase database = await connection.DatabaseAsync(_abandon.Token);
            await database.PingAsync().WaitAsync(_abandon.Token);
        }
        catch (Exception exception) when (StoreTrouble.IsOf(exception))
        {
            Failed(exception);   // tried again with the first sequence
        }
    }

    /// <summary>Hands what was accepted to the log it belongs to.</summary>
    /// <returns>Whether anything waits.</returns>
    private bool Drain()
    {
        while (_queue.Reader.TryRead(out Item item))
        {
            if (item.Sequence is not { } sequence)
            {
                Count(item.Namespace, WriterOf(item.Namespace).Forget(item.Deleted));
                continue;
            }

            if (sequence.Tokens.Length > SequenceCodec.MaxTokens || sequence.Tokens.Span.IndexOfAnyInRange(int.MinValue, -1) >= 0)
            {
                Log.SequenceRefused(logger, sequence.Tokens.Length);
                Release(sequence);
                Interlocked.Increment(ref _dropped);
                continue;
            }

            WriterOf(sequence.Namespace).Add(sequence);
        }

        return _writers.Values.Any(writer => !writer.IsEmpty);
    }

    /// <summary>The writer of a namespace's log. One that begins with a deletion knows of it, and takes what comes later for later.</summary>
    private LogWriter WriterOf(NamespaceKey @namespace)
    {
        if (!_writers.TryGetValue(@namespace, out LogWriter? writer))
            _writers.Add(@namespace, writer = new LogWriter(@namespace, self, options.RetentionOf(@namespace), _since, writes, dropped, time));
        return writer;
    }

    /// <summary>Sends all that waits; a namespace that fails holds up no other.</summary>
    /// <returns>Whether nothing failed.</returns>
    private async Task<bool> SendAsync()
    {
        bool sent = true;
        foreach ((NamespaceKey @namespace, LogWriter writer) in _writers)
        {
            try
            {
                while (!writer.IsEmpty)
                    Count(@namespace, await writer.SendAsync(await connection.DatabaseAsync(_abandon.Token)).WaitAsync(_abandon.Token));
            }
            catch (Exception exception) when (exception is not OperationCanceledException || !_abandon.IsCancellationRequested)
            {
                // Whatever it is, the writer must outlive it: the entry is kept and sent again.
                sent = false;
                Failed(exception);
            }
        }

        if (sent && _failure is { } failure)
        {
            _failure = null;
            if (failure.IsLogged)
                Log.StoreBack(logger);
        }
        else if (!sent)
        {
            connection.Recheck();
        }

        return sent;
    }

    private void Count(NamespaceKey @namespace, SentEntry sent)
    {
        foreach (StoredSequence sequence in sent.Acknowledged)
            Release(sequence);
        foreach (StoredSequence sequence in sent.Deleted)
            Release(sequence);
        if (sent.Deleted.Count > 0)
            Log.NamespaceDeleted(logger, @namespace, sent.Deleted.Count);
        Interlocked.Add(ref _written, sent.Acknowledged.Count);
        Interlocked.Add(ref _deleted, sent.Deleted.Count);
        Interlocked.Add(ref _writtenBytes, sent.Bytes);
    }

    /// <summary>Logs the first failure of a row, if none was logged just before: a store that fails with every call in turn would fill the
    /// log.</summary>
    private void Failed(Exception exception)
    {
        Interlocked.Increment(ref _failures);
        long now = time.GetTimestamp();
        string reason = StoreTrouble.Reason(exception);
        bool isFirst = _failure is null, isLogged = isFirst && IsDue(ref _failureLogged, now);
        _failure = isFirst ? new Failure(now, StoreTrouble.IsAway(exception), reason, isLogged)
            : _failure! with { IsAway = StoreTrouble.IsAway(exception), Reason = reason };
        if (isLogged)
            Log.StoreFailed(logger, Queued, reason);
    }

    private static long Cost(StoredSequence sequence) => SequenceOverhead + ((long)sizeof(int) * sequence.Tokens.Length);

    private void Release(StoredSequence sequence)
    {
        Interlocked.Decrement(ref _queued);
        Interlocked.Add(ref _queuedBytes, -Cost(sequence));
    }

    /// <summary>A sequence to write, or the deletion of what was appended to a namespace before it.</summary>
    private readonly record struct Item(StoredSequence? Sequence, NamespaceKey Namespace, LogEpoch Deleted);

    private void Refused()
    {
        long dropped = Interlocked.Increment(ref _dropped);
        if (IsDue(ref _fullLogged, time.GetTimestamp()))
            Log.QueueFull(logger, QueuedBytes, dropped);
    }

    /// <summary>Whether a line may be logged again; then it counts as logged now. Any thread.</summary>
    private bool IsDue(ref long logged, long now)
    {
        long last = Volatile.Read(ref logged);
        return (last == long.MinValue || time.GetElapsedTime(last, now) >= LogInterval)
            && Interlocked.CompareExchange(ref logged, now, last) == last;
    }

    /// <summary>Calls that fail, one after another.</summary>
    /// <param name="Since">Timestamp of the first.</param>
    /// <param name="IsAway">Nothing answers.</param>
    /// <param name="Reason">Of the last.</param>
    /// <param name="IsLogged">Whether the log says so.</param>
    private sealed record Failure(long Since, bool IsAway, string Reason, bool IsLogged);
}
