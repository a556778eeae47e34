using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary>Brings back at start what the store kept, so that a restarted server still knows it.</summary>
internal sealed class SequenceReplay(ISequenceStore store, SuffixHistory history, TimeProvider time, ILogger logger)
{
    /// <summary>A start waits this long for a long history; the rest comes while requests are served.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>A store that is away is asked again this often.</summary>
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(5);

    private readonly Dictionary<NamespaceKey, int> _done = [];
    private long _sequences, _tokens;

    /// <summary>Replays these namespaces. Call before the engine starts: what has come by then is indexed at once.</summary>
    /// <returns>What is left to do while the server runs.</returns>
    public async Task<Task> StartAsync(IReadOnlyCollection<NamespaceKey> namespaces, CancellationToken stopping)
    {
        var retried = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task replay = Task.Run(() => RunAsync(namespaces, retried, stopping), CancellationToken.None);
        await Task.WhenAny(replay, retried.Task, Task.Delay(Patience, time, stopping));
        while (history.IndexLoaded(int.MaxValue) > 0)
            continue;
        return replay;
    }

    private async Task RunAsync(IReadOnlyCollection<NamespaceKey> namespaces, TaskCompletionSource retried, CancellationToken stopping)
    {
        try
        {
            foreach (NamespaceKey space in namespaces)
            {
                while (!await TryReplayAsync(space, stopping))
                {
                    retried.TrySetResult();
                    await Task.Delay(RetryInterval, time, stopping);
                }
            }

            Log.Replayed(logger, _sequences, _tokens);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The server stops before all was read; the next one reads it again.
        }
    }

    /// <summary>Replays a namespace from where the last attempt broke off; false if the store is away.</summary>
    private async Task<bool> TryReplayAsync(NamespaceKey space, CancellationToken stopping)
    {
        try
        {
            int skip = _done.GetValueOrDefault(space);
            await foreach (StoredSequence sequence in store.ReplayAsync(space, stopping))
            {
                if (skip-- > 0)
                    continue;
                _done[space] = _done.GetValueOrDefault(space) + 1;
                if (history.Load(sequence))
                    (_sequences, _tokens) = (_sequences + 1, _tokens + sequence.Tokens.Length);
            }

            return true;
        }
        catch (SequenceStoreException e)
        {
            Log.StoreAway(logger, e.Message);
            return false;
        }
    }
}
