using Agentic.SuffixCache;
using StackExchange.Redis;

namespace Agentic.Tests;

[Trait("Category", "Redis")]
public sealed class RedisSequenceStoreTests : SequenceStoreTests
{
    private protected override StoreServer Server { get; } = new RedisServer();

    [Theory]
    [InlineData("replicaof 127.0.0.1 1", "replicaof no one")]               // a read-only replica
    [InlineData("config set maxmemory 1", "config set maxmemory 0")]        // full
    [InlineData("config set min-replicas-to-write 1", "config set min-replicas-to-write 0")]
    public async Task WritesRefused_AreMadeOnceTheyMayBe(string breaks, string mends)
    {
        StoredSequence[] before = [.. Sequences(One, seed: 20, count: 10)], after = [.. Sequences(One, seed: 21, count: 10)];
        await using RedisSequenceStore store = Store();
        Array.ForEach(before, store.Append);
        await UntilAsync(() => store.Statistics.Written == before.Length);
        await ExecuteAsync(breaks);
        Array.ForEach(after, store.Append);
        await UntilAsync(() => store.Statistics.Failures > 1);
        AssertSame(before, await ReplayAsync(One));

        await ExecuteAsync(mends);
        await UntilAsync(() => store.Statistics.Queued == 0);
        Assert.Equal(0, store.Statistics.Dropped);
        AssertSame([.. before, .. after], await ReplayAsync(One));
    }

    [Fact]
    public async Task AnswersTooSlowly_LosesAndDoublesNothing()
    {
        StoredSequence[] appended = [.. Sequences(One, seed: 22, count: 30)];
        await using RedisSequenceStore store = Store(new() { Timeout = TimeSpan.FromMilliseconds(200) });
        foreach (StoredSequence[] burst in appended.Chunk(10))
        {
            await ExecuteAsync("client pause 1000 write");   // the answer comes after the caller gave up: was it written or not?
            Array.ForEach(burst, store.Append);
            await UntilAsync(() => store.Statistics.Queued == 0);
        }

        Assert.InRange(store.Statistics.Failures, 1, long.MaxValue);
        AssertSame(appended, await ReplayAsync(One));
    }

    [Fact]
    public async Task FailingWithEveryCallInTurn_DoesNotFillTheLog()
    {
        var logger = new LinesLogger();
        await using RedisSequenceStore store = new(new() { Redis = Server.Address }, logger);
        foreach (StoredSequence sequence in Sequences(One, seed: 24, count: 10))
        {
            store.Append(sequence);
            await store.FlushAsync(Ended);
            await ExecuteAsync("flushall");   // as a store that evicts keys: the next entry finds no log
        }

        Assert.Equal(9, store.Statistics.Failures);
        Assert.Equal([2, 3], logger.Events);
    }

    /// <summary>Of the process: what a kernel that goes on has been given is on its way to the disk. Only "always" outlasts the kernel.</summary>
    [Theory]
    [InlineData("no")]
    [InlineData("everysec")]
    [InlineData("always")]
    public async Task KilledWhileWriting_HasWhatWasAcknowledged(string appendfsync)
    {
        StoredSequence[] appended = [.. Sequences(One, seed: 23, count: 20_000, longest: 50)];
        await ExecuteAsync($"config set appendfsync {appendfsync}");
        long acknowledged;
        await using (RedisSequenceStore store = Store(new() { FlushTimeout = TimeSpan.Zero }))
        {
            int next = 0;
            Task killing = Task.CompletedTask;
            bool isKilled = false;
            while (!isKilled || !killing.IsCompleted)
            {
                store.Append(appended[next++]);
                await Task.Delay(1, Ended);
                if (!isKilled && store.Statistics.Written >= 100)
                    (isKilled, killing) = (true, Task.Run(Server.KillAsync, Ended));
            }

            await killing;
            acknowledged = store.Statistics.Written;
        }

        await Server.StartAsync();
        List<StoredSequence> kept = await ReplayAsync(One);
        Assert.InRange(acknowledged, 100, kept.Count);
        AssertSame(appended[..kept.Count], kept);
    }

    private async Task ExecuteAsync(string command)
    {
        await using ConnectionMultiplexer connection = await Server.ConnectAsync();
        string[] words = command.Split(' ');
        await connection.GetServers()[0].ExecuteAsync(words[0], [.. words[1..].Cast<object>()]);
    }
}
