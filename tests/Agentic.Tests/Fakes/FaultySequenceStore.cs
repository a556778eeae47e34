using System.Runtime.CompilerServices;
using Agentic.SuffixCache;

namespace Agentic.Tests;

/// <summary>How a store fails at one call.</summary>
internal enum StoreFault
{
    None,

    /// <summary>The sequence is lost and counted as refused, as with a full queue.</summary>
    Refuse,

    /// <summary>It arrives with the next call that goes well.</summary>
    Late,

    /// <summary>The call throws, which a store may not do: whoever appends must outlive even that.</summary>
    Throw,

    /// <summary>The call takes its time.</summary>
    Slow,
}

/// <summary>A store in memory that fails as its script says, then goes on well; for the engine's simulation.</summary>
/// <param name="script">The fault of each call of Append in turn, asked under a lock; null goes well.</param>
internal sealed class FaultySequenceStore(Func<StoreFault>? script = null) : ISequenceStore
{
    private readonly List<StoredSequence> _kept = [];
    private readonly List<StoredSequence> _late = [];
    private readonly Lock _lock = new();
    private long _dropped, _failures;

    /// <summary>Whether a replay breaks off after its first sequence.</summary>
    public bool ReplayFails { get; set; }

    /// <summary>What arrived, in order.</summary>
    public IReadOnlyList<StoredSequence> Kept
    {
        get
        {
            lock (_lock)
            {
                return [.. _kept];
            }
        }
    }

    public SequenceStoreStatistics Statistics
    {
        get
        {
            lock (_lock)
            {
                return new SequenceStoreStatistics(_late.Count == 0, _late.Count, 0, _kept.Count, 0, _dropped, _failures, 0, 0);
            }
        }
    }

    public void Append(StoredSequence sequence)
    {
        lock (_lock)
        {
            switch (script?.Invoke() ?? StoreFault.None)
            {
                case StoreFault.Refuse:
                    _dropped++;
                    return;
                case StoreFault.Late:
                    _late.Add(sequence);
                    return;
                case StoreFault.Throw:
                    _failures++;
                    throw new SequenceStoreException("The script says so.");
                case StoreFault.Slow:
                    Thread.Sleep(1);
                    break;
            }

            _kept.AddRange(_late);
            _late.Clear();
            _kept.Add(sequence);
        }
    }

    public async IAsyncEnumerable<StoredSequence> ReplayAsync(
        NamespaceKey @namespace, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        foreach (StoredSequence sequence in Kept.Where(kept => kept.Namespace == @namespace))
        {
            await Task.Yield();
            cancellationToken.ThrowIfCancellationRequested();
            yield return sequence;
            if (ReplayFails)
            {
                throw new SequenceStoreException("The script says so.");
            }
        }
    }

    public Task FollowAsync(IReadOnlyCollection<NamespaceKey> namespaces, ISequenceFollower follower, CancellationToken cancellationToken) =>
        Task.CompletedTask;   // nobody else writes

    public Task KeepLearnedAsync(CancellationToken cancellationToken = default) => Task.CompletedTask;

    public ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            _kept.AddRange(_late);
            _late.Clear();
        }

        return ValueTask.CompletedTask;
    }
}
