using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>Tokens of a request. A choice's tokens count its stop token, as far as the client's answer reaches.</summary>
internal sealed record Usage(
    int PromptTokens, int CompletionTokens, int TotalTokens, PromptTokensDetails PromptTokensDetails,
    CompletionTokensDetails CompletionTokensDetails)
{
    public static Usage Of(IReadOnlyCollection<Generation> generations, int completionTokens)
    {
        int prompt = generations.Sum(generation => generation.Request.PromptIds.Length);
        int cached = generations.Sum(generation => generation.Statistics.CachedPromptTokens);
        return new(prompt, completionTokens, prompt + completionTokens, new(cached, 0, 0), new(0, 0, 0, 0));
    }
}

/// <summary>What the prompt's tokens were. All fields are always there; 0 is an answer.</summary>
internal sealed record PromptTokensDetails(int CachedTokens, int AudioTokens, int CacheWriteTokens);

/// <summary>What the answer's tokens were. All fields are always there; 0 is an answer.</summary>
internal sealed record CompletionTokensDetails(
    int ReasoningTokens, int AudioTokens, int AcceptedPredictionTokens, int RejectedPredictionTokens);
