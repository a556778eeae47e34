using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>Tokens of a request. A choice's tokens count its stop token, as far as the client's answer reaches.</summary>
internal sealed record Usage(
    int PromptTokens, int CompletionTokens, int TotalTokens, PromptTokensDetails PromptTokensDetails,
    CompletionTokensDetails CompletionTokensDetails)
{
    /// <param name="generations">Of the request.</param>
    /// <param name="completionTokens">Written.</param>
    /// <param name="predicted">How far they were predicted, or null where nothing was. As OpenAI counts, what of the prediction did not come
    /// is part of the completion tokens.</param>
    public static Usage Of(IReadOnlyCollection<Generation> generations, int completionTokens, PredictionCursor? predicted = null)
    {
        (int accepted, int rejected) = predicted is null ? (0, 0) : (predicted.Accepted, predicted.Rejected);
        completionTokens += rejected;
        int prompt = generations.Sum(generation => generation.Request.PromptIds.Length);
        int cached = generations.Sum(generation => generation.Statistics.CachedPromptTokens);
        return new(prompt, completionTokens, prompt + completionTokens, new(cached, 0, 0), new(0, 0, accepted, rejected));
    }
}

/// <summary>What the prompt's tokens were. All fields are always there; 0 is an answer.</summary>
internal sealed record PromptTokensDetails(int CachedTokens, int AudioTokens, int CacheWriteTokens);

/// <summary>What the answer's tokens were. All fields are always there; 0 is an answer.</summary>
internal sealed record CompletionTokensDetails(
    int ReasoningTokens, int AudioTokens, int AcceptedPredictionTokens, int RejectedPredictionTokens);
