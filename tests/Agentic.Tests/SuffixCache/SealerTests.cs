using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed class SealerTests
{
    private const int ChunkBits = 8, ChunkTokens = 1 << ChunkBits, Vocabulary = 1000;
    private const long Budget = 16 << 20;

    /// <summary>The second is what a server has that started: the newest is small, and those before it are alike.</summary>
    [Theory]
    [InlineData(8, 3, 1)]
    [InlineData(8, 8, 8, 8, 1)]
    [InlineData(40, 8, 8, 3, 1)]
    [InlineData(1, 2, 4, 8)]
    public void SegmentsOfAnySizes_BecomeAHandful(params int[] chunks)
    {
        using Reclaimer reclaimer = new();
        using Namespace @namespace = new(default, Vocabulary, ChunkBits, reclaimer);
        using Sealer sealer = new(reclaimer, Budget, ChunkTokens);
        SuffixIndex index = @namespace.Index;
        Random random = new(1);
        foreach (int count in chunks)
        {
            uint end = index.HotStart + (uint)(count * ChunkTokens);
            index.Append([.. Enumerable.Range(0, (int)(end - index.Log.End)).Select(_ => random.Next(Vocabulary))], 0, 0, continues: false);
            Assert.True(index.Install(SegmentBuild.Run(index.Log, index.HotStart, end)));
        }

        for (sealer.Tend(@namespace, starts: false); sealer.IsBusy; sealer.Tend(@namespace, starts: false))
            sealer.Wait();
        ReadOnlySpan<SortedSegment> segments = index.Segments;
        Assert.Equal((uint)(chunks.Sum() * ChunkTokens), segments[^1].End - segments[0].Start);
        for (int i = 1; i < segments.Length; i++)
            Assert.True(segments[i - 1].End - segments[i - 1].Start > 2 * (segments[i].End - segments[i].Start));
    }
}
