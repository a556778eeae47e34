using Agentic.ModelRuntime;
using Agentic.SuffixCache;
using Microsoft.Extensions.Logging.Abstractions;

namespace Agentic.Tests;

/// <summary>All 216 outputs of three tokens over six words, written by the engine with drafts of one source or of all, against the exact product of
/// the scripted model's probabilities. The bound is 215 + 6 · √(2 · 215) for χ² with 215 degrees of freedom.</summary>
public sealed class SourceDistributionTests
{
    private const int Vocabulary = 6, Runs = 40_000, Together = 8;

    [Theory]
    [InlineData("suffix", DraftSource.Suffix)]
    [InlineData("suffix", DraftSource.Prediction)]
    [InlineData("suffix", DraftSource.Schema)]
    [InlineData("suffix", DraftSource.Recycling)]
    [InlineData("eagle", DraftSource.Eagle)]
    [InlineData("coupled", DraftSource.Eagle)]
    [InlineData("coupled", DraftSource.Suffix, DraftSource.Prediction, DraftSource.Schema, DraftSource.Recycling, DraftSource.Eagle)]
    public async Task AnySource_KeepsTheTargetsJointDistribution(string head, params DraftSource[] sources)
    {
        using var model = new ScriptedModel(Vocabulary);
        var options = new EngineOptions { KvBlocks = 64, MaxSequences = Together, DraftSources = sources };
        model.AllocateKv(options.KvBlocks);
        using var history = new SuffixHistory(Vocabulary, byteBudget: 1 << 20);
        using var metrics = new RuntimeMetrics();
        using var scripted = new ScriptedHead(Vocabulary);
        LevelGrowth? growth = !sources.Contains(DraftSource.Eagle) ? null : new LevelGrowth(
            new EagleDrafter(
                scripted, new StateCache(model, options.KvBlocks, model.BlockSize, 1 << 20), model.BlockSize, Together,
                new EagleOptions { Coupled = head == "coupled", Stop = DraftStop.Depth, Children = 2 }),
            new LevelCost(new VerifyCost([1e-9], 0), 0));
        await using var engine = new InferenceEngine(
            model, options, InferenceEngine.Drafters(model, options, history), new VerifyCost([.. Enumerable.Repeat(1.0, 18)], 0), metrics,
            new StandingClock(), NullLogger.Instance, growth);

        int[] counts = new int[Vocabulary * Vocabulary * Vocabulary];
        int accepted = 0;
        for (int run = 0; run < Runs; run += Together)
        {
            Generation[] generations = [.. Enumerable.Range(run, Together).Select(seed => engine.Submit(Request(seed)))];
            while (engine.RunStep())
            {
            }

            foreach (Generation generation in generations)
            {
                accepted += generation.Statistics.AcceptedTokens;
                int cell = 0;
                while (generation.Outputs.TryRead(out TokenOutput output))
                    cell = (cell * Vocabulary) + output.TokenId;
                counts[cell]++;
            }
        }

        Assert.True(accepted > Runs / 10, $"{accepted} tokens were accepted.");
        double chiSquare = 0;
        for (int cell = 0; cell < counts.Length; cell++)
        {
            int a = cell / (Vocabulary * Vocabulary), b = cell / Vocabulary % Vocabulary, c = cell % Vocabulary;
            double expected = Runs * Probability([1, 2], a) * Probability([1, 2, a], b) * Probability([1, 2, a, b], c);
            chiSquare += Math.Pow(counts[cell] - expected, 2) / expected;
        }

        Assert.InRange(chiSquare, 0, 215 + (6 * Math.Sqrt(2 * 215)));
    }

    private static double Probability(int[] history, int token)
    {
        float[] logits = new float[Vocabulary];
        ScriptedModel.Score(history, logits);
        return Math.Exp(logits[token]) / logits.Sum(logit => Math.Exp(logit));
    }

    private static GenerationRequest Request(int seed) => new()
    {
        Id = $"r{seed}",
        PromptIds = [1, 2],
        PredictionIds = [seed % Vocabulary, seed / 7 % Vocabulary, seed / 49 % Vocabulary],
        CallSkeletons = [new CallSkeleton(0, 0, [[1, 2, seed % Vocabulary, 3]], 2), new CallSkeleton(1, 0, [[2, 4, 4]], 1)],
        Namespace = NamespaceKey.Derive("secret"u8, "tenant", "model", "tokenizer"),
        MaxOutputTokens = 3,
        Sampling = new SamplingParameters { Temperature = 1, Seed = (ulong)seed },
    };
}
