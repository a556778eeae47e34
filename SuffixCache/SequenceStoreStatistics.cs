namespace Agentic.SuffixCache;

/// <summary>How a sequence store fares. Counts are since the start.</summary>
/// <param name="Connected">Whether the store can be reached now.</param>
/// <param name="Queued">Sequences accepted and not yet acknowledged.</param>
/// <param name="QueuedBytes">Memory they hold.</param>
/// <param name="Written">Sequences acknowledged.</param>
/// <param name="WrittenBytes">Bytes of the entries they went out in.</param>
/// <param name="Dropped">Sequences refused because the queue was full or closed, or they cannot be kept.</param>
/// <param name="Failures">Calls to the store that failed; what they carried is tried again.</param>
/// <param name="Replayed">Sequences read back.</param>
/// <param name="Damaged">Entries and learned states that could not be read and were skipped.</param>
public readonly record struct SequenceStoreStatistics(
    bool Connected, long Queued, long QueuedBytes, long Written, long WrittenBytes, long Dropped, long Failures, long Replayed,
    long Damaged)
{
    /// <summary>Sequences of other servers, read while this one ran.</summary>
    public long Followed { get; init; }

    /// <summary>Namespaces' learned states that were brought back.</summary>
    public long LearnedRestored { get; init; }

    /// <summary>Times that a namespace's learned state was stored.</summary>
    public long LearnedStored { get; init; }

    /// <summary>Bytes that the followed logs list, this server's own left out.</summary>
    public long Listed { get; init; }

    /// <summary>Bytes that the followed logs list and that were not read yet.</summary>
    public long Behind { get; init; }

    /// <summary>From the end of the newest followed sequence, by its server's clock, to its arrival here.</summary>
    public TimeSpan Lag { get; init; }

    /// <summary>Segments that this server's compaction replaced.</summary>
    public long Compacted { get; init; }

    /// <summary>Bytes of the store that this saved.</summary>
    public long Reclaimed { get; init; }

    /// <summary>Bytes that this server dropped from the store to keep within its bounds, by age or bytes.</summary>
    public long EvictedBytes { get; init; }

    /// <summary>Sequences given up because their namespace was deleted while they waited.</summary>
    public long Deleted { get; init; }
}
