using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary>Brings back at start what the store kept, so that a restarted server still knows it.</summary>
internal sealed class SequenceReplay(ISequenceStore store, SuffixHistory history, ILogger logger)
{
    /// <summary>A start waits this long for a long history; the rest comes while requests are served.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>A store that is away is asked again this often.</summary>
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(5);

    /// <summary>Replays these namespaces. Call before the engine starts: what has come by then is indexed at once.</summary>
    /// <returns>What is left to do while the server runs.</returns>
    public async Task<Task> StartAsync(IReadOnlyCollection<NamespaceKey> namespaces, CancellationToken stopping)
    {
        var retried = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task replay = Task.Run(() => RunAsync(namespaces, retried, stopping), CancellationToken.None);
        await Task.WhenAny(replay, retried.Task, Task.Delay(Patience, stopping));
        while (history.IndexLoaded(int.MaxValue) > 0)
            continue;
        return replay;
    }

    private async Task RunAsync(IReadOnlyCollection<NamespaceKey> namespaces, TaskCompletionSource retried, CancellationToken stopping)
    {
        long tokens = 0, sequences = 0;
        try
        {
            foreach (NamespaceKey space in namespaces)
            {
                int replayed = 0; // sequences of this namespace, over all attempts
                while (true)
                {
                    try
                    {
                        int at = 0;
                        await foreach (StoredSequence sequence in store.ReplayAsync(space, stopping))
                        {
                            if (at++ < replayed)
                                continue;
                            replayed++;
                            if (history.Load(space, sequence.Tokens.Span))
                                (sequences, tokens) = (sequences + 1, tokens + sequence.Tokens.Length);
                        }

                        break;
                    }
                    catch (SequenceStoreException e)
                    {
                        Log.StoreAway(logger, e.Message);
                        retried.TrySetResult();
                        await Task.Delay(RetryInterval, stopping);
                    }
                }
            }

            Log.Replayed(logger, sequences, tokens);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The server stops before all was read; the next one reads it again.
        }
    }
}
