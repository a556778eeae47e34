namespace Agentic.SuffixCache;

/// <summary>How many matches the searches of a draft have found so far, all together, by the orders they are as long as.</summary>
internal unsafe struct MatchCounts
{
    private fixed int _asLong[ContextHashes.Orders];

    /// <summary>As many are as long as the highest order as are taken: nothing else need be looked for.</summary>
    public readonly bool IsFull => _asLong[ContextHashes.Orders - 1] >= Occurrences.MostFound;

    /// <summary>A match of so many tokens, at least 1.</summary>
    public void Add(int length)
    {
        for (int order = 0; order < ContextHashes.Orders && length >= ContextHashes.Length(order); order++)
            _asLong[order]++;
    }

    /// <summary>Whether so many are longer that an order's own are not worth looking for.</summary>
    public readonly bool Outdoes(int order) => order == ContextHashes.Orders - 1 ? IsFull : _asLong[order + 1] >= Occurrences.Enough;
}
