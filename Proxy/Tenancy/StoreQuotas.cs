using System.Collections.Concurrent;
using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary>What the store keeps of each tenant's namespaces, and how long. They may become known after the store was opened.</summary>
/// <param name="sizes">As configured.</param>
/// <param name="age">As configured; null for the store's default.</param>
/// <param name="secret">Namespaces are derived with; null where it is not known, and then only the size for each counts.</param>
internal sealed class StoreQuotas(TenantSizes sizes, TimeSpan? age, byte[]? secret)
{
    private readonly ConcurrentDictionary<NamespaceKey, long> _bytes = new();
    private readonly Dictionary<UInt128, long> _ofTenants = secret is null
        ? []
        : sizes.Of.ToDictionary(size => NamespaceKey.TenantOf(secret, size.Key), size => size.Value);

    /// <summary>These options with the quotas.</summary>
    public SequenceStoreOptions Apply(SequenceStoreOptions options) => options with
    {
        RetentionBytes = sizes.Each ?? options.RetentionBytes,
        NamespaceBytes = _bytes,
        RetentionAge = age ?? options.RetentionAge,
    };

    /// <summary>Gives namespaces the quotas of their tenants. Before anything is appended to them.</summary>
    public void Add(IEnumerable<NamespaceKey> namespaces)
    {
        foreach (NamespaceKey key in namespaces)
        {
            if (_ofTenants.TryGetValue(key.Tenant, out long bytes))
                _bytes[key] = bytes;
        }
    }
}
