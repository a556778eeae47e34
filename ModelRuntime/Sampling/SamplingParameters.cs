namespace Agentic.ModelRuntime;

/// <summary>How a request's tokens are drawn. The ranges are OpenAI's where it has them; the caller has checked them.</summary>
public sealed record SamplingParameters
{
    /// <summary>0 … 2; 0 takes the most likely token, ties by lowest id.</summary>
    public float Temperature { get; init; } = 1;

    /// <summary>0 … 1: the smallest set of most likely tokens whose probabilities reach this; 1 keeps all.</summary>
    public float TopP { get; init; } = 1;

    /// <summary>The most likely tokens kept; 0 keeps all.</summary>
    public int TopK { get; init; }

    /// <summary>0 … 1: least probability as a share of the largest; 0 keeps all.</summary>
    public float MinP { get; init; }

    /// <summary>−2 … 2, subtracted once from the logit of each token already written.</summary>
    public float PresencePenalty { get; init; }

    /// <summary>−2 … 2, subtracted from the logit of each token already written, times how often.</summary>
    public float FrequencyPenalty { get; init; }

    /// <summary>Above 0; logits of tokens in the prompt or already written are divided by it when positive, multiplied when negative (CTRL, 2019); 1 is none.</summary>
    public float RepetitionPenalty { get; init; } = 1;

    /// <summary>Added to the logits of these token ids, −100 … 100.</summary>
    public IReadOnlyDictionary<int, float>? LogitBias { get; init; }

    /// <summary>Key of the request's random numbers: the same seed gives the same tokens, whatever the load or the speculation.</summary>
    public ulong Seed { get; init; }

    /// <summary>Alternatives whose log-probability is reported beside the drawn token's, 0 … 20; null reports none at all.</summary>
    public int? TopLogprobs { get; init; }
}
