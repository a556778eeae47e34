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
        Assert.Equal(key, pool.Publish(block, Root, [1, 2, 3, 4]));
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
        pool.Publish(a, Root, [1]);
        pool.Publish(b, Root, [2]);
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
        pool.Publish(held, Root, [1]);
        pool.Publish(idle, Root, [2]);
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
    public void BlockThatBeginsAlike_IsFoundAsFarAsItDoes()
    {
        var pool = new KvBlockPool(4, 4);
        BlockKey after = Root.Next([9, 9, 9, 9]);
        int full = pool.Take(), tail = pool.Take(), twin = pool.Take();
        pool.Publish(full, after, [1, 2, 3, 4]);
        pool.PublishTail(tail, after, [1, 2, 5]);
        pool.PublishTail(twin, after, [1, 2]);
        pool.Release(full);
        pool.Release(tail);
        pool.Release(twin);

        Assert.Equal((full, 3), pool.FindAlike(after, [1, 2, 3, 7]));
        Assert.Equal((tail, 3), pool.FindAlike(after, [1, 2, 5, 4]));
        Assert.Equal((-1, 0), pool.FindAlike(after, [2, 2]));
        Assert.Equal((-1, 0), pool.FindAlike(Root, [1, 2, 3]));
        Assert.Null(pool.CheckIntegrity([]));
        int[] blanks = [pool.Take(), pool.Take()];
        Assert.Contains(twin, blanks); // it has nothing that another has not
        Assert.Equal(full, pool.Take());
        Assert.Equal((tail, 2), pool.FindAlike(after, [1, 2, 3, 7]));
        Assert.Null(pool.CheckIntegrity([(int[])[.. blanks, full]]));
    }

    [Fact]
    public void RandomUse_KeepsItsBalance()
    {
        var random = new Random(7);
        var pool = new KvBlockPool(16, 2);
        List<int> held = [];
        for (int i = 0; i < 5000; i++)
        {
            if (random.Next(100) == 0)
                pool.Unpublish();
            int action = random.Next(5), at = random.Next(Math.Max(1, held.Count));
            int[] tokens = [random.Next(5), random.Next(5)];
            BlockKey parent = random.Next(2) == 0 ? Root : Root.Next([1, 1]);
            int block = action switch { 0 => pool.Take(), 1 => pool.TakeShared(parent.Next(tokens)), _ => -1 };
            if (block >= 0)
                held.Add(block);
            if (action == 2 && held.Count > 0)
                pool.Publish(held[at], parent, tokens);
            if (action == 3 && held.Count > 0)
                pool.PublishTail(held[at], parent, tokens.AsSpan(0, 1));
            if (action >= 3 && held.Count > 0)
            {
                pool.Release(held[at]);
                held.RemoveAt(at);
            }

            Assert.Null(pool.CheckIntegrity([held.ToArray()]));
        }
    }
}
