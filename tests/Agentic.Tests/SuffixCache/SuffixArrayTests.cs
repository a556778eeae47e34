using Agentic.SuffixCache;

namespace Agentic.Tests;

/// <summary>Induced sorting against sorting by comparison.</summary>
public sealed unsafe class SuffixArrayTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void RandomTexts_AreSortedAsByComparison(int seed)
    {
        Random random = new(seed);
        for (int trial = 0; trial < 300; trial++)
        {
            int symbols = random.Next(1, trial % 3 == 0 ? 3 : 60);
            Check([.. Enumerable.Range(0, random.Next(0, 200)).Select(_ => random.Next(symbols))], symbols);
        }
    }

    [Fact]
    public void TextThatRepeatsItself_IsSortedAsByComparison()
    {
        int[] piece = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5];
        Check([.. Enumerable.Range(0, 50).SelectMany(_ => piece)], 10);
        Check([.. Enumerable.Repeat(0, 500)], 1);
        Check([.. Enumerable.Range(0, 500).Select(i => i % 2)], 2);
        Check([.. Enumerable.Range(0, 500).Select(i => 499 - i)], 500);

        // Fibonacci's word: the deepest recursion.
        List<int> before = [1], word = [0];
        while (word.Count < 1000)
            (before, word) = (word, [.. word, .. before]);
        Check([.. word], 2);
    }

    private static void Check(int[] text, int symbols)
    {
        int[] sorted = new int[text.Length];
        fixed (int* from = text, to = sorted)
            SuffixArray.Sort(from, to, text.Length, symbols);
        int[] expected = [.. Enumerable.Range(0, text.Length)];
        Array.Sort(expected, (a, b) => text.AsSpan(a).SequenceCompareTo(text.AsSpan(b)));
        Assert.Equal(expected, sorted);
    }
}
