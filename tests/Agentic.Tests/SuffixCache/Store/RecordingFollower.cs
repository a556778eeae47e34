using System.Collections.Concurrent;
using Agentic.SuffixCache;

namespace Agentic.Tests;

/// <summary>Keeps what it is told.</summary>
internal sealed class RecordingFollower : ISequenceFollower
{
    private readonly Lock _lock = new();
    private readonly List<(StoredSequence Sequence, DateTimeOffset At)> _added = [];
    private int _inside;

    public List<StoredSequence> Added
    {
        get
        {
            lock (_lock)
                return [.. _added.Select(added => added.Sequence)];
        }
    }

    /// <summary>How long each took from its end to here.</summary>
    public List<TimeSpan> Latencies
    {
        get
        {
            lock (_lock)
                return [.. _added.Select(added => added.At - added.Sequence.Time)];
        }
    }

    /// <summary>What it says it has learned, until a deletion.</summary>
    public ConcurrentDictionary<NamespaceKey, LearnedState> Known { get; } = [];

    public IReadOnlyDictionary<NamespaceKey, long> LearnedTokens => Known.ToDictionary(known => known.Key, known => known.Value.Tokens);

    public int Deletions { get; private set; }

    public bool IsCaughtUp { get; private set; }

    public int TimesAway { get; private set; }

    public int TimesBack { get; private set; }

    /// <summary>Whether two calls ever overlapped.</summary>
    public bool Overlapped { get; private set; }

    public void Add(StoredSequence sequence) => Alone(() => _added.Add((sequence, DateTimeOffset.UtcNow)));

    public void Deleted(NamespaceKey @namespace) => Alone(() =>
    {
        Deletions++;
        Known.TryRemove(@namespace, out _);
        _added.RemoveAll(added => added.Sequence.Namespace == @namespace);
    });

    public void Learned(LearnedState state) => Alone(() => Known[state.Namespace] = state);

    public Task<LearnedState?> CopyLearnedAsync(NamespaceKey @namespace, CancellationToken cancellationToken) =>
        Task.FromResult(Known.GetValueOrDefault(@namespace));

    public void CaughtUp() => Alone(() => IsCaughtUp = true);

    public void Away(string reason) => Alone(() => TimesAway++);

    public void Back() => Alone(() => TimesBack++);

    private void Alone(Action action)
    {
        Overlapped |= Interlocked.Increment(ref _inside) > 1;
        lock (_lock)
            action();
        Interlocked.Decrement(ref _inside);
    }
}
