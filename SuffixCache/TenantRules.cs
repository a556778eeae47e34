namespace Agentic.SuffixCache;

/// <summary>What tenants may hold, and whom they may read beside themselves. Without any, each holds what finds room and reads only its
/// own.</summary>
public sealed record TenantRules
{
    /// <summary>Native bytes that the indices of a tenant may hold, over all its namespaces; null where only the budget of all bounds
    /// it.</summary>
    /// <remarks>Memory comes and goes by chunks of 1.3 MB, and the one being written stays.</remarks>
    public long? ByteQuota { get; init; }

    /// <summary>Another quota for some, by <see cref="NamespaceKey.Tenant"/>.</summary>
    public IReadOnlyDictionary<UInt128, long> ByteQuotas { get; init; } = new Dictionary<UInt128, long>();

    /// <summary>Whose history a namespace is drafted from beside its own. It only reads them: nothing of it can be seen in any.</summary>
    public IReadOnlyDictionary<NamespaceKey, IReadOnlyList<NamespaceKey>> Reads { get; init; } =
        new Dictionary<NamespaceKey, IReadOnlyList<NamespaceKey>>();

    internal long? QuotaOf(UInt128 tenant) => ByteQuotas.TryGetValue(tenant, out long quota) ? quota : ByteQuota;
}
