using Agentic.SuffixCache;
using StackExchange.Redis;

namespace Agentic.Tests;

/// <summary>What servers have learned of their namespaces, kept in one store.</summary>
public abstract class LearnedStoreTests : StoreTesting
{
    private protected const int Vocabulary = 100_000;
    private const int LearnedDamaged = 12, LearnedNewer = 13;
    private protected static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(20);

    [Fact]
    public async Task StoppedAndStarted_GoesOnFromWhatItHadLearned()
    {
        long learned;
        await using (LearningServer stops = await StartAsync(TimeSpan.FromHours(1)))
        {
            await stops.LearnAsync(calls: 20);
            await stops.LearnAsync(calls: 5, Two);
            learned = stops.History.LearnedTokens[One];
            Assert.Equal(0, stops.Store.Statistics.LearnedStored);
        }

        await using LearningServer starts = await StartAsync(TimeSpan.FromHours(1));
        Assert.Equal(learned, starts.History.LearnedTokens[One]);
        Assert.InRange(starts.History.LearnedTokens[Two], 1, learned / 2);
        Assert.Equal((2, 0), (starts.Store.Statistics.LearnedRestored, starts.Store.Statistics.Damaged));
    }

    [Fact]
    public async Task LittleMore_IsStoredAtTheEndOnly()
    {
        await using (LearningServer first = await StartAsync(TimeSpan.FromHours(1)))
            await first.LearnAsync(calls: 100);
        long learned;
        await using (LearningServer second = await StartAsync(Soon))
        {
            await second.LearnAsync(calls: 2);
            learned = second.History.LearnedTokens[One];
            await PassAsync(second);
            Assert.Equal(0, second.Store.Statistics.LearnedStored);
        }

        Assert.Equal(learned, await StoredTokensAsync(One));
    }

    [Fact]
    public async Task Killed_HasWhatTheLastIntervalStored()
    {
        LearningServer killed = await StartAsync(Soon);
        await killed.LearnAsync(calls: 20);
        await killed.UntilAsync(() => killed.Store.Statistics.LearnedStored > 0);
        await killed.KillAsync();
        long stored = await StoredTokensAsync(One);
        await Server.KillAsync();
        await Server.StartAsync();

        await using LearningServer starts = await StartAsync(TimeSpan.FromHours(1));
        Assert.Equal(stored, starts.History.LearnedTokens[One]);
    }

    [Fact]
    public async Task SecondServer_HasItOnceItMeetsTheNamespace()
    {
        await using LearningServer second = await StartAsync(Soon);
        await using (LearningServer first = await StartAsync(TimeSpan.FromHours(1)))
            await first.LearnAsync(calls: 20);
        await second.UntilAsync(() => second.History.LearnedTokens.GetValueOrDefault(One) > 0);
        Assert.Equal(await StoredTokensAsync(One), second.History.LearnedTokens[One]);
    }

    [Fact]
    public async Task WhoeverLearnedLess_DoesNotReplaceMore_AndTakesItOverOnceItIsTwiceAsMuch()
    {
        await using LearningServer second = await StartAsync(Soon);
        await second.LearnAsync(calls: 10);
        await UntilStoredAsync(second);
        long little = second.History.LearnedTokens[One];
        await StoreAsync(One, little + (little / 2));
        await PassAsync(second);
        Assert.Equal(little, second.History.LearnedTokens[One]);
        Assert.Equal(little + (little / 2), await StoredTokensAsync(One));

        await StoreAsync(One, (2 * little) + 1);
        await second.UntilAsync(() => second.History.LearnedTokens[One] == (2 * little) + 1);
    }

    [Theory]
    [InlineData("cut")]
    [InlineData("flipped")]
    [InlineData("older version")]
    [InlineData("of another namespace")]
    [InlineData("no number")]
    [InlineData("empty")]
    [InlineData("no string")]
    public async Task Damaged_IsCountedLoggedOnceAndReplaced(string kind)
    {
        await AppendAsync([.. Sequences(One, seed: 1, count: 3)]);
        byte[] state = LearnedCodec.Encode(State(One, tokens: 1000));
        await using ConnectionMultiplexer connection = await Server.ConnectAsync();
        RedisKey key = new LogLayout(One).Learned;
        await (kind switch
        {
            "cut" => SetAsync(state[..^9]),
            "flipped" => SetAsync([.. state[..100], (byte)(state[100] ^ 4), .. state[101..]]),
            "older version" => SetAsync([(byte)(state[0] - 1), .. state[1..]]),
            "of another namespace" => SetAsync(LearnedCodec.Encode(State(Two, tokens: 1000))),
            "no number" => SetAsync(LearnedCodec.Encode(new LearnedState(One, 1000, new VoteWeights(), new Calibration { [3] = (float.NaN, 2) }))),
            "empty" => SetAsync([1]),
            _ => connection.GetDatabase().ListRightPushAsync(key, "what is this?"),
        });

        LinesLogger logger = new();
        long learned;
        await using (LearningServer starts = new(new RedisSequenceStore(Options(Soon), logger), Vocabulary, One))
        {
            await starts.StartAsync();
            await PassAsync(starts);
            Assert.Equal((1, 0), (starts.Store.Statistics.Damaged, starts.Store.Statistics.LearnedRestored));
            Assert.Single(logger.Events, LearnedDamaged);
            Assert.Equal(0, starts.History.LearnedTokens[One]);

            await starts.LearnAsync(calls: 5);
            learned = starts.History.LearnedTokens[One];
            await UntilStoredAsync(starts);
            Assert.Equal((1, 0), (starts.Store.Statistics.Damaged, starts.Store.Statistics.Failures));
        }

        Assert.Equal(learned, await StoredTokensAsync(One));

        async Task SetAsync(byte[] bytes) => await connection.GetDatabase().StringSetAsync(key, bytes);
    }

    /// <summary>Servers of two versions would replace each other's for ever.</summary>
    [Fact]
    public async Task OfANewerVersion_IsLeftToNewerServers()
    {
        await AppendAsync([.. Sequences(One, seed: 1, count: 3)]);
        byte[] state = LearnedCodec.Encode(State(One, tokens: 1000));
        state[0]++;
        await using ConnectionMultiplexer connection = await Server.ConnectAsync();
        await connection.GetDatabase().StringSetAsync(new LogLayout(One).Learned, state);
        LinesLogger logger = new();
        await using (LearningServer older = await new LearningServer(new RedisSequenceStore(Options(Soon), logger), Vocabulary, One).StartAsync())
        {
            await older.LearnAsync(calls: 20);
            await PassAsync(older);
            Assert.Single(logger.Events, LearnedNewer);
            Assert.Equal((0, 0), (older.Store.Statistics.Damaged, older.Store.Statistics.LearnedRestored));
        }

        Assert.Equal(state, (byte[]?)await connection.GetDatabase().StringGetAsync(new LogLayout(One).Learned));
    }

    /// <summary>Between the question how much it was learned from, and the copy.</summary>
    [Fact]
    public async Task EvictedAndMetAgainWhileItIsStored_DoesNotReplaceMore()
    {
        await AppendAsync([.. Sequences(One, seed: 1, count: 3)]);
        await StoreAsync(One, tokens: 900);
        int asked = 0;
        await using RedisSequenceStore store = Store(Options(Soon));
        AnsweringFollower follower = new(() =>
        {
            asked++;
            return Task.FromResult(State(One, tokens: 10));
        });
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Ended);
        Task following = store.FollowAsync([One], follower, stop.Token);
        await UntilAsync(() => Volatile.Read(ref asked) > 2);
        Assert.Equal((900, 0), (await StoredTokensAsync(One), store.Statistics.LearnedStored));
        await stop.CancelAsync();
        await following;
    }

    [Fact]
    public async Task Purged_IsGoneEverywhere()
    {
        await using LearningServer first = await StartAsync(Soon);
        long afterwards;
        await using (LearningServer second = await StartAsync(Soon))
        {
            await first.LearnAsync(calls: 20);
            await first.UntilAsync(() => first.Store.Statistics.LearnedStored > 0);
            await second.UntilAsync(() => second.History.LearnedTokens.GetValueOrDefault(One) > 0);
            await using (RedisSequenceStore purges = Store())
                await purges.DeleteAsync(One, Ended);
            Assert.Equal(0, await StoredTokensAsync(One));
            await first.UntilAsync(() => !first.History.LearnedTokens.ContainsKey(One));
            await second.UntilAsync(() => !second.History.LearnedTokens.ContainsKey(One));

            // What is learned afterwards begins anew.
            await second.LearnAsync(calls: 5);
            afterwards = second.History.LearnedTokens[One];
            await UntilStoredAsync(second);
        }

        await PassAsync(first);
        Assert.Equal(afterwards, await StoredTokensAsync(One));
    }

    /// <summary>A follower that was asked just before: its answer is not to reach the store.</summary>
    [Fact]
    public async Task PurgedWhileItIsStored_StaysGone()
    {
        await AppendAsync([.. Sequences(One, seed: 1, count: 3)]);
        await using RedisSequenceStore store = Store(Options(Soon)), purges = Store();
        AnsweringFollower follower = new(async () =>
        {
            await purges.DeleteAsync(One, Ended);
            return State(One, tokens: 1000);
        });
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Ended);
        Task following = store.FollowAsync([One], follower, stop.Token);
        await UntilAsync(() => follower.Inner.Deletions == 1);
        Assert.Equal((0, 0), (await StoredTokensAsync(One), store.Statistics.LearnedStored));
        await stop.CancelAsync();
        await following;
    }

    [Fact]
    public async Task LogThatIsGone_LeavesNothingLearned()
    {
        SequenceStoreOptions short_ = Options(TimeSpan.FromHours(1)) with { RetentionAge = TimeSpan.FromMinutes(30) };
        await using (LearningServer first = new(new RedisSequenceStore(short_), Vocabulary, One))
        {
            await first.StartAsync();
            await first.LearnAsync(calls: 5);
        }

        Assert.True(await StoredTokensAsync(One) > 0);
        await using ConnectionMultiplexer connection = await Server.ConnectAsync();
        Assert.InRange((await connection.GetDatabase().KeyTimeToLiveAsync(new LogLayout(One).Learned))!.Value, TimeSpan.FromMinutes(29), TimeSpan.FromMinutes(32));

        await using RedisSequenceStore later = new(short_, null, new ShiftedTime(TimeSpan.FromMinutes(31)));
        await later.CompactAsync(One, Ended);
        Assert.Equal(0, await StoredTokensAsync(One));

        // As where the store dropped the log by itself.
        await StoreAsync(One, tokens: 1000);
        await using LearningServer starts = await StartAsync(Soon);
        await PassAsync(starts);
        Assert.Equal(0, starts.Store.Statistics.LearnedRestored);
    }

    private protected SequenceStoreOptions Options(TimeSpan interval) =>
        new() { Redis = Server.Address, Timeout = Patience, LearnedInterval = interval, PollInterval = TimeSpan.FromMilliseconds(10) };

    private async Task<LearningServer> StartAsync(TimeSpan interval) => await new LearningServer(Store(Options(interval)), Vocabulary, One, Two).StartAsync();

    /// <summary>Lets some intervals pass.</summary>
    private protected static async Task PassAsync(LearningServer serving)
    {
        long end = Environment.TickCount64 + (15 * (long)Soon.TotalMilliseconds);
        await serving.UntilAsync(() => Environment.TickCount64 > end);
    }

    /// <summary>Until the store has all that a server learned of the first namespace but what is too little to be written.</summary>
    private protected async Task UntilStoredAsync(LearningServer serving)
    {
        long writes = 0, stored;
        do
        {
            await serving.UntilAsync(() => serving.Store.Statistics.LearnedStored > writes);
            writes = serving.Store.Statistics.LearnedStored;
            stored = await StoredTokensAsync(One);
        }
        while (serving.History.LearnedTokens[One] > stored + (stored / LearnedKeeper.Growth));
    }

    private protected async Task<long> StoredTokensAsync(NamespaceKey @namespace)
    {
        await using ConnectionMultiplexer connection = await Server.ConnectAsync();
        return LearnedCodec.TokensOf((byte[]?)await connection.GetDatabase().StringGetAsync(new LogLayout(@namespace).Learned));
    }

    private protected async Task StoreAsync(NamespaceKey @namespace, long tokens)
    {
        await using ConnectionMultiplexer connection = await Server.ConnectAsync();
        await connection.GetDatabase().StringSetAsync(new LogLayout(@namespace).Learned, LearnedCodec.Encode(State(@namespace, tokens)));
    }

    private protected static LearnedState State(NamespaceKey @namespace, long tokens)
    {
        VoteWeights weights = new();
        for (int i = 0; i < 500; i++)
            weights.LearnVote(i % 7, i % 11, match: i % 12, gradient: 0.3f);
        return new LearnedState(@namespace, tokens, weights, new Calibration());
    }

    /// <summary>Says that it has learned from 1000 tokens, until a deletion, and answers what it is told to.</summary>
    private sealed class AnsweringFollower(Func<Task<LearnedState>> answer) : ISequenceFollower
    {
        public RecordingFollower Inner { get; } = new();

        public IReadOnlyDictionary<NamespaceKey, long> LearnedTokens => Inner.LearnedTokens.Count == 0 && Inner.Deletions == 0
            ? new Dictionary<NamespaceKey, long> { [One] = 1000 } : Inner.LearnedTokens;

        public async Task<LearnedState?> CopyLearnedAsync(NamespaceKey @namespace, CancellationToken cancellationToken) => await answer();

        public void Learned(LearnedState state) => Inner.Learned(state);

        public void Add(StoredSequence sequence) => Inner.Add(sequence);

        public void Deleted(NamespaceKey @namespace) => Inner.Deleted(@namespace);

        public void CaughtUp() => Inner.CaughtUp();

        public void Away(string reason) => Inner.Away(reason);

        public void Back() => Inner.Back();
    }
}

public sealed class GarnetLearnedStoreTests : LearnedStoreTests
{
    private protected override StoreServer Server { get; } = new GarnetServer();
}

[Trait("Category", "Redis")]
public sealed class RedisLearnedStoreTests : LearnedStoreTests
{
    private const int Failed = 2, Back = 3, NotSubscribed = 10;

    private protected override StoreServer Server { get; } = new RedisServer();

    [Theory]
    [InlineData("replicaof 127.0.0.1 1", "replicaof no one")]           // a read-only replica
    [InlineData("config set maxmemory 1", "config set maxmemory 0")]    // full
    public async Task WritesRefused_AreCountedAndMadeOnceTheyMayBe(string breaks, string mends)
    {
        LinesLogger logger = new();
        await using LearningServer serving = await new LearningServer(new RedisSequenceStore(Options(Soon), logger), Vocabulary, One).StartAsync();
        await serving.LearnAsync(calls: 5);
        await UntilStoredAsync(serving);
        await PassAsync(serving);
        await ExecuteAsync(breaks);
        long before = serving.Store.Statistics.LearnedStored, failures = serving.Store.Statistics.Failures;
        serving.Learn(calls: 20);
        await serving.UntilAsync(() => serving.Store.Statistics.Failures > failures + 10 && Logged().Length > 0);
        Assert.Equal(before, serving.Store.Statistics.LearnedStored);
        Assert.True(serving.History.LearnedTokens[One] > await StoredTokensAsync(One));
        Assert.Equal([Failed], Logged());   // of the sequences, once

        await ExecuteAsync(mends);
        await serving.UntilAsync(() => serving.Store.Statistics.LearnedStored > before);
        await serving.UntilAsync(() => Logged().Length > 1);
        Assert.Equal([Failed, Back], Logged());

        int[] Logged()
        {
            lock (logger.Events)
                return [.. logger.Events.Where(line => line != NotSubscribed)];
        }
    }

    /// <summary>More namespaces than are asked for at once.</summary>
    [Fact]
    public async Task WritesRefused_WhatIsStoredOfOthersIsTakenOver()
    {
        NamespaceKey[] many = [.. Enumerable.Range(0, 70).Select(i => NamespaceKey.Derive([1], $"{i}", "m", "t"))];
        await AppendAsync([.. many.SelectMany(key => Sequences(key, seed: 1, count: 1))]);
        await StoreAsync(many[^1], tokens: 1000);
        await ExecuteAsync("config set maxmemory 1");
        RecordingFollower follower = new();
        follower.Known[many[0]] = State(many[0], tokens: 1000);
        await using RedisSequenceStore store = Store(Options(Soon));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Ended);
        Task following = store.FollowAsync(many, follower, stop.Token);
        await UntilAsync(() => follower.IsCaughtUp);
        Assert.Equal((1000, 0), (follower.Known.GetValueOrDefault(many[^1])?.Tokens, store.Statistics.LearnedStored));
        await stop.CancelAsync();
        await following;
    }

    private async Task ExecuteAsync(string command)
    {
        await using ConnectionMultiplexer connection = await Server.ConnectAsync();
        string[] words = command.Split(' ');
        await connection.GetServers()[0].ExecuteAsync(words[0], [.. words[1..].Cast<object>()]);
    }
}
