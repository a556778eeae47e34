using System.Buffers.Binary;
using StackExchange.Redis;

namespace Agentic.SuffixCache;

/// <summary>What waits for one namespace's log, and how it gets there. Used by one task at a time.</summary>
/// <param name="namespace">Whose log.</param>
/// <param name="writer">This process among all that write.</param>
/// <param name="retention">What the log may hold.</param>
/// <param name="since">When the process began: what was deleted before concerns nothing here.</param>
/// <param name="writes">Told of each sequence before it is sent.</param>
/// <param name="dropped">Told of each segment that goes because the log is full.</param>
/// <param name="time">The clock.</param>
internal sealed class LogWriter(
    NamespaceKey @namespace, ulong writer, LogRetention retention, DateTimeOffset since, Action<StoredSequence> writes,
    Action<NamespaceKey, LogSegment> dropped, TimeProvider time)
{
    private readonly LogLayout _layout = new(@namespace);
    private readonly Queue<StoredSequence> _waiting = new();
    private readonly List<StoredSequence> _inFlight = [];
    private byte[] _entry = [];
    private LogEpoch? _epoch;
    private string? _segment;
    private long _segmentEntries, _segmentBytes, _lastOpened;
    private DateTimeOffset _closes;

    public bool IsEmpty => _waiting.Count == 0 && _inFlight.Count == 0;

    public void Add(StoredSequence sequence) => _waiting.Enqueue(sequence);

    /// <summary>Sends one entry. Once it returns, its sequences are in the log; if it throws, the next call sends the same again.</summary>
    public async Task<SentEntry> SendAsync(IDatabase database)
    {
        if (_inFlight.Count == 0)
            Seal();
        while (true)
        {
            string? segment = _segment is null || time.GetUtcNow() >= _closes ? await OpenAsync(database) : _segment;
            _segment = null;   // after a failure the next call opens another: whatever stands in the way here may stay
            if (segment is null)
                return Forget();
            (long entries, long bytes) = await PushAsync(database, segment);
            (_segmentEntries, _segmentBytes) = (_segmentEntries + 1, _segmentBytes + _entry.Length);
            if (entries == _segmentEntries && bytes == _segmentBytes)
            {
                _segment = _segmentBytes < retention.SegmentBytes ? segment : null;
                Announce(database);
                return Done(acknowledged: true);
            }

            // The segment was dropped or compacted away while it was open, and this entry began it anew, where readers would look for what
            // comes after the old ones. (If there is more of it, the store evicts keys or an older state of it has come back: that stays.)
            if (entries == 1 && bytes == _entry.Length)
                await Task.WhenAll(database.HashDeleteAsync(_layout.Segments, segment), database.KeyDeleteAsync(_layout.Segment(segment)));
        }
    }

    /// <returns>What the segment has now, and what the log lists of it.</returns>
    private async Task<(long Entries, long Bytes)> PushAsync(IDatabase database, string segment)
    {
        ITransaction transaction = database.CreateTransaction();
        transaction.AddCondition(Condition.StringEqual(_layout.Epoch, _epoch!.Value.Value));
        Task<long> pushed = transaction.ListRightPushAsync(_layout.Segment(segment), _entry);
        Task<long> listed = transaction.HashIncrementAsync(_layout.Segments, segment, _entry.Length);
        Task expires = _segmentBytes == 0 ? transaction.KeyExpireAsync(_layout.Segment(segment), retention.Age) : Task.CompletedTask;
        if (!await transaction.ExecuteAsync())
            throw new RedisException("The log was deleted or flushed while it was written to.");   // the next call finds out which
        await Task.WhenAll(pushed, listed, expires);
        return (await pushed, await listed);
    }

    /// <summary>Gives up what waits, unless this writer did so already when it saw this epoch.</summary>
    public SentEntry Forget(LogEpoch deleted)
    {
        if (_epoch == deleted)
            return default(SentEntry) with { Acknowledged = [], Deleted = [] };
        (_epoch, _segment) = (deleted, null);
        return Forget();
    }

    private void Seal()
    {
        int tokens = 0;
        do
        {
            StoredSequence sequence = _waiting.Dequeue();
            tokens += sequence.Tokens.Length;
            _inFlight.Add(sequence);
            writes(sequence);
        }
        while (_waiting.TryPeek(out StoredSequence? next) && tokens + next.Tokens.Length <= SequenceCodec.EntryTokens);

        _entry = SequenceCodec.Encode(@namespace, SequenceCodec.NewId(), _inFlight);
    }

    /// <summary>Names a new segment in the log, and drops the oldest while the log holds more than it may.</summary>
    /// <returns>Null if the log was deleted since the last call: what waits was to be deleted too.</returns>
    private async Task<string?> OpenAsync(IDatabase database)
    {
        LogEpoch? known = _epoch;
        _epoch = await LogEpoch.OpenAsync(database, _layout, time.GetUtcNow(), retention.Age);
        if (_epoch != known && _epoch.Value.IsDeletion(known is null ? since : DateTimeOffset.UnixEpoch))
            return null;
        DateTimeOffset now = time.GetUtcNow();
        _lastOpened = Math.Max(_lastOpened + 1, now.ToUnixTimeMilliseconds());
        string opened = LogSegment.NameOf(_lastOpened, writer);
        await database.HashIncrementAsync(_layout.Segments, opened, 0);
        await retention.ExpireAsync(database, _layout);
        await retention.TrimAsync(database, _layout, opened, now, segment => dropped(@namespace, segment));
        (_segmentEntries, _segmentBytes, _closes) = (0, 0, now + retention.SegmentAge);
        return opened;
    }

    /// <summary>Wakes followers. They also look from time to time, so that nothing depends on it.</summary>
    private void Announce(IDatabase database)
    {
        byte[] message = new byte[NamespaceKey.Length + sizeof(ulong)];
        @namespace.CopyTo(message);
        BinaryPrimitives.WriteUInt64LittleEndian(message.AsSpan(NamespaceKey.Length), writer);
        _ = database.PublishAsync(LogLayout.Appended, message, CommandFlags.FireAndForget);
    }

    private SentEntry Forget()
    {
        _inFlight.AddRange(_waiting);
        _waiting.Clear();
        return Done(acknowledged: false);
    }

    private SentEntry Done(bool acknowledged)
    {
        StoredSequence[] done = [.. _inFlight];
        int bytes = acknowledged ? _entry.Length : 0;
        _inFlight.Clear();
        _entry = [];
        return acknowledged ? new SentEntry(done, [], bytes) : new SentEntry([], done, bytes);
    }
}

/// <summary>What became of an entry.</summary>
/// <param name="Acknowledged">In the log now.</param>
/// <param name="Deleted">Not to be kept, because their namespace was deleted.</param>
/// <param name="Bytes">Written.</param>
internal readonly record struct SentEntry(IReadOnlyList<StoredSequence> Acknowledged, IReadOnlyList<StoredSequence> Deleted, int Bytes);
