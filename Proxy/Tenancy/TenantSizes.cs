namespace Agentic.Proxy;

/// <summary>An amount of memory for each tenant, and other amounts for some.</summary>
/// <param name="Each">Bytes, or null for no bound.</param>
/// <param name="Of">Bytes by tenant's name.</param>
internal sealed record TenantSizes(long? Each, IReadOnlyDictionary<string, long> Of)
{
    public static TenantSizes None { get; } = new(null, new Dictionary<string, long>());
}

/// <summary>That a tenant's requests are also drafted from what another's left.</summary>
/// <param name="Reader">Its name, or null for every tenant.</param>
/// <param name="Owner">The other's name. It learns nothing of the reader.</param>
internal sealed record DraftGrant(string? Reader, string Owner);
