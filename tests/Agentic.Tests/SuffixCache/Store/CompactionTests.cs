using Agentic.SuffixCache;
using StackExchange.Redis;

namespace Agentic.Tests;

/// <summary>Few large entries for many small ones, whoever writes, follows or dies meanwhile.</summary>
public abstract class CompactionTests : StoreTesting
{
    private static readonly ShiftedTime Later = new(CompactionPlan.Settled + TimeSpan.FromMinutes(1));

    [Fact]
    public async Task SmallEntries_BecomeFewAndReadTheSame()
    {
        StoredSequence[] appended = [.. Talk(One, seed: 1, count: 200)];
        await AppendSinglyAsync(appended);
        (long entries, long bytes) = await CountAsync(One);
        Assert.Equal(appended.Length, entries);

        await using RedisSequenceStore upkeep = Upkeep();
        await upkeep.CompactAsync(One, Ended);

        AssertSame(appended, await ReplayAsync(One));
        (long entriesAfter, long bytesAfter) = await CountAsync(One);
        Assert.Equal(1, entriesAfter);
        Assert.InRange(bytesAfter, 1, bytes / 2);
        Assert.Equal(bytesAfter, (await upkeep.DescribeAsync(One, Ended)).Bytes);
        Assert.Equal((1, bytes - bytesAfter), (upkeep.Statistics.Compacted, upkeep.Statistics.Reclaimed));
        await upkeep.CompactAsync(One, Ended);
        Assert.Equal(1, upkeep.Statistics.Compacted);   // nothing is left to do
    }

    [Fact]
    public async Task SupersededCallsAndCopies_AreDropped()
    {
        int[] tokens = Incompressible(2, 3000);
        StoredSequence[] calls = [.. Enumerable.Range(1, 20).Select(i => new StoredSequence(One, tokens.AsMemory(0, 150 * i))
        {
            Runs = [new TokenRun(SuffixCache.TokenKind.Prompt, (150 * i) - 50), new TokenRun(SuffixCache.TokenKind.Output, 50)],
            Time = DateTimeOffset.FromUnixTimeMilliseconds(i),
        })];
        await AppendSinglyAsync([.. calls, calls[3]]);
        await using RedisSequenceStore upkeep = Upkeep();
        await upkeep.CompactAsync(One, Ended);

        StoredSequence kept = Assert.Single(await ReplayAsync(One));
        Assert.Equal(tokens, kept.Tokens.ToArray());
        Assert.Equal(40, kept.Runs.Count);
    }

    [Fact]
    public async Task WriterOfACompactedSegment_LosesNothing()
    {
        StoredSequence[] appended = [.. Talk(One, seed: 3, count: 120)];
        await using RedisSequenceStore writer = Store(), upkeep = Upkeep(), reader = Store();
        var follower = new RecordingFollower();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Ended);
        Task following = reader.FollowAsync([One], follower, stop.Token);
        foreach (StoredSequence[] some in appended.Chunk(20))
        {
            foreach (StoredSequence sequence in some)
                await AppendAsync(writer, sequence);
            await UntilAsync(() => follower.Added.Count >= 20);
            await upkeep.CompactAsync(One, Ended);   // the writer has its segment open
        }

        await UntilAsync(() => follower.Added.Count >= appended.Length);
        AssertSame(appended, follower.Added);
        AssertSame(appended, await ReplayAsync(One));
        Assert.Equal((0, 0), (writer.Statistics.Failures, reader.Statistics.Behind));
        Assert.InRange(upkeep.Statistics.Compacted, 3, 100);
        await AssertNoOtherKeysAsync(One);
        await stop.CancelAsync();
        await following;
    }

    [Theory]
    [InlineData("segments")]
    [InlineData("segment:*")]
    public async Task KeyEvictedUnderTheWriter_ItGoesOnInAnother(string key)
    {
        StoredSequence[] before = [.. Talk(One, seed: 11, count: 5)], after = [.. Talk(One, seed: 12, count: 5)];
        await using RedisSequenceStore writer = Store(), reader = Store();
        var follower = new RecordingFollower();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Ended);
        Task following = reader.FollowAsync([One], follower, stop.Token);
        foreach (StoredSequence sequence in before)
            await AppendAsync(writer, sequence);
        await UntilAsync(() => follower.Added.Count == before.Length);
        await using ConnectionMultiplexer connection = await Server.ConnectAsync();
        Assert.True(await connection.GetDatabase().KeyDeleteAsync(connection.GetServers()[0].Keys(pattern: $"agentic:{{{One}}}:{key}").Single()));

        foreach (StoredSequence sequence in after)
            await AppendAsync(writer, sequence);

        await UntilAsync(() => follower.Added.Count >= before.Length + after.Length);
        AssertSame([.. before, .. after], follower.Added);
        AssertSame(after, (await ReplayAsync(One)).TakeLast(after.Length));
        Assert.Equal(0, writer.Statistics.Failures);
        await stop.CancelAsync();
        await following;
    }

    [Fact]
    public async Task ServersWritingAndFollowingMeanwhile_AreToldEverythingOnce()
    {
        const int Count = 250;
        StoredSequence[] lefts = [.. Talk(One, seed: 4, Count)], rights = [.. Talk(One, seed: 5, Count)];
        await using RedisSequenceStore left = Store(), right = Store(), upkeep = Upkeep(), second = Upkeep();
        RecordingFollower ofLeft = new(), ofRight = new();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Ended);
        Task[] following = [left.FollowAsync([One], ofLeft, stop.Token), right.FollowAsync([One], ofRight, stop.Token)];
        using var written = new CancellationTokenSource();
        Task[] compacting = [CompactUntilAsync(upkeep, written.Token), CompactUntilAsync(second, written.Token)];
        for (int i = 0; i < Count; i++)
        {
            await Task.WhenAll(AppendAsync(left, lefts[i]), AppendAsync(right, rights[i]));
            if (i % 50 == 25)
            {
                List<StoredSequence> replayed = await ReplayAsync(One);   // begins while segments are being replaced
                Assert.Equal(Lines([.. lefts[..(i + 1)], .. rights[..(i + 1)]]), Lines(replayed));
            }
        }

        await written.CancelAsync();
        await Task.WhenAll(compacting);
        await UntilAsync(() => ofLeft.Added.Count >= Count && ofRight.Added.Count >= Count);
        Assert.Equal(Lines(rights), Lines(ofLeft.Added));
        Assert.Equal(Lines(lefts), Lines(ofRight.Added));
        Assert.Equal(Lines([.. lefts, .. rights]), Lines(await ReplayAsync(One)));
        Assert.InRange(upkeep.Statistics.Compacted + second.Statistics.Compacted, 2, 1000);
        await AssertNoOtherKeysAsync(One);
        await stop.CancelAsync();
        await Task.WhenAll(following);
    }

    [Fact]
    public async Task KilledMeanwhile_HasTheOldOrTheNew()
    {
        StoredSequence[] appended = [.. Talk(One, seed: 6, count: 90)];
        int at = 0;
        foreach (int delay in (int[])[0, 2, 5])
        {
            StoredSequence[] some = appended[at..(at += 30)];
            await AppendSinglyAsync(some);
            await using (RedisSequenceStore upkeep = Upkeep())
            {
                Task compacting = upkeep.CompactAsync(One, Ended);
                await Task.Delay(delay, Ended);
                await Server.KillAsync();
                await Task.WhenAny(compacting);
            }

            await Server.StartAsync();
            AssertSame(appended[..at], await ReplayAsync(One));
        }
    }

    [Fact]
    public async Task DeletedMeanwhile_StaysDeleted()
    {
        await using RedisSequenceStore upkeep = Upkeep(), tool = Store();
        for (int round = 0; round < 8; round++)
        {
            await AppendSinglyAsync([.. Talk(One, seed: 20 + round, count: 20)]);
            Task compacting = upkeep.CompactAsync(One, Ended);
            await Task.Delay(round % 4, Ended);
            await tool.DeleteAsync(One, Ended);
            await compacting;
            Assert.Empty(await ReplayAsync(One));
            await AssertNoOtherKeysAsync(One);
            await Task.Delay(5, Ended);   // whoever starts in the same millisecond cannot know that what it writes is younger
        }
    }

    [Fact]
    public async Task WhatCannotBeRead_StaysAsItIs()
    {
        StoredSequence[] appended = [.. Talk(One, seed: 7, count: 40)];
        await AppendSinglyAsync(appended);
        await using ConnectionMultiplexer connection = await Server.ConnectAsync();
        RedisKey key = connection.GetServers()[0].Keys(pattern: $"agentic:{{{One}}}:segment:*").Single();
        await connection.GetDatabase().ListRightPushAsync(key, "of a version to come");
        await connection.GetDatabase().HashIncrementAsync($"agentic:{{{One}}}:segments", key.ToString()[^29..], 20);

        await using RedisSequenceStore upkeep = Upkeep();
        await upkeep.CompactAsync(One, Ended);

        Assert.Equal(0, upkeep.Statistics.Compacted);
        Assert.Equal(41, await connection.GetDatabase().ListLengthAsync(key));
        AssertSame(appended, await ReplayAsync(One));
    }

    [Fact]
    public async Task PastItsAge_IsDroppedByWhoeverLooksAfterItAndByTheStoreItself()
    {
        SequenceStoreOptions month = new() { RetentionAge = TimeSpan.FromDays(30), Timeout = Patience };
        await using RedisSequenceStore writer = Store(month);
        foreach (StoredSequence sequence in Talk(One, seed: 8, count: 3))
            await AppendAsync(writer, sequence);
        await using ConnectionMultiplexer connection = await Server.ConnectAsync();
        IDatabase database = connection.GetDatabase();
        RedisKey[] keys = [.. connection.GetServers()[0].Keys(pattern: "agentic:*")];
        Assert.Equal(3, keys.Length);
        foreach (RedisKey key in keys)
            Assert.InRange((await database.KeyTimeToLiveAsync(key))!.Value, TimeSpan.FromDays(29.9), TimeSpan.FromDays(32));

        await using (RedisSequenceStore soon = Store(month, TimeSpan.FromDays(29)))
            await soon.CompactAsync(One, Ended);
        Assert.Equal(3, (await ReplayAsync(One)).Count);
        await using (RedisSequenceStore late = Store(month, TimeSpan.FromDays(31)))
            await late.CompactAsync(One, Ended);
        Assert.Empty(await ReplayAsync(One));
        Assert.Equal(0, (await writer.DescribeAsync(One, Ended)).Segments);

        StoredSequence[] after = [.. Talk(One, seed: 9, count: 3)];
        foreach (StoredSequence sequence in after)
            await AppendAsync(writer, sequence);
        AssertSame(after, await ReplayAsync(One));
    }

    [Fact]
    public async Task Followed_IsCompactedFromTimeToTime()
    {
        StoredSequence[] appended = [.. Talk(One, seed: 10, count: 50)];
        await AppendSinglyAsync(appended);
        await using RedisSequenceStore server = new(
            new() { Redis = Server.Address, UpkeepInterval = TimeSpan.FromMilliseconds(50) }, null, Later);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Ended);
        var follower = new RecordingFollower();
        Task following = server.FollowAsync([One], follower, stop.Token);
        await UntilAsync(() => server.Statistics.Compacted > 0 && follower.Added.Count >= appended.Length);
        AssertSame(appended, follower.Added);
        AssertSame(appended, await ReplayAsync(One));
        await stop.CancelAsync();
        await following;
    }

    private RedisSequenceStore Upkeep() => Store(null, CompactionPlan.Settled + TimeSpan.FromMinutes(1));

    private RedisSequenceStore Store(SequenceStoreOptions? options, TimeSpan ahead) =>
        new((options ?? new() { Timeout = Patience }) with { Redis = Server.Address }, null, new ShiftedTime(ahead));

    private static async Task CompactUntilAsync(RedisSequenceStore store, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await store.CompactAsync(One, Ended);
            await Task.Delay(3, Ended);
        }
    }

    /// <summary>An entry each.</summary>
    private async Task AppendSinglyAsync(StoredSequence[] sequences)
    {
        await using RedisSequenceStore store = Store();
        foreach (StoredSequence sequence in sequences)
            await AppendAsync(store, sequence);
    }

    private static async Task AppendAsync(RedisSequenceStore store, StoredSequence sequence)
    {
        long written = store.Statistics.Written;
        store.Append(sequence);
        while (store.Statistics.Written == written)
            await Task.Delay(1, Ended);
    }

    private async Task<(long Entries, long Bytes)> CountAsync(NamespaceKey @namespace)
    {
        await using ConnectionMultiplexer connection = await Server.ConnectAsync();
        IDatabase database = connection.GetDatabase();
        long entries = 0, bytes = 0;
        foreach (RedisKey key in connection.GetServers()[0].Keys(pattern: $"agentic:{{{@namespace}}}:segment:*"))
        {
            RedisValue[] values = await database.ListRangeAsync(key);
            entries += values.Length;
            bytes += values.Sum(value => ((byte[])value!).Length);
        }

        return (entries, bytes);
    }

    /// <summary>Every list is listed, and nothing else is left of a namespace.</summary>
    private async Task AssertNoOtherKeysAsync(NamespaceKey @namespace)
    {
        await using ConnectionMultiplexer connection = await Server.ConnectAsync();
        string prefix = $"agentic:{{{@namespace}}}:";
        RedisValue[] listed = await connection.GetDatabase().HashKeysAsync(prefix + "segments");
        string[] keys = [.. connection.GetServers()[0].Keys(pattern: prefix + "*").Select(key => key.ToString()[prefix.Length..])];
        Assert.Empty(keys.Except([.. listed.Select(name => "segment:" + name), "segments", "epoch"]));
    }

    private static List<string> Lines(IEnumerable<StoredSequence> sequences) => [.. sequences.Select(Line).Order(StringComparer.Ordinal)];

    /// <summary>Sequences that share much, as an agent's do.</summary>
    private static IEnumerable<StoredSequence> Talk(NamespaceKey @namespace, int seed, int count)
    {
        int[] words = Incompressible(seed, 2000);
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            int from = random.Next(1700);
            yield return new StoredSequence(@namespace, words.AsMemory(from, random.Next(100, 300)))
            {
                Runs = [new TokenRun(SuffixCache.TokenKind.Prompt, 50), new TokenRun(SuffixCache.TokenKind.Output, 50)],
                Time = DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_000 + (seed * 1_000_000L) + i),
            };
        }
    }
}
