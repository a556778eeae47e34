using Agentic.SuffixCache;
using StackExchange.Redis;

namespace Agentic.Tests;

/// <summary>What a store must do, whichever server it stands on.</summary>
public abstract class SequenceStoreTests : StoreTesting
{
    [Fact]
    public async Task Appended_ReplaysInOrderWithRunsAndTime()
    {
        StoredSequence[] appended = [.. Sequences(One, seed: 1, count: 300)];
        await AppendAsync(appended);
        AssertSame(appended, await ReplayAsync(One));
    }

    [Fact]
    public async Task TwoNamespaces_NeverMix()
    {
        StoredSequence[] one = [.. Sequences(One, seed: 2, count: 50)], two = [.. Sequences(Two, seed: 3, count: 50)];
        await AppendAsync([.. one.Zip(two).SelectMany(pair => new[] { pair.First, pair.Second })]);
        AssertSame(one, await ReplayAsync(One));
        AssertSame(two, await ReplayAsync(Two));
        Assert.Empty(await ReplayAsync(NamespaceKey.Derive([2], "one", "m", "t")));
    }

    [Fact]
    public async Task ServerKilledAndStarted_KeepsWhatWasAcknowledged()
    {
        StoredSequence[] appended = [.. Sequences(One, seed: 4, count: 500)];
        await using (RedisSequenceStore store = Store())
        {
            foreach (StoredSequence sequence in appended)
            {
                store.Append(sequence);
            }

            await UntilAsync(() => store.Statistics.Written == appended.Length);
            await Server.KillAsync();
        }

        await Server.StartAsync();
        AssertSame(appended, await ReplayAsync(One));
    }

    [Fact]
    public async Task ServerAwayForAWhile_LosesNothingAccepted()
    {
        StoredSequence[] appended = [.. Sequences(One, seed: 5, count: 400)];
        await using (RedisSequenceStore store = Store())
        {
            for (int i = 0; i < appended.Length; i++)
            {
                store.Append(appended[i]);
                if (i == 100)
                {
                    await UntilAsync(() => store.Statistics.Written > 0);
                    await Server.KillAsync();
                }

                if (i == 300)
                {
                    await UntilAsync(() => store.Statistics.Failures > 0);
                    await Server.StartAsync();
                }
            }

            await UntilAsync(() => store.Statistics.Queued == 0);
            Assert.Equal(0, store.Statistics.Dropped);
            Assert.Equal(0, store.Statistics.QueuedBytes);
            Assert.Equal(appended.Length, store.Statistics.Written);
        }

        AssertSame(appended, await ReplayAsync(One));
    }

    [Fact]
    public async Task ServerAbsentAtStart_AppendsOnceItIsThere()
    {
        await Server.KillAsync();
        StoredSequence[] appended = [.. Sequences(One, seed: 6, count: 10)];
        await using (RedisSequenceStore store = Store())
        {
            Array.ForEach(appended, store.Append);
            await UntilAsync(() => store.Statistics.Failures > 0);
            Assert.False(store.Statistics.Connected);
            await Assert.ThrowsAsync<SequenceStoreException>(async () => await ReplayAsync(One));
            await Server.StartAsync();
            await UntilAsync(() => store.Statistics.Written == appended.Length);
        }

        AssertSame(appended, await ReplayAsync(One));
    }

    [Fact]
    public async Task NothingAppended_ConnectsAtTheStart()
    {
        await using RedisSequenceStore store = Store();
        await UntilAsync(() => store.Statistics.Connected);
        Assert.Equal(0, store.Statistics.Failures);
    }

    [Fact]
    public async Task QueueFull_RefusesTheNewestAndCounts()
    {
        await Server.KillAsync();
        StoredSequence[] appended = [.. Sequences(One, seed: 7, count: 100, longest: 1).Select(s => s with { Tokens = new int[1000] })];
        await using (RedisSequenceStore store = Store(new() { QueueBytes = 100_000, Timeout = Patience }))
        {
            Array.ForEach(appended, store.Append);
            SequenceStoreStatistics full = store.Statistics;
            Assert.InRange(full.QueuedBytes, 90_000, 100_000);
            Assert.Equal(appended.Length, full.Queued + full.Dropped);
            Assert.InRange(full.Dropped, 70, 80);
            await Server.StartAsync();
            await UntilAsync(() => store.Statistics.Queued == 0);
        }

        Assert.Equal(24, (await ReplayAsync(One)).Count);
    }

    [Fact]
    public async Task LargestSequence_SurvivesARestart()
    {
        int[] tokens = new int[1 << 20];
        var random = new Random(8);
        for (int i = 0; i < tokens.Length; i++)
        {
            tokens[i] = random.Next(int.MaxValue);
        }

        StoredSequence[] appended = [new(One, tokens), new(One, tokens.AsMemory(0, 200_000)), new(One, new[] { 0 })];
        await AppendAsync(appended);
        await Server.KillAsync();
        await Server.StartAsync();
        AssertSame(appended, await ReplayAsync(One));
    }

    [Fact]
    public async Task TooLongOrNegative_IsRefusedAndTheRestKept()
    {
        await using (RedisSequenceStore store = Store())
        {
            store.Append(new StoredSequence(One, new int[(1 << 20) + 1]));
            store.Append(new StoredSequence(One, new[] { 1, -2 }));
            store.Append(new StoredSequence(One, new[] { 3 }));
            await UntilAsync(() => store.Statistics.Queued == 0);
            Assert.Equal((1, 2), (store.Statistics.Written, store.Statistics.Dropped));
        }

        StoredSequence kept = Assert.Single(await ReplayAsync(One));
        Assert.Equal([3], kept.Tokens.ToArray());
    }

    [Fact]
    public async Task Retention_KeepsTheNewestWithinItsBytes()
    {
        const long Bytes = 64 << 10;
        long kept;
        StoredSequence[] appended = [.. Enumerable.Range(0, 600).Select(i => new StoredSequence(One, Incompressible(i, 500)))];
        await using (RedisSequenceStore store = Store(new() { RetentionBytes = Bytes }))
        {
            foreach (StoredSequence[] burst in appended.Chunk(2))
            {
                Array.ForEach(burst, store.Append);
                await UntilAsync(() => store.Statistics.Queued == 0);
            }

            Assert.InRange(store.Statistics.WrittenBytes, 4 * Bytes, long.MaxValue);
            kept = store.Statistics.WrittenBytes - store.Statistics.EvictedBytes;
        }

        await using ConnectionMultiplexer connection = await Server.ConnectAsync();
        IDatabase database = connection.GetDatabase();
        long held = 0;
        foreach (RedisKey key in connection.GetServers()[0].Keys(pattern: "agentic:*:segment:*"))
        {
            held += (await database.ListRangeAsync(key)).Sum(entry => ((byte[])entry!).Length);
        }

        Assert.InRange(held, Bytes / 2, Bytes + (Bytes / 8));
        Assert.Equal(kept, held);
        List<StoredSequence> replayed = await ReplayAsync(One);
        AssertSame(appended[^replayed.Count..], replayed);
    }

    [Fact]
    public async Task Flushed_GoesOnWithWhatComes()
    {
        await using RedisSequenceStore store = Store();
        Array.ForEach([.. Sequences(One, seed: 9, count: 20)], store.Append);
        await UntilAsync(() => store.Statistics.Queued == 0);
        await using ConnectionMultiplexer connection = await Server.ConnectAsync();
        await connection.GetServers()[0].FlushAllDatabasesAsync();
        StoredSequence[] later = [.. Sequences(One, seed: 10, count: 20)];
        Array.ForEach(later, store.Append);
        await UntilAsync(() => store.Statistics.Queued == 0);
        AssertSame(later, await ReplayAsync(One));
    }

    [Fact]
    public async Task DamagedAndForeignEntries_AreCountedAndSkipped()
    {
        StoredSequence[] appended = [.. Sequences(One, seed: 11, count: 20)];
        await AppendAsync(appended);
        await AppendAsync([.. Sequences(Two, seed: 12, count: 3)]);
        await using ConnectionMultiplexer connection = await Server.ConnectAsync();
        IDatabase database = connection.GetDatabase();
        RedisKey[] keys = [.. connection.GetServers()[0].Keys(pattern: "agentic:*:segment:*")];
        RedisKey one = keys.Single(key => key.ToString().Contains(One.ToString(), StringComparison.Ordinal));
        RedisKey two = keys.Single(key => key.ToString().Contains(Two.ToString(), StringComparison.Ordinal));
        byte[] damaged = (byte[])(await database.ListGetByIndexAsync(one, 0))!;
        damaged[damaged.Length / 2] ^= 1;
        await database.ListRightPushAsync(one, [damaged, "not ours", RedisValue.EmptyString, await database.ListGetByIndexAsync(two, 0)]);
        await database.HashIncrementAsync($"agentic:{{{One}}}:segments", "no segment", 5);
        await database.HashSetAsync($"agentic:{{{One}}}:segments", "0123456789ab-0123456789abcdef", "not a number");
        await database.StringSetAsync($"agentic:{{{One}}}:segment:0123456789ab-0123456789abcdef", "not a list");

        await using RedisSequenceStore store = Store();
        AssertSame(appended, await ReplayAsync(store, One));
        Assert.Equal(5, store.Statistics.Damaged);
    }

    [Fact]
    public async Task EntrySentTwice_ReplaysOnce()
    {
        StoredSequence[] appended = [.. Sequences(One, seed: 13, count: 20)];
        await AppendAsync(appended);
        await using ConnectionMultiplexer connection = await Server.ConnectAsync();
        RedisKey key = connection.GetServers()[0].Keys(pattern: "agentic:*:segment:*").Single();
        await connection.GetDatabase().ListRightPushAsync(key, await connection.GetDatabase().ListGetByIndexAsync(key, 0));
        AssertSame(appended, await ReplayAsync(One));
    }

    [Fact]
    public async Task KeyOfAnotherType_HoldsUpOnlyItsNamespace()
    {
        await using ConnectionMultiplexer connection = await Server.ConnectAsync();
        string segments = $"agentic:{{{One}}}:segments";
        await connection.GetDatabase().StringSetAsync(segments, "taken");
        StoredSequence[] one = [.. Sequences(One, seed: 14, count: 5)], two = [.. Sequences(Two, seed: 15, count: 5)];
        await using RedisSequenceStore store = Store();
        Array.ForEach(one, store.Append);
        await UntilAsync(() => store.Statistics.Failures > 1);
        Array.ForEach(two, store.Append);
        await UntilAsync(() => store.Statistics.Written == two.Length);
        AssertSame(two, await ReplayAsync(Two));
        await Assert.ThrowsAsync<SequenceStoreException>(async () => await ReplayAsync(One));
        Assert.Empty(connection.GetServers()[0].Keys(pattern: $"agentic:{{{One}}}:segment:*"));

        await connection.GetDatabase().KeyDeleteAsync(segments);
        await UntilAsync(() => store.Statistics.Queued == 0);
        AssertSame(one, await ReplayAsync(One));
    }

    [Fact]
    public async Task TwoServers_WriteOneLog()
    {
        StoredSequence[] left = [.. Sequences(One, seed: 16, count: 40)], right = [.. Sequences(One, seed: 17, count: 40)];
        await Task.WhenAll(AppendAsync(left), AppendAsync(right));
        List<StoredSequence> replayed = await ReplayAsync(One);
        Assert.Equal(left.Length + right.Length, replayed.Count);
        string[] lines = [.. replayed.Select(Line)];
        Assert.Equal(left.Select(Line), lines.Where(left.Select(Line).Contains));
        Assert.Equal(right.Select(Line), lines.Where(right.Select(Line).Contains));
    }

    [Fact]
    public async Task AppendedAfterDispose_IsCounted()
    {
        RedisSequenceStore store = Store();
        await store.DisposeAsync();
        store.Append(new StoredSequence(One, new[] { 1 }));
        await store.DisposeAsync();
        Assert.Equal((1, 0, 0), (store.Statistics.Dropped, store.Statistics.Queued, store.Statistics.QueuedBytes));
    }
}
