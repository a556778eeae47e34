using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>The model behind the endpoints, loaded and ready.</summary>
internal sealed record ServedModel
{
    /// <summary>What clients call it.</summary>
    public required string Name { get; init; }

    /// <summary>When it was made, or loaded.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>Its tokenizer.</summary>
    public required ITextCodec Codec { get; init; }

    /// <summary>Its chat template, or null: then there are completions but no chat.</summary>
    public required IChatTemplate? Template { get; init; }

    /// <summary>How tokens are drawn where a request does not say, as the checkpoint's <c>generation_config.json</c> has it.</summary>
    public SamplingParameters Defaults { get; init; } = new();

    /// <summary>Tokens that end an answer.</summary>
    public required IReadOnlyList<int> EndTokenIds { get; init; }

    /// <summary>Most tokens of prompt and answer together.</summary>
    public required int MaxContextTokens { get; init; }

    /// <summary>Where requests are generated.</summary>
    public required IInferenceEngine Engine { get; init; }

    /// <summary>Of the weights.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>How a checkpoint wants its tokens drawn where a request does not say.</summary>
    public static SamplingParameters DefaultsOf(GenerationConfig config) => new()
    {
        Temperature = config.DoSample == false ? 0 : config.Temperature ?? 1,
        TopP = config.TopP ?? 1,
        TopK = config.TopK ?? 0,
        MinP = config.MinP ?? 0,
        RepetitionPenalty = config.RepetitionPenalty ?? 1,
    };
}
