using Agentic.ModelRuntime;
using Agentic.Proxy;
using Agentic.SuffixCache;
using Microsoft.Extensions.Logging.Abstractions;

namespace Agentic.Tests;

/// <summary>Prompt scoring on the real engine with a scripted model.</summary>
public sealed class PromptScoresTests
{
    private const int Vocabulary = 32;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Scores_AreTheModelsOwn(bool speculation)
    {
        using ScriptedModel model = new(Vocabulary, blockSize: 4, maxPositions: 128);
        using RuntimeMetrics metrics = new();
        EngineOptions options = new() { KvBlocks = 64, MaxSequences = 4, MaxStepTokens = 64, MaxWaitingRequests = 2 };
        model.AllocateKv(options.KvBlocks);
        await using InferenceEngine engine = new(
            model, options, [new PredictionDrafter()], new VerifyCost([.. Enumerable.Repeat(1.0, 18)], 0), metrics, TimeProvider.System, NullLogger.Instance);
        int[] prompt = [3, 31, 7, 7, 0, 12, 3, 31, 9, 30, 30, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        GenerationRequest answer = new()
        {
            Id = "test",
            PromptIds = prompt,
            Namespace = NamespaceKey.Derive("secret"u8, "tenant", "model", "tokenizer"),
            MaxOutputTokens = 5,
            Sampling = new SamplingParameters { Temperature = 0.9f, TopP = 0.5f, PresencePenalty = 1, TopLogprobs = 2 },
            StopTokenIds = [7],
            Speculation = speculation,
        };

        Generation generation = engine.Submit(PromptScores.RequestFor(answer)!);
        int steps = 0;
        for (; !generation.Outputs.Completion.IsCompleted && engine.RunStep(); steps++)
        {
        }

        List<ScoredToken> scores = await PromptScores.ReadAsync(prompt[0], generation, TestContext.Current.CancellationToken);
        Assert.Equal(prompt, scores.Select(score => score.Id));
        Assert.Null(scores[0].Logprobs);
        float[] logits = new float[Vocabulary];
        for (int i = 1; i < prompt.Length; i++)
        {
            ScriptedModel.Score(prompt.AsSpan(0, i), logits);
            double total = Math.Log(logits.Sum(logit => Math.Exp(logit)));
            Assert.Equal(logits[prompt[i]] - total, scores[i].Logprobs!.Logprob, 1e-4);
            Assert.Equal(logits.Max() - total, scores[i].Logprobs!.Top[0].Logprob, 1e-4);
        }

        Assert.True(speculation ? steps < prompt.Length / 2 : steps >= prompt.Length - 1, $"{steps} steps");
    }

    [Fact]
    public async Task OneToken_NeedsNoModel()
    {
        Assert.Null(PromptScores.RequestFor(new() { Id = "x", PromptIds = [5], Namespace = default, MaxOutputTokens = 1 }));
        Assert.Equal([new ScoredToken(5, null)], await PromptScores.ReadAsync(5, null, TestContext.Current.CancellationToken));
    }
}
