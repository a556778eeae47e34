using System.Diagnostics.Metrics;

namespace Agentic.Tests;

public sealed class MeterExporterTests
{
    [Fact]
    public async Task Instruments_AreShownUnderTheirNames()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        using Meter meter = new("Agentic.Proxy");
        meter.CreateCounter<long>("test_spec_decode_num_drafts", description: "Drafts.").Add(3);
        Counter<long> positions = meter.CreateCounter<long>("test_spec_decode_num_accepted_tokens_per_pos");
        positions.Add(2, new KeyValuePair<string, object?>("position", 0));
        positions.Add(1, new KeyValuePair<string, object?>("position", 1));
        meter.CreateObservableGauge("test_kv_cache_usage_perc", () => 0.25);
        meter.CreateObservableCounter("test_prompt_tokens", () => 7L);
        UpDownCounter<int> running = meter.CreateUpDownCounter<int>("test_num_requests_running");
        running.Add(3);
        running.Add(-1);
        meter.CreateHistogram<double>("test_time_to_first_token_seconds").Record(0.3);

        await host.Client.GetStringAsync("/health", TestContext.Current.CancellationToken);
        string text = await host.Client.GetStringAsync("/metrics", TestContext.Current.CancellationToken);

        Assert.Contains("# HELP agentic:test_spec_decode_num_drafts_total Drafts.\n# TYPE agentic:test_spec_decode_num_drafts_total counter", text, StringComparison.Ordinal);
        foreach (string line in (string[])[
            "agentic:test_spec_decode_num_drafts_total{model_name=\"fake-model\"} 3",
            "agentic:test_spec_decode_num_accepted_tokens_per_pos_total{position=\"0\",model_name=\"fake-model\"} 2",
            "agentic:test_spec_decode_num_accepted_tokens_per_pos_total{position=\"1\",model_name=\"fake-model\"} 1",
            "agentic:test_kv_cache_usage_perc{model_name=\"fake-model\"} 0.25",
            "agentic:test_prompt_tokens_total{model_name=\"fake-model\"} 7",
            "agentic:test_num_requests_running{model_name=\"fake-model\"} 2",
            "agentic:test_time_to_first_token_seconds_bucket{model_name=\"fake-model\",le=\"0.25\"} 0",
            "agentic:test_time_to_first_token_seconds_bucket{model_name=\"fake-model\",le=\"0.5\"} 1",
            "agentic:test_time_to_first_token_seconds_count{model_name=\"fake-model\"} 1",
        ])
            Assert.Contains(line + "\n", text, StringComparison.Ordinal);
        Assert.Matches("agentic:http_server_request_duration_seconds_count\\{[^}]*http_route=\"/health\"[^}]*\\} 1", text);
    }
}
