namespace Agentic.SuffixCache;

/// <summary>Finished sequences, kept outside the process: appended as requests end, replayed when a server starts, and followed while it
/// runs, so that servers learn from one another.</summary>
/// <remarks>Sequences are kept, not the nodes drawn from them: 1–2 bytes a token, and every server builds its own index. What drafting has
/// learned of a namespace besides is kept too, in tens of kilobytes.</remarks>
public interface ISequenceStore : IAsyncDisposable
{
    /// <summary>Takes a sequence for keeping. Never waits and never throws: what finds no room is refused and counted.</summary>
    void Append(StoredSequence sequence);

    /// <summary>What is retained of one namespace, oldest first. Damaged entries are counted and skipped.</summary>
    /// <remarks>
    /// An entry that cannot be read ends nothing; a store that cannot be reached ends the replay with an exception the caller may retry on.
    /// </remarks>
    /// <exception cref="SequenceStoreException">The store is away, or answers an error.</exception>
    IAsyncEnumerable<StoredSequence> ReplayAsync(NamespaceKey @namespace, CancellationToken cancellationToken = default);

    /// <summary>Tells what is retained of these namespaces, oldest first, and what was learned of them, then what others append and delete, until
    /// cancelled. From time to time stores what the follower has learned.</summary>
    /// <remarks>What this store appended itself is not told. A store that is away is asked again, and nothing is told twice.</remarks>
    /// <returns>Ends, without an exception, when cancelled.</returns>
    Task FollowAsync(IReadOnlyCollection<NamespaceKey> namespaces, ISequenceFollower follower, CancellationToken cancellationToken);

    /// <summary>Stores what followers have learned since it was stored last: to be called when the following has ended and sequences have too,
    /// while <see cref="ISequenceFollower.CopyLearnedAsync"/> is still answered. Waits a while; a store that is away loses it.</summary>
    Task KeepLearnedAsync(CancellationToken cancellationToken = default);

    /// <summary>Counts since the start and what waits now; cheap enough to be read by every scrape.</summary>
    SequenceStoreStatistics Statistics { get; }
}
