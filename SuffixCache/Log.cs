using Microsoft.Extensions.Logging;

namespace Agentic.SuffixCache;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "The sequence store is full: {Bytes} bytes wait. {Dropped} were refused; requests go on.")]
    public static partial void QueueFull(ILogger logger, long bytes, long dropped);

    [LoggerMessage(2, LogLevel.Warning, "The sequence store failed; {Queued} sequences wait and are tried again. {Reason}")]
    public static partial void StoreFailed(ILogger logger, long queued, string reason);

    [LoggerMessage(3, LogLevel.Information, "The sequence store answers again.")]
    public static partial void StoreBack(ILogger logger);

    [LoggerMessage(4, LogLevel.Warning, "Namespace {Namespace}: entry {Index} of segment {Segment} is damaged or foreign and was skipped.")]
    public static partial void EntryDamaged(ILogger logger, NamespaceKey @namespace, string segment, long index);

    [LoggerMessage(5, LogLevel.Warning, "Namespace {Namespace}: {Key} is not a segment of ours and was skipped.")]
    public static partial void SegmentForeign(ILogger logger, NamespaceKey @namespace, string key);

    [LoggerMessage(6, LogLevel.Debug, "Namespace {Namespace}: segment {Segment} of {Bytes} bytes dropped: it is too old, or the log is full.")]
    public static partial void SegmentDropped(ILogger logger, NamespaceKey @namespace, string segment, long bytes);

    [LoggerMessage(7, LogLevel.Warning, "The sequence store was closed with {Queued} sequences not acknowledged; they are lost to it.")]
    public static partial void ClosedUnsent(ILogger logger, long queued);

    [LoggerMessage(8, LogLevel.Warning, "A sequence of {Tokens} tokens cannot be kept: too long, or a token is negative.")]
    public static partial void SequenceRefused(ILogger logger, int tokens);

    [LoggerMessage(9, LogLevel.Information, "Namespace {Namespace} was deleted; {Sequences} sequences that waited for it are given up.")]
    public static partial void NamespaceDeleted(ILogger logger, NamespaceKey @namespace, int sequences);

    [LoggerMessage(10, LogLevel.Warning, "The store does not tell what other servers append, and is asked every {Seconds:0.0} s: {Reason}")]
    public static partial void NotSubscribed(ILogger logger, double seconds, string reason);

    [LoggerMessage(11, LogLevel.Debug, "Namespace {Namespace}: {Segments} segments of {Before} bytes compacted to one of {After}, {Superseded} sequences superseded.")]
    public static partial void Compacted(ILogger logger, NamespaceKey @namespace, int segments, long before, long after, int superseded);

    [LoggerMessage(12, LogLevel.Warning, "Namespace {Namespace}: what was learned is damaged or of an older version and was skipped; drafting learns anew.")]
    public static partial void LearnedDamaged(ILogger logger, NamespaceKey @namespace);

    [LoggerMessage(13, LogLevel.Warning, "Namespace {Namespace}: what was learned is of a newer version and left to it; what this server learns is not stored.")]
    public static partial void LearnedNewer(ILogger logger, NamespaceKey @namespace);
}
