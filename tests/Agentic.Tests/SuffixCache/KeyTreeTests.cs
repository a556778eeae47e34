using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed class KeyTreeTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(32)]
    [InlineData(33)]
    [InlineData(1024)]
    [InlineData(1025)]
    [InlineData(50_000)]
    public void AnyKey_IsPlacedAsAScanPlacesIt(int count)
    {
        // Half of them several times over.
        Random random = new(count);
        long[] keys = [.. Enumerable.Range(0, count).Select(_ => random.NextInt64(Math.Max(1, count / 2)) * (random.Next(2) + 1)).Order()];
        KeyTree tree = new(keys);
        for (int trial = 0; trial < 1000; trial++)
        {
            long key = random.NextInt64(count + 2);
            int below = 1;
            for (int level = tree.Levels - 1; level >= 0; level--)
                below = tree.Below(level, below, key);
            Assert.Equal(keys.Count(k => k < key), below);
        }

        tree.Memory.Free();
    }
}
