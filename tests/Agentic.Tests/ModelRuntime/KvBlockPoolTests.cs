using Agentic.ModelRuntime;
using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed class KvBlockPoolTests
{
    private static readonly BlockKey Root = BlockKey.Root(NamespaceKey.Derive("secret"u8, "a", "model", "tokenizer"));

    [Fact]
    public void AllTaken_GivesNoMore()
    {
        var pool = new KvBlockPool(2, 4);

        int first = pool.Take(), second = pool.Take();

        Assert.NotEqual(first, second);
        Assert.Equal(-1, pool.Take());
        Assert.Equal(0, pool.Available);
    }

    [Fact]
    public void PublishedBlock_OutlivesItsHolder()
    {
        var pool = new KvBlockPool(2, 4);
        BlockKey key = Root.Next([1, 2, 3, 4]);
        int block = pool.Take();
        pool.Publish(block, key);
        pool.Release(block);

        Assert.Equal(2, pool.Available);
        Assert.Equal(block, pool.TakeShared(key));
        Assert.Equal(1, pool.Available);
    }

    [Fact]
    public void MemoryNeeded_LeastRecentlyReleasedIsForgotten()
    {
        var pool = new KvBlockPool(2, 1);
        BlockKey older = Root.Next([1]), newer = Root.Next([2]);
        int a = pool.Take(), b = pool.Take();
        pool.Publish(a, older);
        pool.Publish(b, newer);
        pool.Release(a);
        pool.Release(b);

        Assert.Equal(a, pool.Take());
        Assert.False(pool.Contains(older));
        Assert.True(pool.Contains(newer));
    }

    [Fact]
    public void Unpublished_IsFoundNoMoreAndHeldBlocksStay()
    {
        var pool = new KvBlockPool(2, 1);
        int held = pool.Take(), idle = pool.Take();
        pool.Publish(held, Root.Next([1]));
        pool.Publish(idle, Root.Next([2]));
        pool.Release(idle);

        pool.Unpublish();

        Assert.Equal(-1, pool.TakeShared(Root.Next([1])));
        Assert.Equal(-1, pool.TakeShared(Root.Next([2])));
        Assert.Equal((1, 1), (pool.Available, pool.InUse));
        Assert.Null(pool.CheckIntegrity([new[] { held }]));
        pool.Release(held);
        Assert.Equal(2, pool.Available);
        Assert.Null(pool.CheckIntegrity([]));
    }

    [Fact]
    public void SameTokensInAnotherNamespace_HaveAnotherKey()
    {
        BlockKey other = BlockKey.Root(NamespaceKey.Derive("secret"u8, "b", "model", "tokenizer"));

        Assert.NotEqual(Root.Next([1, 2]), other.Next([1, 2]));
        Assert.NotEqual(Root.Next([1]).Next([2]), Root.Next([2]).Next([1]));
    }

    [Fact]
    public void RandomUse_KeepsItsBalance()
    {
        var random = new Random(7);
        var pool = new KvBlockPool(16, 1);
        List<int> held = [];
        for (int i = 0; i < 5000; i++)
        {
            if (random.Next(100) == 0)
                pool.Unpublish();
            int action = random.Next(4);
            int block = action switch { 0 => pool.Take(), 1 => pool.TakeShared(Root.Next([random.Next(30)])), _ => -1 };
            if (block >= 0)
                held.Add(block);
            if (action == 2 && held.Count > 0)
                pool.Publish(held[random.Next(held.Count)], Root.Next([random.Next(30)]));
            if (action == 3 && held.Count > 0)
            {
                int at = random.Next(held.Count);
                pool.Release(held[at]);
                held.RemoveAt(at);
            }

            Assert.Null(pool.CheckIntegrity([held.ToArray()]));
        }
    }
}
