using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>
/// How likely a prompt's own tokens are, for <c>echo</c> with <c>logprobs</c>: the model is made to write the prompt from its first token
/// on. The prompt is its own prediction, so it is verified many tokens a step, and what it leaves in the KV cache serves the answer.
/// </summary>
internal static class PromptScores
{
    /// <summary>The request that scores a prompt, or null for a single token, which follows nothing.</summary>
    public static GenerationRequest? RequestFor(GenerationRequest answer) => answer.PromptIds.Length == 1 ? null : answer with
    {
        Id = answer.Id + "-prompt",
        PromptIds = answer.PromptIds[..1],
        MaxOutputTokens = answer.PromptIds.Length - 1,
        StopTokenIds = [],   // a prompt may hold what ends an answer
        Choices = 1,
        PredictionIds = answer.PromptIds[1..],
        Constraint = new Forced(answer.PromptIds[1..]),
    };

    /// <summary>Reads the scores; the first token has none.</summary>
    /// <exception cref="ApiException">The engine failed or is stopping.</exception>
    public static async Task<List<ScoredToken>> ReadAsync(int first, Generation? generation, CancellationToken clientLeft)
    {
        List<ScoredToken> scores = [new(first, null)];
        if (generation is null)
            return scores;
        using CancellationTokenRegistration registration = clientLeft.Register(() => generation.Cancel());
        await foreach (TokenOutput output in generation.Outputs.ReadAllAsync(clientLeft))
        {
            if (output.TokenId >= 0)
                scores.Add(new(output.TokenId, output.Logprobs));
        }

        clientLeft.ThrowIfCancellationRequested();
        return scores.Count == generation.Request.PredictionIds!.Length + 1
            ? scores
            : throw ApiException.Server("The server had an error while scoring the prompt.");
    }

    /// <summary>Allows one token at each place. Log-probabilities are taken before it acts.</summary>
    private sealed class Forced(int[] ids) : ITokenConstraint
    {
        private int _at;

        public bool IsActive => _at < ids.Length;

        public void Mask(Span<float> logits)
        {
            float kept = logits[ids[_at]];
            logits.Fill(float.NegativeInfinity);
            logits[ids[_at]] = float.IsFinite(kept) ? kept : 0;
        }

        public bool Allows(int tokenId) => !IsActive || ids[_at] == tokenId;

        public void Advance(int tokenId) => _at++;

        public ITokenConstraint Restart() => new Forced(ids);
    }
}
