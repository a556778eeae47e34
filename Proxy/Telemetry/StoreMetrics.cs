using System.Diagnostics.Metrics;
using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary>How the sequence store fares: requests never notice that it is away, so this is where an operator does.</summary>
internal sealed class StoreMetrics : IDisposable
{
    private readonly Meter _meter = new("Agentic.SuffixCache");

    public StoreMetrics(ISequenceStore store)
    {
        _meter.CreateObservableGauge(
            "store_connected", () => store.Statistics.Connected ? 1 : 0, null, "Whether the sequence store can be reached, 0 or 1.");
        _meter.CreateObservableGauge(
            "store_queued_sequences", () => store.Statistics.Queued, null, "Sequences that wait for the store.");
        _meter.CreateObservableCounter(
            "store_written_sequences", () => store.Statistics.Written, null, "Sequences the store has acknowledged.");
        _meter.CreateObservableCounter(
            "store_dropped_sequences", () => store.Statistics.Dropped, null, "Sequences refused because the queue was full.");
        _meter.CreateObservableCounter(
            "store_failures", () => store.Statistics.Failures, null, "Calls to the store that failed and are tried again.");
        _meter.CreateObservableCounter(
            "store_damaged_entries", () => store.Statistics.Damaged, null, "Entries of the store that could not be read.");
    }

    public void Dispose() => _meter.Dispose();
}
