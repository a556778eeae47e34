using Agentic.SuffixCache;
using StackExchange.Redis;

namespace Agentic.Tests;

/// <summary>A Redis Cluster of three nodes, which answers any operation over keys of two slots with an error.</summary>
[Trait("Category", "Redis")]
public sealed class RedisClusterTests : StoreTesting
{
    private static readonly NamespaceKey[] Tenants = [.. Enumerable.Range(0, 60).Select(i => NamespaceKey.Derive([1], $"tenant {i}", "m", "t"))];

    private readonly RedisClusterServer _cluster = new(nodes: 3);

    private protected override StoreServer Server => _cluster;

    [Fact]
    public async Task NamespacesOverAllNodes_AreWrittenFollowedListedCompactedAndDeleted()
    {
        await using RedisSequenceStore left = Store(), right = Store();
        await using RedisSequenceStore later = new(new() { Redis = Server.Address }, null, new ShiftedTime(2 * CompactionPlan.Settled));
        var follower = new RecordingFollower();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Ended);
        Task following = left.FollowAsync(Tenants, follower, stop.Token);
        StoredSequence[] appended = [.. Tenants.SelectMany((tenant, i) => Sequences(tenant, seed: i, count: 10))];
        foreach (StoredSequence[] some in appended.Chunk(Tenants.Length).ToArray())
        {
            Array.ForEach(some, right.Append);
            await right.FlushAsync(Ended);
        }

        await UntilAsync(() => follower.Added.Count >= appended.Length);
        Assert.Equal(appended.Select(Line).Order(StringComparer.Ordinal), follower.Added.Select(Line).Order(StringComparer.Ordinal));
        Assert.Equal(Tenants.ToHashSet(), (await left.NamespacesAsync(Ended).ToListAsync(Ended)).Select(found => found.Key).ToHashSet());
        Assert.Equal(0, left.Statistics.Failures + right.Statistics.Failures);
        foreach (NamespaceKey tenant in Tenants)
        {
            await later.CompactAsync(tenant, Ended);
            AssertSame(appended.Where(sequence => sequence.Namespace == tenant), await ReplayAsync(left, tenant));
        }

        await _cluster.KillNodeAsync(1);
        await AssertListingFailsAsync(left);
        StoredSequence[] more = [.. Tenants.SelectMany((tenant, i) => Sequences(tenant, seed: 1000 + i, count: 1))];
        Array.ForEach(more, right.Append);
        await UntilAsync(() => right.Statistics.Failures > 0 && right.Statistics.Written > appended.Length);   // the others are there
        await _cluster.StartAsync();
        await UntilAsync(() => right.Statistics.Queued == 0 && follower.Added.Count >= appended.Length + more.Length);
        Assert.Equal(appended.Concat(more).Select(Line).Order(StringComparer.Ordinal), follower.Added.Select(Line).Order(StringComparer.Ordinal));

        await right.DeleteAsync(Tenants[0], Ended);
        await UntilAsync(() => follower.Deletions > 0);
        Assert.Empty(await ReplayAsync(left, Tenants[0]));
        Assert.Equal((0, 0), (right.Statistics.Dropped, right.Statistics.Damaged));
        await AssertOneSlotEachAsync();
        await stop.CancelAsync();
        await following;
    }

    /// <summary>Rather than to leave out what the missing node holds.</summary>
    private static async Task AssertListingFailsAsync(RedisSequenceStore store)
    {
        string message = "";
        while (!message.Contains("away, and with it a part of the keys", StringComparison.Ordinal))
            message = (await Assert.ThrowsAsync<SequenceStoreException>(async () => await store.NamespacesAsync(Ended).ToListAsync(Ended))).Message;
    }

    /// <summary>All keys of a namespace are in one slot, and the namespaces on every node.</summary>
    private async Task AssertOneSlotEachAsync()
    {
        await using ConnectionMultiplexer connection = await Server.ConnectAsync();
        Dictionary<string, HashSet<int>> slots = [];
        foreach (IServer node in connection.GetServers())
        {
            string[] keys = [.. node.Keys(pattern: "agentic:*").Select(key => key.ToString())];
            Assert.NotEmpty(keys);
            foreach (string key in keys)
            {
                string tag = key[..key.IndexOf('}', StringComparison.Ordinal)];
                if (!slots.TryGetValue(tag, out HashSet<int>? ofTag))
                    slots.Add(tag, ofTag = []);
                ofTag.Add(connection.HashSlot(key));
            }
        }

        Assert.Equal(Tenants.Length, slots.Count);
        Assert.All(slots.Values, ofTag => Assert.Single(ofTag));
    }
}
