using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed class CompactionPlanTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeMilliseconds(1_800_000_000_000);
    private static readonly LogRetention Retention = new(64 << 20, TimeSpan.FromDays(60));

    [Fact]
    public void SmallEntries_AreRewrittenOnceClosed()
    {
        FilledSegment old = Segment(hours: 3, writer: 1, 10_000, 50), older = Segment(hours: 4, writer: 2, 10_000, 50);
        FilledSegment open = Segment(hours: 0.1, writer: 1, 10_000, 50);
        Assert.Equal([older, old], Choose(older, old, open));
        Assert.Equal([older, old, open with { Segment = Late(open) }], Choose(older, old, open with { Segment = Late(open) }));

        static LogSegment Late(FilledSegment filled) => Segment(hours: 0.2, writer: 1, filled.Segment.Bytes, filled.Entries).Segment;
    }

    [Fact]
    public void WhatGainsLittle_IsLeft()
    {
        Assert.Empty(Choose(Segment(5, 1, 500_000, 9), Segment(4, 1, 400_000, 8)));    // well filled
        Assert.Empty(Choose(Segment(5, 1, 1000, 3), Segment(4, 1, 1000, 4)));          // too few
        Assert.Empty(Choose(Segment(5, 1, 100_000, 1000) with { Entries = -1 }));      // cannot be read
        Assert.Empty(Choose(Segment(5, 1, 5 << 20, 10_000)));                          // too much for one transaction
    }

    [Fact]
    public void Runs_EndAtTheirBytesTheirAgeAndWhatStays()
    {
        FilledSegment a = Segment(500, 1, 1_200_000, 900), b = Segment(499, 1, 1_200_000, 900), c = Segment(100, 1, 5000, 50), d = Segment(99, 1, 5000, 50);
        Assert.Equal([a], Choose(a, b, c, d));
        Assert.Equal([c, d], Choose(c, d));
        Assert.Equal([c], Choose(c, Segment(99.5, 2, 300_000, 5), d));
    }

    [Fact]
    public void Compacted_JoinsWhatHasGrownToHalfItsSize()
    {
        FilledSegment compact = Segment(9, 7, 20_000, 1), old = Segment(8, 1, 9_000, 50), more = Segment(7, 2, 2_000, 10);
        compact = compact with { Segment = compact.Segment with { Replaces = [new ReplacedSegment("x", 1)] } };
        Assert.Equal([old], Choose(compact, old));
        Assert.Equal([compact, old, more], Choose(compact, old, more));
        Assert.Equal([more], Choose(more, compact));
    }

    /// <summary>A log that grows by a small entry at a time is rewritten a few times in all, and stays short.</summary>
    [Theory]
    [InlineData(700)]
    [InlineData(12_000)]
    public void SlowGrowth_IsRewrittenAFewTimes(int entryBytes)
    {
        const int Entries = 5000;
        List<FilledSegment> log = [];
        long rewritten = 0;
        DateTimeOffset now = Now;
        for (int i = 0; i < Entries; i++)
        {
            now += TimeSpan.FromMinutes(3);
            FilledSegment? last = log.Count > 0 && !log[^1].Segment.IsCompacted ? log[^1] : null;
            if (last is { } open)
                log[^1] = new FilledSegment(open.Segment with { Bytes = open.Segment.Bytes + entryBytes }, open.Entries + 1);
            else
                log.Add(new FilledSegment(new LogSegment(LogSegment.NameOf(now.ToUnixTimeMilliseconds(), 1), entryBytes, []), 1));
            IReadOnlyList<FilledSegment> run = CompactionPlan.Choose(log, Retention, now);
            if (run.Count == 0)
                continue;
            long bytes = run.Sum(filled => filled.Segment.Bytes);
            rewritten += bytes;
            FilledSegment compact = new(
                new LogSegment(LogSegment.NameOf(run[0].Segment.Opened.ToUnixTimeMilliseconds(), 2), bytes, [new ReplacedSegment("x", 1)]),
                (bytes / (64 << 10)) + 1);
            log = [.. log.Except(run).Append(compact).OrderBy(filled => filled.Segment.Name, StringComparer.Ordinal)];
        }

        Assert.Equal((long)Entries * entryBytes, log.Sum(filled => filled.Segment.Bytes));
        Assert.InRange((double)rewritten / Entries / entryBytes, 0.9, 8);
        Assert.InRange(log.Count, 1, 12 + (Entries * entryBytes / (128 << 10)));
    }

    private static IReadOnlyList<FilledSegment> Choose(params FilledSegment[] segments) => CompactionPlan.Choose(segments, Retention, Now);

    private static FilledSegment Segment(double hours, ulong writer, long bytes, long entries) => new(
        new LogSegment(LogSegment.NameOf(Now.AddHours(-hours).ToUnixTimeMilliseconds(), writer), bytes, []), entries);
}
