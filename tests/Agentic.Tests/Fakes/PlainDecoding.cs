using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary>The truth the engine is held to: one token at a time, no cache, no batch, no draft.</summary>
internal static class PlainDecoding
{
    /// <summary>Tokens of one choice under the scripted model.</summary>
    public static List<int> Generate(GenerationRequest request, int choice, int vocabularySize, int room)
    {
        List<int> history = [.. request.PromptIds];
        var state = new SamplerState(request.Sampling, choice, request.PromptIds, request.Constraint?.Restart());
        var sampler = new Sampler();
        float[] logits = new float[vocabularySize];
        while (history.Count - request.PromptIds.Length < Math.Min(request.MaxOutputTokens, room))
        {
            ScriptedModel.Score(history.ToArray(), logits);
            int token = sampler.Draw(logits, state, out _);
            state.Advance(token);
            history.Add(token);
            if (request.StopTokenIds.Contains(token))
                break;
        }

        return history[request.PromptIds.Length..];
    }
}
