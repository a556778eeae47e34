namespace Agentic.SuffixCache;

/// <summary>Learns what a store keeps, and what other servers add to it. Called by one thread at a time.</summary>
public interface ISequenceFollower
{
    /// <summary>A sequence that was kept before, or that another server has just finished.</summary>
    void Add(StoredSequence sequence);

    /// <summary>What drafting had learned of a namespace before, here or elsewhere, where that is more than <see cref="LearnedTokens"/>.</summary>
    /// <param name="state">The follower's from now on.</param>
    void Learned(LearnedState state);

    /// <summary>Of each namespace in memory the tokens that drafting has learned from.</summary>
    IReadOnlyDictionary<NamespaceKey, long> LearnedTokens { get; }

    /// <summary>What drafting has learned of a namespace since, and before; null if nothing, or it was deleted.</summary>
    Task<LearnedState?> CopyLearnedAsync(NamespaceKey @namespace, CancellationToken cancellationToken);

    /// <summary>A namespace was deleted: whatever is remembered of it is to be erased.</summary>
    void Deleted(NamespaceKey @namespace);

    /// <summary>All that was kept when the following began has been added. Called once.</summary>
    void CaughtUp();

    /// <summary>The store cannot be reached, and is asked again. Called once for each time it goes away.</summary>
    void Away(string reason);

    /// <summary>A store that was away answers again.</summary>
    void Back();
}
