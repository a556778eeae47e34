using Agentic.SuffixCache;

namespace Agentic.Tests;

/// <summary>A store that keeps in memory what it is given.</summary>
internal sealed class RecordingSequenceStore : ISequenceStore
{
    public List<StoredSequence> Sequences { get; } = [];

    public SequenceStoreStatistics Statistics => default;

    public void Append(StoredSequence sequence) => Sequences.Add(sequence);

    public IAsyncEnumerable<StoredSequence> ReplayAsync(NamespaceKey @namespace, CancellationToken cancellationToken = default) =>
        Sequences.Where(sequence => sequence.Namespace == @namespace).ToAsyncEnumerable();

    public Task FollowAsync(
        IReadOnlyCollection<NamespaceKey> namespaces, ISequenceFollower follower, CancellationToken cancellationToken) =>
        Task.CompletedTask;

    public Task KeepLearnedAsync(CancellationToken cancellationToken = default) => Task.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
