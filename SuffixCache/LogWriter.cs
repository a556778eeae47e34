using System.Buffers.Binary;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Agentic.SuffixCache;

/// <summary>What waits for one namespace's log, and how it gets there. Used by one task at a time.</summary>
internal sealed class LogWriter(NamespaceKey @namespace, long retentionBytes, TimeProvider time, ILogger logger)
{
    private const int EntryTokens = 128 << 10;   // more sequences in an entry share more; longer ones than this travel alone
    private readonly LogLayout _layout = new(@namespace);
    private readonly Queue<StoredSequence> _waiting = new();
    private readonly List<StoredSequence> _inFlight = [];
    private readonly long _segmentBytes = retentionBytes / 16;
    private byte[] _entry = [];
    private string? _segment;

    public bool IsEmpty => _waiting.Count == 0 && _inFlight.Count == 0;

    public void Add(StoredSequence sequence) => _waiting.Enqueue(sequence);

    /// <summary>Sends one entry. Once it returns, its sequences are in the log; if it throws, the next call sends the same again.</summary>
    /// <returns>The sequences acknowledged, and the bytes of their entry.</returns>
    public async Task<(IReadOnlyList<StoredSequence> Sequences, int Bytes)> SendAsync(IDatabase database)
    {
        if (_inFlight.Count == 0)
        {
            Seal();
        }

        string segment = _segment ?? await OpenAsync(database);
        _segment = null;   // after a failure the next call opens another: whatever stands in the way here may stay

        // In this order: the bytes of a segment change only after its list did, which tells a reader where there is more.
        Task pushed = database.ListRightPushAsync(_layout.Segment(segment), _entry);
        Task<long> used = database.HashIncrementAsync(_layout.Segments, segment, _entry.Length);
        await Task.WhenAll(pushed, used);
        _segment = await used < _segmentBytes ? segment : null;

        StoredSequence[] acknowledged = [.. _inFlight];
        int bytes = _entry.Length;
        _inFlight.Clear();
        _entry = [];
        return (acknowledged, bytes);
    }

    private void Seal()
    {
        int tokens = 0;
        do
        {
            StoredSequence sequence = _waiting.Dequeue();
            tokens += sequence.Tokens.Length;
            _inFlight.Add(sequence);
        }
        while (_waiting.TryPeek(out StoredSequence? next) && tokens + next.Tokens.Length <= EntryTokens);

        // The id lets a reader drop the second copy that a retry after an unclear failure may leave.
        UInt128 id = BinaryPrimitives.ReadUInt128LittleEndian(RandomNumberGenerator.GetBytes(16));
        _entry = SequenceCodec.Encode(@namespace, id, _inFlight);
    }

    /// <summary>Names a new segment in the log, and drops the oldest while the log holds more than it may.</summary>
    private async Task<string> OpenAsync(IDatabase database)
    {
        string opened = LogLayout.NewSegment(time.GetUtcNow());
        await database.HashIncrementAsync(_layout.Segments, opened, 0);
        List<(string Name, long Bytes)> segments = LogLayout.Order(await database.HashGetAllAsync(_layout.Segments));
        long total = segments.Sum(segment => segment.Bytes);
        foreach ((string name, long bytes) in segments)
        {
            if (total <= retentionBytes - _segmentBytes || name == opened)
            {
                break;
            }

            await Task.WhenAll(database.KeyDeleteAsync(_layout.Segment(name)), database.HashDeleteAsync(_layout.Segments, name));
            Log.SegmentDropped(logger, @namespace, name, bytes);
            total -= bytes;
        }

        return opened;
    }
}
