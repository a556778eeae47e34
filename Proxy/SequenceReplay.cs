using System.Diagnostics;
using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary>Keeps the history in step with the store: brings back at start what was kept, then what other servers finish or
/// delete.</summary>
internal sealed class SequenceReplay(ISequenceStore store, SuffixHistory history, TimeProvider time, ILogger logger) : ISequenceFollower
{
    /// <summary>A start waits this long for a long history; the rest comes while requests are served.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan IndexInterval = TimeSpan.FromMilliseconds(5);

    private readonly TaskCompletionSource _warm = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _sequences, _tokens;
    private volatile bool _loading = true;
    private bool _foreign;

    /// <summary>How far it is; null once the server is warm, or waits no longer.</summary>
    public WarmUp? Progress
    {
        get
        {
            SequenceStoreStatistics statistics = store.Statistics;
            return _loading
                ? new WarmUp(Volatile.Read(ref _sequences), Volatile.Read(ref _tokens),
                    statistics.Listed - statistics.Behind, statistics.Listed)
                : null;
        }
    }

    /// <summary>Brings these namespaces back, as far as patience goes. Call before the engine starts: until then this indexes.</summary>
    /// <returns>The following, which ends with the server.</returns>
    public async Task<Task> StartAsync(IReadOnlyCollection<NamespaceKey> namespaces, CancellationToken stopping)
    {
        long started = Stopwatch.GetTimestamp();
        Task following = store.FollowAsync(namespaces, this, stopping);
        while (!_warm.Task.IsCompleted && !following.IsCompleted && Stopwatch.GetElapsedTime(started) < Patience)
        {
            if (history.IndexLoaded(1 << 16) == 0)
                await Task.WhenAny(_warm.Task, following, Task.Delay(IndexInterval, time, CancellationToken.None));
        }

        while (history.IndexLoaded(int.MaxValue) > 0)
            continue;
        _loading = false;
        return following;
    }

    /// <summary>Stores what was learned: call when the following has ended, and requests have, while the engine runs.</summary>
    public Task KeepLearnedAsync() => store.KeepLearnedAsync();

    IReadOnlyDictionary<NamespaceKey, long> ISequenceFollower.LearnedTokens => history.LearnedTokens;

    Task<LearnedState?> ISequenceFollower.CopyLearnedAsync(NamespaceKey @namespace, CancellationToken cancellationToken) =>
        history.CopyLearnedAsync(@namespace, cancellationToken);

    void ISequenceFollower.Learned(LearnedState state) => history.Load(state);

    void ISequenceFollower.Add(StoredSequence sequence)
    {
        if (!history.Load(sequence))
        {
            if (!_foreign)
                Log.SequenceForeign(logger, sequence.Namespace);
            _foreign = true;
            return;
        }

        Interlocked.Increment(ref _sequences);
        Interlocked.Add(ref _tokens, sequence.Tokens.Length);
    }

    void ISequenceFollower.Deleted(NamespaceKey @namespace)
    {
        history.Forget(key => key == @namespace);
        Log.NamespaceForgotten(logger, @namespace);
    }

    void ISequenceFollower.CaughtUp()
    {
        Log.Replayed(logger, Volatile.Read(ref _sequences), Volatile.Read(ref _tokens));
        _warm.TrySetResult();
    }

    void ISequenceFollower.Away(string reason)
    {
        Log.StoreAway(logger, reason);
        _warm.TrySetResult();   // a store that is away delays no start
    }

    void ISequenceFollower.Back() => Log.StoreBack(logger);
}
