using Agentic.SuffixCache;

namespace Agentic.ModelRuntime;

/// <summary>Lets the target answer recorded conversations itself: a head that learns from another's text drafts for that other.</summary>
/// <param name="engine">Runs the target.</param>
/// <param name="endTokens">Tokens that end an answer.</param>
/// <param name="mostAnswerTokens">Tokens of an answer.</param>
/// <param name="mostTokens">Tokens of prompt and answer; calls beyond are left as recorded and are not learned.</param>
public sealed class AnswerRegenerator(IInferenceEngine engine, IReadOnlyList<int> endTokens, int mostAnswerTokens, int mostTokens)
{
    private static readonly NamespaceKey Namespace = NamespaceKey.Derive("training"u8, "training", "training", "training");

    /// <summary>Answers every call of a conversation as it was recorded up to there.</summary>
    /// <param name="conversation">As it was recorded.</param>
    /// <param name="temperature">0 for the most likely tokens.</param>
    /// <param name="seed">Of the draws.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>The conversation, in which answers that came out as recorded are written; then one sequence for each other answer, behind its
    /// prompt.</returns>
    public async Task<IReadOnlyList<TrainingSequence>> AnswerAsync(
        RecordedConversation conversation, float temperature, ulong seed, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(conversation);
        List<int> tokens = [];
        List<bool> written = [];
        List<TrainingSequence> others = [];
        foreach (RecordedSegment segment in conversation.Segments)
        {
            bool same = false;
            if (segment.Written && tokens.Count > 0 && tokens.Count < mostTokens)
            {
                int[] answer = await GenerateAsync([.. tokens], temperature, seed, cancellation);
                same = answer.AsSpan().SequenceEqual(segment.Tokens);
                if (!same)
                    others.Add(new TrainingSequence(
                        [.. tokens, .. answer], [.. new bool[tokens.Count], .. Enumerable.Repeat(true, answer.Length)]));
            }

            tokens.AddRange(segment.Tokens);
            written.AddRange(Enumerable.Repeat(same, segment.Tokens.Length));
        }

        return written.Contains(true) ? [new TrainingSequence([.. tokens], [.. written]), .. others] : others;
    }

    private async Task<int[]> GenerateAsync(int[] prompt, float temperature, ulong seed, CancellationToken cancellation)
    {
        Generation generation = engine.Submit(new GenerationRequest
        {
            Id = "training",
            PromptIds = prompt,
            Namespace = Namespace,
            Sampling = new SamplingParameters { Temperature = temperature, Seed = seed },
            MaxOutputTokens = Math.Min(mostAnswerTokens, mostTokens - prompt.Length),
            StopTokenIds = endTokens,
        });
        using CancellationTokenRegistration registration = cancellation.Register(generation.Cancel);
        List<int> answer = [];
        FinishReason? finish = null;
        await foreach (TokenOutput output in generation.Outputs.ReadAllAsync(CancellationToken.None))
        {
            if (output.TokenId >= 0)
                answer.Add(output.TokenId);
            finish = output.Finish;
        }

        cancellation.ThrowIfCancellationRequested();
        return finish is FinishReason.Error
            ? throw new InvalidOperationException("The engine failed while it answered a conversation.")
            : [.. answer];
    }
}
