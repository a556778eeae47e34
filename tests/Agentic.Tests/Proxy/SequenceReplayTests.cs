using System.Runtime.CompilerServices;
using Agentic.Proxy;
using Agentic.SuffixCache;
using Microsoft.Extensions.Logging.Abstractions;

namespace Agentic.Tests;

/// <summary>What a start brings back from the store.</summary>
public sealed class SequenceReplayTests
{
    private static readonly NamespaceKey One = NamespaceKey.Derive("secret"u8, "one", "m", "t"),
        Two = NamespaceKey.Derive("secret"u8, "two", "m", "t");

    [Fact]
    public async Task KeptSequences_AreIndexedBeforeTheStart()
    {
        using var history = new SuffixHistory(100, 1 << 26);
        await using var store = new ScriptedStore(failures: 0);

        Task replay = await Replay(store, history).StartAsync([One, Two], TestContext.Current.CancellationToken);
        await replay;

        Assert.Equal(2 * TokensOfOne(), history.Tokens);
    }

    [Fact]
    public async Task StoreThatBreaksOff_IsReadOnFromThere()
    {
        using var history = new SuffixHistory(100, 1 << 26);
        await using var store = new ScriptedStore(failures: 2);

        Task replay = await Replay(store, history).StartAsync([One], TestContext.Current.CancellationToken);
        await replay;
        history.IndexLoaded(int.MaxValue);

        Assert.Equal(3, store.Attempts);
        Assert.Equal(TokensOfOne(), history.Tokens);
    }

    [Fact]
    public async Task StoreThatStaysAway_DelaysNoStartAndNoStop()
    {
        using var history = new SuffixHistory(100, 1 << 26);
        await using var store = new ScriptedStore(failures: int.MaxValue);
        using var stopping = new CancellationTokenSource();

        Task replay = await new SequenceReplay(store, history, TimeProvider.System, NullLogger.Instance).StartAsync([One], stopping.Token);
        Assert.False(replay.IsCompleted);
        await stopping.CancelAsync();

        await replay;
    }

    /// <summary>What a history holds after each of the store's sequences was loaded once.</summary>
    private static long TokensOfOne()
    {
        using var history = new SuffixHistory(100, 1 << 26);
        foreach (int[] sequence in ScriptedStore.Sequences)
            Assert.True(history.Load(One, sequence));
        history.IndexLoaded(int.MaxValue);
        return history.Tokens;
    }

    private static SequenceReplay Replay(ISequenceStore store, SuffixHistory history) =>
        new(store, history, new Hasty(), NullLogger.Instance);

    /// <summary>A clock on which nothing takes longer than a moment.</summary>
    private sealed class Hasty : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime > TimeSpan.FromSeconds(9) ? dueTime : TimeSpan.FromMilliseconds(1), period);
    }

    /// <summary>Breaks off after its second sequence as often as it is told to.</summary>
    private sealed class ScriptedStore(int failures) : ISequenceStore
    {
        public static readonly int[][] Sequences = [.. Enumerable.Range(0, 5).Select(i => Enumerable.Range(i * 10, 20).ToArray())];

        public int Attempts { get; private set; }

        public SequenceStoreStatistics Statistics => default;

        public void Append(StoredSequence sequence) => Assert.Fail("nothing is appended");

        public async IAsyncEnumerable<StoredSequence> ReplayAsync(
            NamespaceKey @namespace, [EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            Attempts++;
            for (int i = 0; i < Sequences.Length; i++)
            {
                await Task.Yield();
                if (i == 2 && Attempts <= failures)
                    throw new SequenceStoreException("away");
                yield return new StoredSequence(@namespace, Sequences[i]);
            }
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
