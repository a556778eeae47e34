using Agentic.ModelRuntime;

namespace Agentic.Tests;

public sealed class SuccessorTableTests
{
    [Theory]
    [InlineData(8)]
    [InlineData(37)]
    [InlineData(4096)]
    public void TopLogits_AreThoseOfASort(int vocabulary)
    {
        var random = new Random(vocabulary);
        int[] tokens = new int[8];
        float[] values = new float[8];
        for (int run = 0; run < 50; run++)
        {
            // Few distinct values: equals are common, and the lower id goes first.
            float[] logits = [.. Enumerable.Range(0, vocabulary).Select(_ => run % 2 == 0 ? random.NextSingle() : random.Next(-3, 3))];

            TopLogits.Find(logits, tokens, values);

            int[] sorted = [.. Enumerable.Range(0, vocabulary).OrderByDescending(i => logits[i]).ThenBy(i => i).Take(8)];
            Assert.Equal(sorted, tokens);
            Assert.Equal(sorted.Select(i => logits[i]), values);
        }
    }

    [Fact]
    public void FewerTokensThanSuccessors_HaveNoShare()
    {
        var table = new SuccessorTable(3);
        table.Learn(2, [0, 5, 0]);

        ReadOnlySpan<int> successors = table.Of(2, out ReadOnlySpan<float> shares);

        Assert.Equal([1, 0, 2], successors[..3]);
        Assert.InRange(shares[0], 0.97f, 1);
        Assert.Equal(0, shares[3]);
    }

    [Fact]
    public void TokenNeverScored_HasNoSuccessors()
    {
        var table = new SuccessorTable(100);
        table.Learn(3, new float[100]);

        Assert.Equal(SuccessorTable.PageBytes, table.Bytes);
        Assert.Equal(0, table.Of(4, out _).Length);
        Assert.Equal(0, table.Of(99, out _).Length);
    }
}
