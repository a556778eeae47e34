using System.Diagnostics.Metrics;

namespace Agentic.ModelRuntime;

/// <summary>What the engine tells the outside, under vLLM's names, so that existing dashboards need only another prefix.</summary>
public sealed class RuntimeMetrics : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Agentic.ModelRuntime";

    private readonly Meter _meter = new(MeterName);
    private readonly Counter<long> _drafts, _draftTokens, _acceptedTokens, _acceptedPerPosition, _preemptions, _prefixQueries, _prefixHits;
    private readonly Counter<long> _promptTokens, _generationTokens, _requests;
    private readonly Histogram<double> _timeToFirstToken, _endToEnd, _queueTime, _interToken, _step;
    private readonly Histogram<long> _stepRows;

    /// <summary>Creates the instruments.</summary>
    public RuntimeMetrics()
    {
        _drafts = _meter.CreateCounter<long>("spec_decode_num_drafts", null, "Draft trees verified.");
        _draftTokens = _meter.CreateCounter<long>("spec_decode_num_draft_tokens", null, "Draft nodes verified.");
        _acceptedTokens = _meter.CreateCounter<long>("spec_decode_num_accepted_tokens", null, "Draft nodes accepted.");
        _acceptedPerPosition = _meter.CreateCounter<long>("spec_decode_num_accepted_tokens_per_pos", null, "Draft nodes accepted, by depth − 1.");
        _preemptions = _meter.CreateCounter<long>("num_preemptions", null, "Sequences sent back to the waiting line because KV blocks ran out.");
        _prefixQueries = _meter.CreateCounter<long>("prefix_cache_queries", null, "Prompt tokens looked up in the prefix cache.");
        _prefixHits = _meter.CreateCounter<long>("prefix_cache_hits", null, "Prompt tokens found in the prefix cache.");
        _promptTokens = _meter.CreateCounter<long>("prompt_tokens", null, "Prompt tokens of admitted requests.");
        _generationTokens = _meter.CreateCounter<long>("generation_tokens", null, "Tokens generated.");
        _requests = _meter.CreateCounter<long>("request_success", null, "Choices ended, by finished_reason.");
        _timeToFirstToken = _meter.CreateHistogram<double>("time_to_first_token_seconds", "s", "From submission to the first token.");
        _interToken = _meter.CreateHistogram<double>("inter_token_latency_seconds", "s", "Mean time between a choice's tokens.");
        _endToEnd = _meter.CreateHistogram<double>("e2e_request_latency_seconds", "s", "From submission to the last token of a choice.");
        _queueTime = _meter.CreateHistogram<double>("request_queue_time_seconds", "s", "From submission to admission.");
        _step = _meter.CreateHistogram<double>("step_seconds", "s", "One step: draft, forward, verify, commit.");
        _stepRows = _meter.CreateHistogram<long>("iteration_tokens_total", null, "Rows of a step.");
    }

    /// <summary>Whether an instrument is one of these: other engines of the process have their own of the same names.</summary>
    internal bool Owns(Instrument instrument) => ReferenceEquals(instrument.Meter, _meter);

    /// <summary>Lets gauges read an engine's state.</summary>
    internal void Watch(Func<int> running, Func<int> waiting, Func<double> kvUsage)
    {
        _meter.CreateObservableGauge("num_requests_running", running, null, "Sequences being decoded.");
        _meter.CreateObservableGauge("num_requests_waiting", waiting, null, "Sequences waiting.");
        _meter.CreateObservableGauge("kv_cache_usage_perc", kvUsage, null, "Share of KV blocks held by sequences, 0 … 1.");
    }

    /// <summary>Shows how each source of drafts fares, with the source as label: a second family beside vLLM's totals. A node that several
    /// sources named counts for each.</summary>
    internal void Watch(IReadOnlyList<SourceStatistics> sources)
    {
        _meter.CreateObservableCounter("spec_decode_source_num_proposed_tokens", () => Of(sources, s => s.Proposed), null, "Draft nodes proposed, by source.");
        _meter.CreateObservableCounter("spec_decode_source_num_draft_tokens", () => Of(sources, s => s.Drafted), null, "Draft nodes verified, by source.");
        _meter.CreateObservableCounter("spec_decode_source_num_accepted_tokens", () => Of(sources, s => s.Accepted), null, "Draft nodes accepted, by source.");
        _meter.CreateObservableCounter(
            "spec_decode_source_expected_tokens", () => Of(sources, s => s.Expected), null, "Draft nodes that the source said would be accepted.");
        _meter.CreateObservableGauge(
            "spec_decode_source_calibration_error", () => Of(sources, s => s.CalibrationError), null,
            "Mean distance of a source's probabilities and what was accepted, 0 … 1.");
        _meter.CreateObservableCounter(
            "spec_decode_source_draft_microseconds", () => Of(sources, s => 1e6 * s.Seconds), null, "Time spent proposing and learning, by source.");
    }

    /// <summary>Shows how well steps are foretold, with the number of sequences they decode as label (1, 2, 4, … and more; 0: prompts alone), and what a
    /// draft head does.</summary>
    internal void Watch(StepTimes times, LevelGrowth? growth)
    {
        _meter.CreateObservableCounter(
            "step_predicted_seconds", () => Of(times, b => b.PredictedSeconds), null, "Time that steps were expected to take, by sequences decoded.");
        _meter.CreateObservableCounter("step_actual_seconds", () => Of(times, b => b.ActualSeconds), null, "Time that they took, by sequences decoded.");
        _meter.CreateObservableCounter("spec_decode_batch_steps", () => Of(times, b => b.Steps), null, "Steps, by sequences decoded.");
        _meter.CreateObservableCounter("spec_decode_batch_draft_tokens", () => Of(times, b => b.Drafted), null, "Draft nodes verified, by sequences decoded.");
        _meter.CreateObservableCounter(
            "spec_decode_batch_expected_tokens", () => Of(times, b => b.Expected), null, "Draft nodes expected to be accepted, by sequences decoded.");
        _meter.CreateObservableCounter(
            "spec_decode_batch_accepted_tokens", () => Of(times, b => b.Accepted), null, "Draft nodes accepted, by sequences decoded.");
        _meter.CreateObservableGauge(
            "step_prediction_error", () => times.MedianError, null, "Median of |predicted − actual| / actual step time over the last steps.");
        if (growth is null)
            return;
        if (growth.Check is { } check)
            _meter.CreateObservableGauge("spec_decode_eagle_self_check", () => check.Acceptance, null, "Acceptance of the head's first token as it was loaded.");
        _meter.CreateObservableCounter("spec_decode_eagle_steps", () => growth.Steps, null, "Steps in which the draft head ran.");
        _meter.CreateObservableCounter("spec_decode_eagle_levels", () => growth.Levels, null, "Levels that it ran.");
        _meter.CreateObservableCounter("spec_decode_eagle_seconds", () => growth.Seconds.Actual, null, "Time that they took.");
        _meter.CreateObservableCounter(
            "spec_decode_eagle_expected_seconds", () => growth.Seconds.Expected, null, "Time that they were expected to take.");
    }

    private static IEnumerable<Measurement<T>> Of<T>(StepTimes times, Func<BatchReport, T> figure)
        where T : struct =>
        times.Batches.Select(batch => new Measurement<T>(figure(batch), new KeyValuePair<string, object?>("batch", batch.Sequences)));

    private static IEnumerable<Measurement<T>> Of<T>(IReadOnlyList<SourceStatistics> sources, Func<SourceStatistics, T> figure)
        where T : struct =>
        sources.Select(source => new Measurement<T>(figure(source), new KeyValuePair<string, object?>("source", source.Label)));

    internal void Admitted(int promptTokens, int cachedTokens, TimeSpan waited)
    {
        _promptTokens.Add(promptTokens);
        _prefixQueries.Add(promptTokens);
        _prefixHits.Add(cachedTokens);
        _queueTime.Record(waited.TotalSeconds);
    }

    internal void Verified(int drafted, int accepted, int tokens)
    {
        _generationTokens.Add(tokens);
        if (drafted == 0)
            return;
        _drafts.Add(1);
        _draftTokens.Add(drafted);
        _acceptedTokens.Add(accepted);
        for (int i = 0; i < accepted; i++)
            _acceptedPerPosition.Add(1, new KeyValuePair<string, object?>("position", Positions[Math.Min(i, Positions.Length - 1)]));
    }

    internal void Preempted(long count) => _preemptions.Add(count);

    internal void Stepped(int rows, TimeSpan elapsed)
    {
        _stepRows.Record(rows);
        _step.Record(elapsed.TotalSeconds);
    }

    internal void FirstToken(TimeSpan elapsed) => _timeToFirstToken.Record(elapsed.TotalSeconds);

    internal void Finished(FinishReason reason, TimeSpan total, TimeSpan sinceFirstToken, int tokens)
    {
        _requests.Add(1, new KeyValuePair<string, object?>("finished_reason", FinishReasons[(int)reason]));
        _endToEnd.Record(total.TotalSeconds);
        if (tokens > 1)
            _interToken.Record(sinceFirstToken.TotalSeconds / (tokens - 1));
    }

    /// <summary>Ends the instruments.</summary>
    public void Dispose() => _meter.Dispose();

    // Boxed once: labels on the step path allocate nothing.
    private static readonly object[] Positions = [.. Enumerable.Range(0, 64).Select(position => (object)position)];
    private static readonly string[] FinishReasons = ["stop", "length", "abort", "error"];
}
