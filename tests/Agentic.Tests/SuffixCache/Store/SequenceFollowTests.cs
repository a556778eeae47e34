using Agentic.SuffixCache;
using StackExchange.Redis;

namespace Agentic.Tests;

/// <summary>What servers on one store learn of one another while they run.</summary>
public abstract class SequenceFollowTests : StoreTesting
{
    private readonly CancellationTokenSource _stop = new();

    [Fact]
    public async Task KeptThenAppended_IsTold()
    {
        StoredSequence[] kept = [.. Sequences(One, seed: 1, count: 100)], later = [.. Sequences(One, seed: 2, count: 100)];
        await AppendAsync(kept);
        await using RedisSequenceStore left = Store(), right = Store();
        var follower = new RecordingFollower();
        Task following = left.FollowAsync([One, Two], follower, _stop.Token);
        await UntilAsync(() => follower.IsCaughtUp);
        AssertSame(kept, follower.Added);

        foreach (StoredSequence sequence in later)
        {
            right.Append(sequence);
            await Task.Yield();
        }

        await UntilAsync(() => follower.Added.Count == kept.Length + later.Length);
        AssertSame([.. kept, .. later], follower.Added);
        Assert.Equal((kept.Length, later.Length), (left.Statistics.Replayed, left.Statistics.Followed));
        Assert.Equal((0, 0), (left.Statistics.Behind, left.Statistics.Failures));
        await _stop.CancelAsync();
        await following;
        Assert.False(follower.Overlapped);
    }

    [Fact]
    public async Task OwnAppends_AreNotTold()
    {
        await using RedisSequenceStore left = Store(), right = Store();
        RecordingFollower ofLeft = new(), ofRight = new();
        _ = left.FollowAsync([One], ofLeft, _stop.Token);
        _ = right.FollowAsync([One], ofRight, _stop.Token);
        StoredSequence[] mine = [.. Sequences(One, seed: 3, count: 30)], theirs = [.. Sequences(One, seed: 4, count: 30)];
        Array.ForEach(mine, left.Append);
        Array.ForEach(theirs, right.Append);
        await UntilAsync(() => ofLeft.Added.Count >= theirs.Length && ofRight.Added.Count >= mine.Length);
        AssertSame(theirs, ofLeft.Added);
        AssertSame(mine, ofRight.Added);
        await _stop.CancelAsync();
    }

    [Fact]
    public async Task OtherNamespaces_AreNotTold()
    {
        await using RedisSequenceStore left = Store(), right = Store();
        var follower = new RecordingFollower();
        _ = left.FollowAsync([One], follower, _stop.Token);
        StoredSequence[] one = [.. Sequences(One, seed: 5, count: 20)];
        Array.ForEach([.. Sequences(Two, seed: 6, count: 20)], right.Append);
        Array.ForEach(one, right.Append);
        await UntilAsync(() => follower.Added.Count >= one.Length);
        AssertSame(one, follower.Added);
        await _stop.CancelAsync();
    }

    [Fact]
    public async Task ManyNamespaces_AreFollowedTogether()
    {
        NamespaceKey[] many = [.. Enumerable.Range(0, 500).Select(i => NamespaceKey.Derive([1], $"tenant {i}", "m", "t"))];
        await using RedisSequenceStore left = Store(), right = Store();
        var follower = new RecordingFollower();
        _ = left.FollowAsync(many, follower, _stop.Token);
        await UntilAsync(() => follower.IsCaughtUp);
        foreach (NamespaceKey tenant in many)
            right.Append(new StoredSequence(tenant, new[] { 1, 2, 3 }));
        await UntilAsync(() => follower.Added.Count == many.Length);
        Assert.Equal(many.ToHashSet(), follower.Added.Select(sequence => sequence.Namespace).ToHashSet());
        await _stop.CancelAsync();
    }

    [Fact]
    public async Task StoreKilledAndStarted_LosesAndDoublesNothing()
    {
        await using RedisSequenceStore left = Store(), right = Store();
        var follower = new RecordingFollower();
        _ = left.FollowAsync([One], follower, _stop.Token);
        StoredSequence[] appended = [.. Sequences(One, seed: 7, count: 300)];
        for (int i = 0; i < appended.Length; i++)
        {
            right.Append(appended[i]);
            if (i == 100)
            {
                await UntilAsync(() => follower.Added.Count > 0);
                await Server.KillAsync();
            }

            if (i == 200)
            {
                await UntilAsync(() => follower.TimesAway > 0 && right.Statistics.Failures > 0);
                await Server.StartAsync();
            }
        }

        await UntilAsync(() => right.Statistics.Queued == 0 && follower.Added.Count >= appended.Length);
        AssertSame(appended, follower.Added);
        await UntilAsync(() => follower.TimesBack == 1);
        Assert.Equal(1, follower.TimesAway);
        await _stop.CancelAsync();
    }

    [Fact]
    public async Task Flushed_ForgetsNothingAndGoesOn()
    {
        await using RedisSequenceStore left = Store(), right = Store();
        var follower = new RecordingFollower();
        _ = left.FollowAsync([One], follower, _stop.Token);
        StoredSequence[] before = [.. Sequences(One, seed: 8, count: 20)], after = [.. Sequences(One, seed: 9, count: 40)];
        Array.ForEach(before, right.Append);
        await UntilAsync(() => follower.Added.Count == before.Length);
        await using ConnectionMultiplexer connection = await Server.ConnectAsync();
        await connection.GetServers()[0].FlushAllDatabasesAsync();
        Array.ForEach(after, right.Append);
        await UntilAsync(() => follower.Added.Count >= before.Length + after.Length);
        AssertSame([.. before, .. after], follower.Added);
        Assert.Equal(0, follower.Deletions);
        await _stop.CancelAsync();
    }

    [Fact]
    public async Task Deleted_IsErasedEverywhereAndStaysSo()
    {
        await using RedisSequenceStore left = Store(), right = Store(), tool = Store();
        RecordingFollower ofLeft = new(), ofRight = new();
        _ = left.FollowAsync([One, Two], ofLeft, _stop.Token);
        _ = right.FollowAsync([One, Two], ofRight, _stop.Token);
        StoredSequence[] other = [.. Sequences(Two, seed: 10, count: 10)], after = [.. Sequences(One, seed: 12, count: 10)];
        Array.ForEach([.. Sequences(One, seed: 11, count: 50)], right.Append);
        Array.ForEach(other, right.Append);
        await UntilAsync(() => ofLeft.Added.Count == 60);

        Assert.InRange(await tool.DeleteAsync(One, Ended), 1000, long.MaxValue);

        await UntilAsync(() => ofLeft.Deletions > 0 && ofRight.Deletions > 0);
        AssertSame(other, ofLeft.Added);
        Assert.Empty(await ReplayAsync(One));
        Assert.Equal(0, (await tool.DescribeAsync(One, Ended)).Bytes);
        Array.ForEach(after, right.Append);
        await UntilAsync(() => ofLeft.Added.Count >= other.Length + after.Length);
        AssertSame([.. other, .. after], ofLeft.Added);
        AssertSame(after, await ReplayAsync(One));
        await using ConnectionMultiplexer connection = await Server.ConnectAsync();
        RedisKey[] lists = [.. connection.GetServers()[0].Keys(pattern: $"agentic:{{{One}}}:segment:*")];
        Assert.Single(lists);
        await _stop.CancelAsync();
    }

    [Fact]
    public async Task DeletedBeforeAServerFirstWrote_WhatItWritesAfterwardsIsKept()
    {
        await AppendAsync([.. Sequences(One, seed: 16, count: 10)]);
        await using RedisSequenceStore store = Store();
        var follower = new RecordingFollower();
        Task following = store.FollowAsync([One], follower, _stop.Token);
        await UntilAsync(() => follower.IsCaughtUp);
        await using (RedisSequenceStore tool = Store())
            await tool.DeleteAsync(One, Ended);
        await UntilAsync(() => follower.Deletions == 1);

        StoredSequence[] after = [.. Sequences(One, seed: 17, count: 10)];
        Array.ForEach(after, store.Append);
        await store.FlushAsync(Ended);
        Assert.Equal(0, store.Statistics.Deleted);
        AssertSame(after, await ReplayAsync(One));
        await _stop.CancelAsync();
        await following;
    }

    [Fact]
    public async Task DeletedWhileAServerCouldNotWrite_ItGivesUpWhatWaits()
    {
        await using RedisSequenceStore cut = Store();
        cut.Append(new StoredSequence(One, new[] { 1, 2, 3 }));
        await UntilAsync(() => cut.Statistics.Written == 1);
        await Server.KillAsync();
        Array.ForEach([.. Sequences(One, seed: 13, count: 20)], cut.Append);
        cut.Append(new StoredSequence(Two, new[] { 4, 5, 6 }));
        await UntilAsync(() => cut.Statistics.Failures > 0);
        await Server.StartAsync();
        await using (RedisSequenceStore tool = Store())
            await tool.DeleteAsync(One, Ended);

        await UntilAsync(() => cut.Statistics.Queued == 0);

        // It may have written before the deletion, or seen the deletion before it wrote: gone it is either way.
        Assert.Equal(22, cut.Statistics.Deleted + cut.Statistics.Written);
        Assert.Empty(await ReplayAsync(One));
        StoredSequence kept = Assert.Single(await ReplayAsync(Two));
        Assert.Equal([4, 5, 6], kept.Tokens.ToArray());
    }

    [Fact]
    public async Task Namespaces_AreListedWithTheirBytes()
    {
        await AppendAsync([.. Sequences(One, seed: 14, count: 10)]);
        await AppendAsync([.. Sequences(Two, seed: 15, count: 30)]);
        await using ConnectionMultiplexer connection = await Server.ConnectAsync();
        await connection.GetDatabase().StringSetAsync("agentic:{not a namespace}:segments", 1);
        await using RedisSequenceStore store = Store();

        StoredNamespace[] listed = [.. await store.NamespacesAsync(Ended).ToListAsync(Ended)];

        Assert.Equal(new HashSet<NamespaceKey> { One, Two }, listed.Select(space => space.Key).ToHashSet());
        Assert.All(listed, space => Assert.Equal(1, space.Segments));
        Assert.All(listed, space => Assert.InRange(space.Bytes, 1000, 100_000));
        Assert.All(listed, space => Assert.InRange(DateTimeOffset.UtcNow - space.Oldest!.Value, TimeSpan.FromMinutes(-1), TimeSpan.FromHours(1)));
    }

    [Fact]
    public async Task AppendAsync_WaitsForRoom()
    {
        StoredSequence[] appended = [.. Enumerable.Range(0, 100).Select(i => new StoredSequence(One, Incompressible(i, 5000)))];
        await using RedisSequenceStore store = Store(new() { QueueBytes = 64 << 10 });
        foreach (StoredSequence sequence in appended)
            await store.AppendAsync(sequence, Ended);
        await store.FlushAsync(Ended);
        Assert.Equal((100, 0), (store.Statistics.Written, store.Statistics.Dropped));
        AssertSame(appended, await ReplayAsync(One));
    }
}
