using Agentic.Proxy;
using Agentic.SuffixCache;
using Microsoft.Extensions.Logging.Abstractions;

namespace Agentic.Tests;

/// <summary>What a start brings back from the store, and what a running server hears.</summary>
public sealed class SequenceReplayTests
{
    private static readonly NamespaceKey One = NamespaceKey.Derive("secret"u8, "one", "m", "t"),
        Two = NamespaceKey.Derive("secret"u8, "two", "m", "t");

    private static readonly int[][] Kept = [.. Enumerable.Range(0, 5).Select(i => Enumerable.Range(i * 10, 20).ToArray())];

    [Fact]
    public async Task KeptSequences_AreIndexedBeforeTheStart()
    {
        using var history = new SuffixHistory(100, 1 << 26);
        await using var store = new ScriptedStore();
        SequenceReplay replay = Replay(store, history);
        Task<Task> starting = replay.StartAsync([One, Two], TestContext.Current.CancellationToken);
        foreach (int[] tokens in Kept)
        {
            store.Follower.Add(new StoredSequence(One, tokens));
            store.Follower.Add(new StoredSequence(Two, tokens));
        }

        store.Statistics = store.Statistics with { Listed = 100, Behind = 25 };
        Assert.False(starting.IsCompleted);
        Assert.Equal(new WarmUp(10, 200, 75, 100), replay.Progress);
        store.Follower.CaughtUp();
        Task following = await starting;

        Assert.Null(replay.Progress);
        Assert.Equal(2 * TokensOfKept(), history.Tokens);
        Assert.False(following.IsCompleted);
    }

    [Fact]
    public async Task SequenceOfAnotherVocabulary_IsCountedAndLeftOut()
    {
        using var history = new SuffixHistory(100, 1 << 26);
        await using var store = new ScriptedStore();
        Task<Task> starting = Replay(store, history).StartAsync([One], TestContext.Current.CancellationToken);
        store.Follower.Add(new StoredSequence(One, new[] { 1, 100 }));
        store.Follower.Add(new StoredSequence(One, new[] { 1, 99 }));
        store.Follower.CaughtUp();
        await starting;
        Assert.Equal((1, 1), (history.Statistics.Foreign, history.Statistics.Sequences));
    }

    [Fact]
    public async Task WhatComesLater_IsIndexedAndWhatIsDeletedForgotten()
    {
        using var history = new SuffixHistory(100, 1 << 26);
        await using var store = new ScriptedStore();
        Task<Task> starting = Replay(store, history).StartAsync([One, Two], TestContext.Current.CancellationToken);
        store.Follower.CaughtUp();
        await starting;

        foreach (int[] tokens in Kept)
        {
            store.Follower.Add(new StoredSequence(One, tokens));
            store.Follower.Add(new StoredSequence(Two, tokens));
        }

        history.IndexLoaded(int.MaxValue);
        Assert.Equal(2 * TokensOfKept(), history.Tokens);
        store.Follower.Deleted(Two);
        history.IndexLoaded(int.MaxValue);
        Assert.Equal(TokensOfKept(), history.Tokens);
    }

    [Fact]
    public async Task StoreThatIsAway_DelaysNoStartAndNoStop()
    {
        using var history = new SuffixHistory(100, 1 << 26);
        await using var store = new ScriptedStore();
        using var stopping = new CancellationTokenSource();

        Task<Task> starting = Replay(store, history).StartAsync([One], stopping.Token);
        store.Follower.Away("It is away.");
        Task following = await starting;
        Assert.False(following.IsCompleted);
        await stopping.CancelAsync();

        await following;
    }

    [Fact]
    public async Task StoppedWhileItLoads_Ends()
    {
        using var history = new SuffixHistory(100, 1 << 26);
        await using var store = new ScriptedStore();
        using var stopping = new CancellationTokenSource();
        Task<Task> starting = Replay(store, history).StartAsync([One], stopping.Token);
        await stopping.CancelAsync();
        await await starting;
    }

    /// <summary>What a history holds after each kept sequence was loaded once.</summary>
    private static long TokensOfKept()
    {
        using var history = new SuffixHistory(100, 1 << 26);
        foreach (int[] sequence in Kept)
            Assert.True(history.Load(One, sequence));
        history.IndexLoaded(int.MaxValue);
        return history.Tokens;
    }

    private static SequenceReplay Replay(ISequenceStore store, SuffixHistory history) =>
        new(store, history, TimeProvider.System, NullLogger.Instance);

    /// <summary>Tells what the test has it tell.</summary>
    private sealed class ScriptedStore : ISequenceStore
    {
        public ISequenceFollower Follower { get; private set; } = null!;

        public SequenceStoreStatistics Statistics { get; set; }

        public void Append(StoredSequence sequence) => Assert.Fail("nothing is appended");

        public IAsyncEnumerable<StoredSequence> ReplayAsync(NamespaceKey @namespace, CancellationToken cancellationToken = default) =>
            AsyncEnumerable.Empty<StoredSequence>();

        public async Task FollowAsync(
            IReadOnlyCollection<NamespaceKey> namespaces, ISequenceFollower follower, CancellationToken cancellationToken)
        {
            Follower = follower;
            await Task.Delay(Timeout.Infinite, cancellationToken).ContinueWith(_ => { }, TaskScheduler.Default);
        }

        public Task KeepLearnedAsync(CancellationToken cancellationToken = default) => Task.CompletedTask;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
