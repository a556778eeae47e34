using Agentic.Proxy;
using Agentic.SuffixCache;
using Microsoft.Extensions.Logging.Abstractions;

namespace Agentic.Tests;

/// <summary>A history with the store it follows, and a loop in place of the engine's.</summary>
internal sealed class LearningServer(RedisSequenceStore store, int vocabularySize, params NamespaceKey[] namespaces) : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private Task _following = Task.CompletedTask;

    public SuffixHistory History { get; } = new(vocabularySize, byteBudget: 4L << 30, store);

    public RedisSequenceStore Store => store;

    public async Task<LearningServer> StartAsync()
    {
        SequenceReplay replay = new(store, History, TimeProvider.System, NullLogger.Instance);
        _following = await replay.StartAsync(namespaces, _stop.Token);
        return this;
    }

    /// <summary>Makes calls that repeat themselves, and sees them written.</summary>
    public async Task LearnAsync(int calls, NamespaceKey? whose = null)
    {
        Learn(calls, whose);
        await store.FlushAsync(TestContext.Current.CancellationToken);
    }

    public void Learn(int calls, NamespaceKey? whose = null)
    {
        for (int call = 0; call < calls; call++)
        {
            int[] text = Text(call % 3);
            using SuffixSession session = History.BeginSession(whose ?? namespaces[0], text.AsSpan(0, 10));
            Continuation draft = new(16);
            for (int written = 10; written < text.Length; written += 3)
            {
                session.Draft(16, 16, draft);
                session.Append(text.AsSpan(written, 3));
            }
        }
    }

    /// <summary>Does what an engine does that has no request, until something is so.</summary>
    public async Task UntilAsync(Func<bool> condition)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(30));
        while (!condition())
        {
            History.IndexLoaded(1 << 16);
            await Task.Delay(2, limit.Token);
        }
    }

    /// <summary>Ends as a server does.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _following;
        Task keeping = store.KeepLearnedAsync(TestContext.Current.CancellationToken);
        await UntilAsync(() => keeping.IsCompleted);
        await keeping;
        await KillAsync();
    }

    /// <summary>Ends without a word.</summary>
    public async Task KillAsync()
    {
        await _stop.CancelAsync();
        await _following;
        History.Dispose();
        await store.DisposeAsync();
        _stop.Dispose();
    }

    private static int[] Text(int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, 40).Select(_ => random.Next(1000))];
    }
}
