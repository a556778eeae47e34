using Agentic.ModelRuntime;
using Agentic.SuffixCache;
using Microsoft.Extensions.Logging.Abstractions;

namespace Agentic.Tests;

/// <summary>When a draft head is asked.</summary>
public sealed class LevelGrowthTests
{
    private const int Vocabulary = 32;

    [Fact]
    public async Task HeadIsNearlyFree_ManyTokensAStep()
    {
        (SpeculationReport report, int steps) = await Run(Flat(1), headSeconds: 1e-3);

        Assert.True(report.HeadLevels > steps, $"{report.HeadLevels} levels in {steps} steps.");
        Assert.True(steps < 120, $"{steps} steps for 200 tokens.");
    }

    [Fact]
    public async Task HeadCostsTwoSteps_IsNotWorthATry()
    {
        (SpeculationReport report, int steps) = await Run(Flat(1), headSeconds: 2);

        Assert.InRange(report.HeadLevels, 0, 2);
        Assert.InRange(steps, 196, 200);
    }

    [Fact]
    public async Task RowsCostAsMuchAsSteps_CheapHeadIsTriedNowAndThen_NothingIsDrafted()
    {
        (SpeculationReport report, int steps) = await Run([1, 2, 3, 4, 6, 8, 12, 16], headSeconds: 1e-3);

        Assert.Equal(200, steps);
        Assert.InRange(report.HeadLevels, 1, 4);
    }

    [Fact]
    public async Task HeadNeverPays_IsTriedMoreAndMoreSeldom()
    {
        double[] cost = [1, 2, 3, 4, 6, 8, 12, 16];
        (SpeculationReport few, _) = await Run(cost, new LevelCost(new VerifyCost(Flat(0.3), 0), 0), requests: 10);
        (SpeculationReport many, int steps) = await Run(cost, new LevelCost(new VerifyCost(Flat(0.3), 0), 0), requests: 40);

        // At half a percent of the time a level is due in every 64th of the 8,000 steps.
        Assert.InRange(few.HeadLevels, 10, 30);
        Assert.InRange(many.HeadLevels, few.HeadLevels + 10, steps / 64 / 2);
    }

    [Fact]
    public async Task HeadNeverPays_IsTriedOnFewPairs()
    {
        List<int> passes = [];
        await Run([1, 2, 3, 4, 6, 8, 12, 16], new LevelCost(new VerifyCost(Flat(0.3), 0), 0), requests: 10, passes: passes);

        Assert.True(passes.Count >= 10, $"{passes.Count} passes.");
        Assert.All(passes, rows => Assert.InRange(rows, 1, 1 + EagleSequence.FewPairs));
    }

    [Fact]
    public async Task HeadWasDearForAWhile_IsUsedAgain()
    {
        var cost = new LevelCost(new VerifyCost(Flat(1e-3), 0), 0);
        while (cost.Seconds(1, 0, 0, isFirst: false) < 2)
            cost.Observe(1, 0, 0, isFirst: false, 2 * cost.Seconds(1, 0, 0, isFirst: false));
        (SpeculationReport report, int steps) = await Run(Flat(1), cost, requests: 40);

        Assert.True(report.HeadLevels > 1000, $"{report.HeadLevels} levels in {steps} steps.");
        Assert.True(steps < 5000, $"{steps} steps for 8000 tokens.");
    }

    [Theory]
    [InlineData(DraftStop.Depth, 3)]
    [InlineData(DraftStop.Beam, 0.5)]
    [InlineData(DraftStop.Entropy, 0.5)]
    public async Task OtherRules_DoNotAskForTheRate(DraftStop stop, double leastLevels)
    {
        (SpeculationReport report, int steps) = await Run(Flat(1), headSeconds: 100, new EagleOptions { Stop = stop, Depth = 4 });

        Assert.True(report.HeadLevels >= leastLevels * steps, $"{report.HeadLevels} levels in {steps} steps.");
    }

    [Fact]
    public async Task SampledText_CoupledCandidatesAreAcceptedMoreOften()
    {
        (SpeculationReport coupled, int few) = await Run(Flat(1), 1e-3, new EagleOptions { Coupled = true }, temperature: 1);
        (SpeculationReport likeliest, int many) = await Run(Flat(1), 1e-3, new EagleOptions { Coupled = false }, temperature: 1);

        Assert.True(coupled.Sources[0].Accepted > 1.1 * likeliest.Sources[0].Accepted && few < many, $"{coupled.Sources[0]} and {likeliest.Sources[0]}");
    }

    private static double[] Flat(double seconds) => [.. Enumerable.Repeat(seconds, 18)];

    private static Task<(SpeculationReport Report, int Steps)> Run(
        double[] cost, double headSeconds, EagleOptions? eagle = null, float temperature = 0) =>
        Run(cost, new LevelCost(new VerifyCost(Flat(headSeconds), 0), 0), requests: 1, eagle, temperature);

    private static async Task<(SpeculationReport Report, int Steps)> Run(
        double[] cost, LevelCost headCost, int requests, EagleOptions? eagle = null, float temperature = 0, List<int>? passes = null)
    {
        using var model = new ScriptedModel(Vocabulary);
        using var head = new ScriptedHead(Vocabulary);
        var options = new EngineOptions { KvBlocks = 128, MaxSequences = 2 };
        model.AllocateKv(options.KvBlocks);
        var states = new StateCache(model, options.KvBlocks, model.BlockSize, 1 << 20);
        var growth = new LevelGrowth(
            new EagleDrafter(head, states, model.BlockSize, options.MaxSequences, eagle ?? new EagleOptions()), headCost);
        using var metrics = new RuntimeMetrics();

        await using var engine = new InferenceEngine(
            model, options, [], new VerifyCost(cost, 0), metrics, new StandingClock(), NullLogger.Instance, growth);
        for (int i = 0; i < requests; i++)
        {
            engine.Submit(new GenerationRequest
            {
                Id = $"r{i}",
                PromptIds = [1, 2, 3],
                Namespace = NamespaceKey.Derive("secret"u8, "tenant", "model", "tokenizer"),
                MaxOutputTokens = 200,
                Sampling = new SamplingParameters { Temperature = temperature, Seed = 5 },
            });
            while (engine.RunStep())
            {
            }
        }

        passes?.AddRange(head.Passes);
        return (engine.Report(), model.Steps);
    }
}
