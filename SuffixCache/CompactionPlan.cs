namespace Agentic.SuffixCache;

/// <summary>Which segments of a log are rewritten together: neighbours with many small entries, to which nobody writes any more.</summary>
internal static class CompactionPlan
{
    /// <summary>Past this a segment counts as closed, though it is its writer's newest: the writer may have gone, and if not it opens
    /// another.</summary>
    public static readonly TimeSpan Settled = TimeSpan.FromMinutes(10);

    /// <summary>Rewritten at once, in one transaction.</summary>
    public const long MostBytes = 2 << 20;

    private const long GoodEntryBytes = 64 << 10;   // 128K tokens of agents
    private const long DoneBytes = 256 << 10;       // what is well filled and as large is not rewritten to take in a few more
    private const int LeastEntries = 8;
    private const int LeastGain = 4;

    /// <summary>The first run that is worth it; empty if none is.</summary>
    /// <param name="segments">All of the log, oldest first.</param>
    /// <param name="retention">What the log may hold: no run spans more than a segment may.</param>
    /// <param name="now">The time.</param>
    public static IReadOnlyList<FilledSegment> Choose(IReadOnlyList<FilledSegment> segments, LogRetention retention, DateTimeOffset now)
    {
        HashSet<string> newest = [.. segments.GroupBy(filled => filled.Segment.Writer).Select(written => written.Last().Segment.Name)];
        List<FilledSegment> run = [];
        foreach (FilledSegment next in segments)
        {
            bool isOpen = !next.Segment.IsCompacted && newest.Contains(next.Segment.Name) && now - next.Segment.Opened < Settled;
            bool isDone = next.Segment.Bytes >= DoneBytes && next.Entries < 2 * GoodEntries(next.Segment.Bytes);
            bool joins = !isOpen && !isDone && next.Entries >= 0
                && next.Segment.Bytes <= 2 * MostBytes;   // its last entry may have made it fuller than it should be
            bool fits = run.Count == 0
                || (run.Sum(filled => filled.Segment.Bytes) + next.Segment.Bytes <= retention.SegmentBytes
                    && next.Segment.Opened - run[0].Segment.Opened <= retention.SegmentAge);
            if (!joins || !fits)
            {
                if (Worthwhile(run) is { Count: > 0 } found)
                    return found;
                run = [];
            }

            if (joins)
                run.Add(next);
        }

        return Worthwhile(run);
    }

    /// <summary>The newest part of a run that is worth it.</summary>
    private static List<FilledSegment> Worthwhile(List<FilledSegment> run)
    {
        for (int end = run.Count, start; end > 0; end = start)
        {
            // What was compacted before joins what has grown to half its size since.
            long bytes = 0;
            for (start = end; start > 0 && (!run[start - 1].Segment.IsCompacted || run[start - 1].Segment.Bytes <= 2 * bytes); start--)
                bytes += run[start - 1].Segment.Bytes;
            long entries = run[start..end].Sum(filled => filled.Entries);
            if (entries >= LeastEntries && entries >= LeastGain * GoodEntries(bytes))
                return run[start..end];
            start = Math.Min(start, end - 1);
        }

        return [];
    }

    private static long GoodEntries(long bytes) => (bytes / GoodEntryBytes) + 1;
}

/// <summary>A segment and how many entries it has; −1 where it must stay as it is.</summary>
internal readonly record struct FilledSegment(LogSegment Segment, long Entries);
