using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary>Says what a script says: for each request, the tokens of each choice, cut into steps.</summary>
internal sealed class FakeEngine : IInferenceEngine
{
    private readonly List<Generation> _generations = [];

    /// <summary>Tokens of one choice. The last is given with <see cref="Finish"/>.</summary>
    public Func<GenerationRequest, int, int[]> Script { get; set; } = (_, _) => [FakeCodec.End];

    /// <summary>How a choice ends whose tokens the script has exhausted; a script longer than the request's limit ends by length.</summary>
    public FinishReason Finish { get; set; } = FinishReason.Stop;

    /// <summary>Sizes of the steps, over and over.</summary>
    public int[] StepTokens { get; set; } = [1];

    /// <summary>Waits before each step but the first, until a test lets it go on.</summary>
    public Func<Task> BeforeStep { get; set; } = () => Task.CompletedTask;

    /// <summary>Given how many requests have come before; may throw.</summary>
    public Action<int> BeforeSubmit { get; set; } = _ => { };

    /// <summary>Thrown by <see cref="Submit"/>.</summary>
    public Exception? Refusal { get; set; }

    /// <summary>Log-probabilities of a token, if they are asked for.</summary>
    public Func<int, TokenLogprobs> Logprobs { get; set; } = id => new(-0.5f, [(id, -0.5f), (FakeCodec.Byte('z'), -1.5f)]);

    public IReadOnlyList<Generation> Generations
    {
        get
        {
            lock (_generations)
                return [.. _generations];
        }
    }

    public GenerationRequest LastRequest => Generations[^1].Request;

    public Generation Submit(GenerationRequest request)
    {
        if (Refusal is not null)
            throw Refusal;
        BeforeSubmit(Generations.Count);
        Generation generation = new(request, (_, _) => { });
        lock (_generations)
            _generations.Add(generation);
        _ = Task.Run(() => RunAsync(generation));
        return generation;
    }

    private async Task RunAsync(Generation generation)
    {
        GenerationRequest request = generation.Request;
        generation.Statistics.CachedPromptTokens = request.PromptIds.Length / 2;
        for (int choice = 0; choice < request.Choices; choice++)
        {
            int[] tokens = Script(request, choice);
            FinishReason finish = tokens.Length > request.MaxOutputTokens ? FinishReason.Length : Finish;
            tokens = tokens[..Math.Min(tokens.Length, request.MaxOutputTokens)];
            for (int at = 0, step = 0; at < tokens.Length; step++)
            {
                if (step > 0)
                    await BeforeStep();
                if (generation.IsCancelled)
                    break;
                for (int end = Math.Min(tokens.Length, at + StepTokens[step % StepTokens.Length]); at < end; at++)
                    generation.Writer.TryWrite(new TokenOutput(choice, tokens[at],
                        request.Sampling.TopLogprobs is null ? null : Logprobs(tokens[at]), at == tokens.Length - 1 ? finish : null));
                generation.Statistics.DecodeSteps++;
            }
        }

        generation.Statistics.OutputTokens = request.Choices;
        generation.Writer.TryComplete();
    }
}
