using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>Tokens of a request. A choice's tokens count its stop token, as far as the client's answer reaches.</summary>
internal sealed record Usage(
    int PromptTokens, int CompletionTokens, int TotalTokens, PromptTokensDetails PromptTokensDetails,
    CompletionTokensDetails CompletionTokensDetails)
{
    /// <param name="prompt">Tokens of the request's prompts.</param>
    /// <param name="generations">That answer them.</param>
    /// <param name="choices">Read from them.</param>
    /// <param name="predicted">How far they were predicted, or null where nothing was. As OpenAI counts, what of the prediction did not
    /// come is part of the completion tokens.</param>
    public static Usage Of(
        int prompt, IReadOnlyCollection<Generation> generations, IReadOnlyCollection<ChoiceReader> choices,
        PredictionCursor? predicted = null)
    {
        (int accepted, int rejected) = predicted is null ? (0, 0) : (predicted.Accepted, predicted.Rejected);
        int completionTokens = choices.Sum(choice => choice.Tokens) + rejected, reasoning = choices.Sum(choice => choice.ReasoningTokens);
        int cached = generations.Sum(generation => generation.Statistics.CachedPromptTokens);
        return new(prompt, completionTokens, prompt + completionTokens, new(cached, 0, 0), new(reasoning, 0, accepted, rejected));
    }
}

/// <summary>What the prompt's tokens were. All fields are always there; 0 is an answer.</summary>
internal sealed record PromptTokensDetails(int CachedTokens, int AudioTokens, int CacheWriteTokens);

/// <summary>What the answer's tokens were. All fields are always there; 0 is an answer.</summary>
internal sealed record CompletionTokensDetails(
    int ReasoningTokens, int AudioTokens, int AcceptedPredictionTokens, int RejectedPredictionTokens);
