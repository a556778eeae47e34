using System.Diagnostics.Metrics;
using Agentic.ModelRuntime;
using Agentic.SuffixCache;
using Microsoft.Extensions.Logging.Abstractions;

namespace Agentic.Tests;

public sealed class SourceMetricsTests
{
    [Fact]
    public void RightPrediction_IsCountedUnderItsSource()
    {
        const int Vocabulary = 32, Tokens = 40;
        using var model = new ScriptedModel(Vocabulary);
        var options = new EngineOptions { KvBlocks = 64, MaxDraftNodes = 8 };
        model.AllocateKv(options.KvBlocks);
        using var metrics = new RuntimeMetrics();
        var engine = new InferenceEngine(
            model, options, [new PredictionDrafter(), new SchemaDrafter()], new VerifyCost([.. Enumerable.Repeat(1.0, 18)], 0), metrics, TimeProvider.System,
            NullLogger.Instance);
        var request = new GenerationRequest
        {
            Id = "r",
            PromptIds = [1, 2, 3],
            Namespace = NamespaceKey.Derive("secret"u8, "tenant", "model", "tokenizer"),
            MaxOutputTokens = Tokens,
            Sampling = new SamplingParameters { Temperature = 0 },
        };
        Generation generation = engine.Submit(request with { PredictionIds = [.. PlainDecoding.Generate(request, 0, Vocabulary, Tokens)] });
        while (engine.RunStep())
        {
        }

        Dictionary<(string Name, string Source), double> figures = Read(metrics);
        Assert.Equal(generation.Statistics.AcceptedTokens, figures[("spec_decode_source_num_accepted_tokens", "prediction")]);
        Assert.Equal(generation.Statistics.DraftedTokens, figures[("spec_decode_source_num_draft_tokens", "prediction")]);
        Assert.True(figures[("spec_decode_source_num_proposed_tokens", "prediction")] >= generation.Statistics.DraftedTokens);
        Assert.Equal(generation.Statistics.ExpectedAcceptedTokens, figures[("spec_decode_source_expected_tokens", "prediction")], 1e-3);
        Assert.InRange(figures[("spec_decode_source_calibration_error", "prediction")], 0, 0.5);
        Assert.True(figures[("spec_decode_source_draft_microseconds", "prediction")] > 0);
        Assert.True(generation.Statistics.AcceptedTokens > Tokens / 2);
        Assert.Equal(0, figures[("spec_decode_source_num_draft_tokens", "schema")]);

        // One sequence at a time.
        Assert.Equal(generation.Statistics.DecodeSteps, figures[("spec_decode_batch_steps", "1")]);
        Assert.Equal(generation.Statistics.DraftedTokens, figures[("spec_decode_batch_draft_tokens", "1")]);
        Assert.Equal(generation.Statistics.AcceptedTokens, figures[("spec_decode_batch_accepted_tokens", "1")]);
        Assert.Equal(generation.Statistics.ExpectedAcceptedTokens, figures[("spec_decode_batch_expected_tokens", "1")], 1e-3);
        Assert.True(figures[("step_predicted_seconds", "1")] > 0 && figures[("step_actual_seconds", "1")] > 0);
    }

    private static Dictionary<(string Name, string Source), double> Read(RuntimeMetrics metrics)
    {
        Dictionary<(string, string), double> figures = [];
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (metrics.Owns(instrument) && instrument.IsObservable)
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
        listener.Start();
        listener.RecordObservableInstruments();
        return figures;

        void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            if (tags is [{ Key: "source" or "batch" } label])
                figures[(instrument.Name, label.Value!.ToString()!)] = value;
        }
    }
}
