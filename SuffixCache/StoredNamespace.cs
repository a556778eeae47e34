namespace Agentic.SuffixCache;

/// <summary>What a store holds of one namespace.</summary>
/// <param name="Key">Whose it is.</param>
/// <param name="Bytes">Of its entries, as they are stored.</param>
/// <param name="Segments">Lists they are in.</param>
public readonly record struct StoredNamespace(NamespaceKey Key, long Bytes, int Segments)
{
    /// <summary>When the oldest was begun; null where there is nothing.</summary>
    public DateTimeOffset? Oldest { get; init; }

    /// <summary>Whether it holds nothing because it was deleted, or nobody ever wrote to it. Of one that was flushed servers may remember
    /// more.</summary>
    internal bool IsGone { get; init; }
}
