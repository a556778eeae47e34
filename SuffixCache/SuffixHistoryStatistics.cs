namespace Agentic.SuffixCache;

/// <summary>What a suffix cache holds. Counts are since the start.</summary>
/// <param name="Namespaces">Held now.</param>
/// <param name="Bytes">Native bytes of all indices.</param>
/// <param name="Tokens">In them, separators and repeated context included.</param>
/// <param name="Sequences">Sequences taken in: decoded here, or loaded.</param>
/// <param name="EvictedTokens">Tokens dropped to keep within budgets and quotas.</param>
/// <param name="Waiting">Loaded sequences not yet indexed.</param>
/// <param name="Foreign">Sequences left out because they are of another vocabulary.</param>
/// <param name="Tenants">By tenant, nobody named.</param>
public sealed record SuffixHistoryStatistics(
    int Namespaces, long Bytes, long Tokens, long Sequences, long EvictedTokens, int Waiting, long Foreign, IReadOnlyList<TenantUse> Tenants);

/// <summary>What one tenant holds over its namespaces.</summary>
/// <param name="Tenant">As <see cref="NamespaceKey.Tenant"/> has it.</param>
/// <param name="Bytes">Native.</param>
/// <param name="Tokens">In its indices.</param>
public readonly record struct TenantUse(UInt128 Tenant, long Bytes, long Tokens);
