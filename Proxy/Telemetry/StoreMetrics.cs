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
            "store_dropped_sequences", () => store.Statistics.Dropped, null, "Sequences refused because the queue was full, or they cannot be kept.");
        _meter.CreateObservableCounter(
            "store_failures", () => store.Statistics.Failures, null, "Calls to the store that failed and are tried again.");
        _meter.CreateObservableCounter(
            "store_damaged_entries", () => store.Statistics.Damaged, null, "Entries of the store that could not be read.");
        _meter.CreateObservableGauge(
            "store_queued_bytes", () => store.Statistics.QueuedBytes, null, "Memory of the sequences that wait for the store.");
        _meter.CreateObservableCounter(
            "store_written_bytes", () => store.Statistics.WrittenBytes, null, "Bytes the store has acknowledged.");
        _meter.CreateObservableCounter(
            "store_deleted_sequences", () => store.Statistics.Deleted, null, "Sequences given up because their tenant was deleted.");
        _meter.CreateObservableCounter(
            "store_compacted_segments", () => store.Statistics.Compacted, null, "Segments of the store that this server rewrote as larger ones.");
        _meter.CreateObservableCounter(
            "store_reclaimed_bytes", () => store.Statistics.Reclaimed, null, "Bytes of the store that compaction saved.");
        _meter.CreateObservableCounter(
            "store_evicted_bytes", () => store.Statistics.EvictedBytes, null, "Bytes of the store that this server dropped, as too old or too much.");
        _meter.CreateObservableCounter(
            "store_replayed_sequences", () => store.Statistics.Replayed, null, "Sequences read back when the server started.");
        _meter.CreateObservableCounter(
            "store_restored_states", () => store.Statistics.LearnedRestored, null,
            "Times that what drafting had learned of a namespace was taken over from the store.");
        _meter.CreateObservableCounter(
            "store_written_states", () => store.Statistics.LearnedStored, null, "Times that what drafting has learned of a namespace was stored.");
        _meter.CreateObservableCounter(
            "store_followed_sequences", () => store.Statistics.Followed, null,
            "Sequences that other servers finished, read from the store.");
        _meter.CreateObservableGauge(
            "store_behind_bytes", () => store.Statistics.Behind, null, "Bytes of other servers in the store that were not read yet.");
        _meter.CreateObservableGauge(
            "store_lag_seconds", () => store.Statistics.Lag.TotalSeconds, null,
            "From the end of the last sequence of another server to its arrival here.");
    }

    public void Dispose() => _meter.Dispose();
}
