using System.Diagnostics.Metrics;
using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary>What the suffix cache holds and lets go. Tenants are counted, and named only where the operator wants it.</summary>
internal sealed class CacheMetrics : IDisposable
{
    private readonly Meter _meter = new("Agentic.SuffixCache");

    /// <param name="history">Whose figures.</param>
    /// <param name="names">Names of tenants, or null to name none.</param>
    public CacheMetrics(SuffixHistory history, Func<UInt128, string?>? names)
    {
        Gauge("cache_bytes", statistics => statistics.Bytes, "Native memory of the suffix cache.");
        Gauge("cache_tokens", statistics => statistics.Tokens, "Tokens in the suffix cache.");
        Gauge("cache_namespaces", statistics => statistics.Namespaces, "Namespaces in the suffix cache.");
        Gauge("cache_tenants", statistics => statistics.Tenants.Count, "Tenants that have something in the suffix cache.");
        Gauge("cache_largest_tenant_bytes", statistics => statistics.Tenants.Select(tenant => tenant.Bytes).DefaultIfEmpty().Max(),
            "Memory of the tenant that holds most of the suffix cache.");
        Gauge("cache_waiting_sequences", statistics => statistics.Waiting, "Sequences read from the store that are not yet indexed.");
        _meter.CreateObservableCounter(
            "cache_sequences", () => history.Statistics.Sequences, null,
            "Sequences the suffix cache has taken in, decoded here or elsewhere.");
        _meter.CreateObservableCounter(
            "cache_evicted_tokens", () => history.Statistics.EvictedTokens, null, "Tokens evicted to keep within budget and quotas.");
        _meter.CreateObservableCounter(
            "cache_foreign_sequences", () => history.Statistics.Foreign, null, "Sequences of the store left out because they are of another vocabulary.");
        if (names is not null)
        {
            _meter.CreateObservableGauge(
                "cache_tenant_bytes", () => ByTenant(history, names), null, "Memory of the suffix cache by tenant.");
        }

        void Gauge(string name, Func<SuffixHistoryStatistics, long> value, string help) =>
            _meter.CreateObservableGauge(name, () => value(history.Statistics), null, help);
    }

    public void Dispose() => _meter.Dispose();

    private static IEnumerable<Measurement<long>> ByTenant(SuffixHistory history, Func<UInt128, string?> names) =>
        history.Statistics.Tenants.Select(tenant =>
            new Measurement<long>(tenant.Bytes, KeyValuePair.Create<string, object?>("tenant", names(tenant.Tenant) ?? "")));
}
