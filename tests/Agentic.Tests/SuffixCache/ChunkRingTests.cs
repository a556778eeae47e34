using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed unsafe class ChunkRingTests
{
    /// <summary>Small chunks that lie alone, and large ones that share a slab.</summary>
    [Theory]
    [InlineData(8, 10_000)]
    [InlineData(16, 3 << 20)]
    public void GrowsAndDrops_KeepsWhatIsHeldAndTellsItsBytes(int chunkBits, int count)
    {
        using ChunkRing<int> ring = new(chunkBits);
        Random random = new(chunkBits);
        uint end = 0;
        while (end < count)
        {
            uint added = (uint)random.Next(1, 3 << chunkBits);
            ring.Reserve(end + added);
            for (; added > 0; added--, end++)
                *ring[end] = (int)end;
            while (ring.Chunks > 20)
                ring.DropOldest();
            Assert.True(ring.Bytes >= (ring.Reserved - ring.Start) * sizeof(int));
            Assert.True(ring.Bytes <= ((ring.Reserved - ring.Start) * sizeof(int)) + (4 << 20));
            for (int i = 0; i < 100; i++)
            {
                uint position = ring.Start + (uint)random.NextInt64(end - ring.Start);
                Assert.Equal((int)position, *ring[position]);
            }
        }

        ring.Dispose();
        Assert.Equal(0, ring.Bytes);
    }
}
