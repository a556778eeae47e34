using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed unsafe class CommonLengthsTests
{
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(2, 500, 1)]
    [InlineData(3, 500, 2)]
    [InlineData(4, 2000, 5)]
    [InlineData(5, 2000, 300)]
    public void AnyText_SharesWhatAComparisonFinds(int seed, int length, int symbols)
    {
        Random random = new(seed);
        int[] text = [.. Enumerable.Range(0, length).Select(_ => random.Next(symbols))];
        text.AsSpan(0, length / 3).CopyTo(text.AsSpan(length / 2));
        int[] sorted = new int[length], common = new int[length];
        fixed (int* symbolsOf = text, starts = sorted, shared = common)
        {
            SuffixArray.Sort(symbolsOf, starts, length, symbols);
            CommonLengths.Count(symbolsOf, starts, length, shared);
        }

        Assert.Equal(0, common[sorted[0]]);
        for (int i = 1; i < length; i++)
            Assert.Equal(text.AsSpan(sorted[i]).CommonPrefixLength(text.AsSpan(sorted[i - 1])), common[sorted[i]]);
    }
}
