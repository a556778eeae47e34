using StackExchange.Redis;

namespace Agentic.SuffixCache;

/// <summary>How much of a log is kept. It is dropped by whole segments, each at most a sixteenth of either bound.</summary>
/// <param name="Bytes">Of all entries.</param>
/// <param name="Age">Of a segment's first entry.</param>
internal readonly record struct LogRetention(long Bytes, TimeSpan Age)
{
    private const int Parts = 16;

    /// <summary>What a segment holds before its writer opens another: no more than can be compacted at once.</summary>
    public long SegmentBytes => Math.Min(Bytes / Parts, CompactionPlan.MostBytes);

    /// <summary>How long its writer adds to it.</summary>
    public TimeSpan SegmentAge => Age / Parts;

    /// <summary>Has the store itself drop a log to which nobody writes any more; its segments expire each in its time.</summary>
    public Task ExpireAsync(IDatabase database, LogLayout layout) => Task.WhenAll(
        database.KeyExpireAsync(layout.Segments, Age + SegmentAge), database.KeyExpireAsync(layout.Epoch, Age + SegmentAge),
        database.KeyExpireAsync(layout.Learned, Age + SegmentAge));

    /// <summary>Drops the oldest segments while the log holds more than it may, and with the last of them what was learned. Any number of servers may do so at once.</summary>
    /// <param name="database">Where the log is.</param>
    /// <param name="layout">Its keys.</param>
    /// <param name="opened">A segment just opened, which stays and wants room; or null.</param>
    /// <param name="now">The time.</param>
    /// <param name="dropped">Told of each.</param>
    public async Task TrimAsync(IDatabase database, LogLayout layout, string? opened, DateTimeOffset now, Action<LogSegment> dropped)
    {
        List<LogSegment> segments = LogSegment.Order(await database.HashGetAllAsync(layout.Segments));
        long total = segments.Sum(segment => segment.Bytes), room = opened is null ? Bytes : Bytes - SegmentBytes;
        foreach (LogSegment segment in segments)
        {
            if ((total <= room && now - segment.Opened <= Age) || segment.Name == opened)
                break;
            await Task.WhenAll(database.KeyDeleteAsync(layout.Segment(segment.Name)), database.HashDeleteAsync(layout.Segments, segment.Name));
            dropped(segment);
            total -= segment.Bytes;
            if (segment.Name == segments[^1].Name)
                await database.KeyDeleteAsync(layout.Learned);
        }
    }
}
