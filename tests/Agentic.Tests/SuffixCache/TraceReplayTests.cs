using System.Runtime.InteropServices;
using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed class TraceReplayTests
{
    [Fact]
    public void SameCallTwice_TakesOneStepASentenceTheSecondTime()
    {
        int[] prompt = [.. Enumerable.Range(100, 20)], output = [.. Enumerable.Range(200, 34)];
        RecordedConversation call = new([new RecordedSegment(false, prompt), new RecordedSegment(true, output)]);
        ReplayResult once = TraceReplay.Run([call], maxNodes: 33), twice = TraceReplay.Run([call, call], maxNodes: 33);
        Assert.Equal((1, 34, 34), (once.Calls, once.OutputTokens, once.Steps));
        Assert.Equal((2, 68, 35), (twice.Calls, twice.OutputTokens, twice.Steps));
        Assert.Equal(33, twice.Accepted);
        Assert.Equal(35, twice.DraftTimes.Count);
        Assert.Equal(40, twice.PromptTokens);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(6)]
    public void MeanOfNodes_IsKept(double mean)
    {
        Random random = new(1);
        int[][] phrases = [.. Enumerable.Range(0, 20).Select(_ => Numbers(12))];
        int[] output = [.. Enumerable.Range(0, 2000).SelectMany(_ => phrases[random.Next(phrases.Length)])
            .Select(token => random.Next(10) == 0 ? random.Next(50) : token)];
        ReplayResult result = TraceReplay.Run([new([new RecordedSegment(true, output)])], maxNodes: 64, mean);
        Assert.InRange((double)result.Drafted / result.Steps, 0.95 * mean, 1.05 * mean);
        Assert.True(result.TokensPerStep > 1.5, $"{result.TokensPerStep}");

        int[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(50))];
    }

    [Fact]
    public void SegmentFile_IsReadAsWritten()
    {
        int[] words = [0x31474553, 2, 0, 3, 7, 8, 9, 1, 1, 5, 1, 1, 0];
        IReadOnlyList<RecordedConversation> read = RecordedConversation.Read(MemoryMarshal.AsBytes(words.AsSpan()), "test");
        Assert.Equal(2, read.Count);
        Assert.Equal([7, 8, 9], read[0].Segments[0].Tokens);
        Assert.True(read[0].Segments[1].Written);
        Assert.Empty(read[1].Segments[0].Tokens);
    }

    [Fact]
    public void DamagedSegmentFile_IsRefusedWhereverItIsCut()
    {
        int[] words = [0x31474553, 2, 0, 3, 7, 8, 9, 1, 1, 5];
        byte[] bytes = MemoryMarshal.AsBytes(words.AsSpan()).ToArray();
        for (int length = 0; length < bytes.Length; length++)
        {
            if (length != sizeof(int))
                Assert.Throws<InvalidDataException>(() => RecordedConversation.Read(bytes.AsSpan(0, length), "test"));
        }

        words[3] = int.MaxValue;
        Assert.Throws<InvalidDataException>(() => RecordedConversation.Read(MemoryMarshal.AsBytes(words.AsSpan()), "test"));
    }

    [Fact]
    public void RecordedAgents_AreDraftedBetterThanByThePointerTree()
    {
        string? file = SharedFile("traces", "dev-tokens", "tau_bench_airline.seg.gz");
        Assert.SkipWhen(file is null, "The recorded conversations are not here: they are no part of the repository.");

        // traces/arctic.md, "tree, always 32 nodes".
        const double PointerTree = 3.116;
        ReplayResult result = TraceReplay.Run(RecordedConversation.ReadFile(file), maxNodes: 32);
        Assert.Equal((534, 32410), (result.Calls, result.OutputTokens));
        Assert.True(result.TokensPerStep > 1.12 * PointerTree, $"{result.TokensPerStep}");
        Assert.InRange((double)result.IndexBytes / result.IndexTokens, 20, 33);
    }

    private static string? SharedFile(params ReadOnlySpan<string> parts)
    {
        string shared = Environment.GetEnvironmentVariable("AGENTIC_SHARED") ?? Path.Combine(TestFiles.Root, "..", "shared");
        string file = Path.Combine([shared, .. parts]);
        return File.Exists(file) ? file : null;
    }
}
