using System.Globalization;
using Agentic.Kernels;
using Agentic.ModelRuntime;
using Agentic.Proxy;
using Agentic.SuffixCache;
using Microsoft.Extensions.Logging.Abstractions;

namespace Agentic.Tests;

/// <summary>The first test of the system: on a real model, speculation and batching change nothing but the time.</summary>
public sealed class IdentityTests
{
    private const int Requests = 208;

    [Theory]
    [InlineData(ModelStorage.Float32)]
    [InlineData(ModelStorage.BFloat16)]
    public void SpeculationOnOrOff_AloneOrBatched_SameTokensAndProbabilities(ModelStorage storage)
    {
        using var kernels = new CpuKernels();
        using Transformer model = Transformer.Load(BundledModel.Directory!, new ModelOptions(storage), kernels);
        var options = new EngineOptions { KvBlocks = 1200, MaxSequences = 1 };
        model.AllocateKv(options.KvBlocks);

        Life plain = Run(model, options with { MaxDraftNodes = 0 });
        Life speculating = Run(model, options with { MaxDraftNodes = 12 });
        Life batched = Run(model, options with { MaxDraftNodes = 0, MaxSequences = 8 });
        Life both = Run(model, options with { MaxDraftNodes = 12, MaxSequences = 8, MaxStepTokens = 160 });

        for (int i = 0; i < Requests; i++)
        {
            Assert.Equal(plain.Outputs[i], speculating.Outputs[i]);
            Assert.Equal(plain.Outputs[i], batched.Outputs[i]);
            Assert.Equal(plain.Outputs[i], both.Outputs[i]);
        }

        // Identity of two runs that do the same would prove nothing.
        Assert.Equal(0, plain.Accepted);
        Assert.True(speculating.Accepted > 200 && both.Accepted > 200, $"{speculating.Accepted} and {both.Accepted} draft tokens were accepted.");
        Assert.True(batched.Steps < plain.Steps / 2);
    }

    [Fact]
    public void ReferencePrompts_GreedyTokensEqualTheReference()
    {
        using var kernels = new CpuKernels();
        using Transformer model = Transformer.Load(BundledModel.Directory!, new ModelOptions(), kernels);
        var options = new EngineOptions { KvBlocks = 1200, MaxSequences = 4, MaxDraftNodes = 12 };
        model.AllocateKv(options.KvBlocks);
        using var metrics = new RuntimeMetrics();
        using var history = new SuffixHistory(model.VocabularySize, byteBudget: 64 << 20);
        InferenceEngine engine = NewEngine(model, options, history, metrics);

        foreach ((int[] prompt, int[] expected) in ReferencePrompts.Greedy)
        {
            Generation generation = engine.Submit(Request(0, prompt) with
            {
                MaxOutputTokens = expected.Length,
                Sampling = new SamplingParameters { Temperature = 0 },
            });
            while (engine.RunStep())
            {
            }

            Assert.Equal(expected, Read(generation).Select(output => output.TokenId));
        }
    }

    [Fact]
    public void AnyCombinationOfSources_SameTokensAndProbabilities()
    {
        using var kernels = new CpuKernels();
        using Transformer model = Transformer.Load(BundledModel.Directory!, new ModelOptions(), kernels);
        var options = new EngineOptions { KvBlocks = 1200, MaxSequences = 4, MaxDraftNodes = 12 };
        model.AllocateKv(options.KvBlocks);
        DraftSource[] sources = [DraftSource.Suffix, DraftSource.Prediction, DraftSource.Schema, DraftSource.Recycling, DraftSource.Eagle];
        const int Few = 16;
        string headDirectory = BundledModel.Directory + "-eagle3";
        using EagleHead head = EagleHead.Load(headDirectory, model, kernels);
        bool follows = File.ReadAllText(Path.Combine(headDirectory, "training.json")).Contains(model.Fingerprint, StringComparison.Ordinal);
        model.CaptureBoundaries(head.Config.Boundaries);
        Life plain = Run(model, options with { MaxDraftNodes = 0 }, Few);
        int[][] written = [.. plain.Outputs.Select(outputs => outputs.Select(output => int.Parse(output.Split(' ')[0], CultureInfo.InvariantCulture)).ToArray())];

        for (int combination = 1; combination < 1 << sources.Length; combination++)
        {
            DraftSource[] chosen = [.. sources.Where((_, i) => (combination >> i & 1) != 0)];
            Life life = Run(model, options with { DraftSources = chosen }, Few, written, head);
            Assert.Equal(plain.Outputs, life.Outputs);
            bool mayMiss = chosen.All(source => source is DraftSource.Recycling || (source is DraftSource.Eagle && !follows));
            Assert.True(life.Accepted > 0 || mayMiss, $"{string.Join(", ", chosen)}: nothing was accepted.");
        }
    }

    private static Life Run(Transformer model, EngineOptions options, int requests = Requests, int[][]? written = null, EagleHead? head = null)
    {
        using var metrics = new RuntimeMetrics();
        using var history = new SuffixHistory(model.VocabularySize, byteBudget: 64 << 20);
        InferenceEngine engine = NewEngine(model, options, history, metrics, written is null, head);
        List<Generation> generations = [];
        int steps = 0;
        for (int i = 0; i < requests || engine.RunStep(); steps++)
        {
            // Arrivals fall between steps, so that requests meet at every stage.
            if (i < requests && (i < 4 || steps % 5 == 0))
                generations.Add(engine.Submit(Foretold(Request(i, ReferencePrompts.Greedy[i % ReferencePrompts.Greedy.Count].PromptIds), written?[i])));
            i = generations.Count;
            if (i < requests)
                engine.RunStep();
        }

        return new Life(
            [.. generations.Select(generation => Read(generation).Select(Describe).ToList())], generations.Sum(g => g.Statistics.AcceptedTokens), steps);
    }

    private static InferenceEngine NewEngine(
        Transformer model, EngineOptions options, SuffixHistory history, RuntimeMetrics metrics, bool echoes = true, EagleHead? head = null)
    {
        List<IDrafter> drafters = echoes
            ? [new SuffixDrafter(history, 12), new EchoDrafter(model.VocabularySize)]
            : InferenceEngine.Drafters(model, options, history);
        LevelGrowth? growth = head is null || !options.DraftSources.Contains(DraftSource.Eagle) ? null : new LevelGrowth(
            new EagleDrafter(
                head, new StateCache(model, options.KvBlocks, model.BlockSize, 64 << 20), model.BlockSize, options.MaxSequences,
                new EagleOptions { Stop = DraftStop.Depth, Depth = 3 }),
            new LevelCost(new VerifyCost([1e-9], 0), 0));
        return new(
            model, options, drafters, new VerifyCost([.. Enumerable.Repeat(1.0, 18)], 0), metrics, TimeProvider.System, NullLogger.Instance, growth);
    }

    /// <summary>With a prediction and a call skeleton that are nearly what was written: some tokens are left out, others are wrong.</summary>
    private static GenerationRequest Foretold(GenerationRequest request, int[]? written) => written is null ? request : request with
    {
        PredictionIds = [.. written.Where((_, i) => i % 7 != 3).Select((token, i) => i % 5 == 4 ? token + 1 : token)],
        CallSkeletons = [new CallSkeleton(0, 0, [[request.PromptIds[^1], .. written.Take(6)], [.. written.Skip(8)], [1]], PromptTokens: 1)],
    };

    private static GenerationRequest Request(int index, int[] prompt)
    {
        var random = new Random(index);
        return new GenerationRequest
        {
            Id = $"r{index}",
            PromptIds = prompt,
            Namespace = NamespaceKey.Derive("secret"u8, "tenant", "model", "tokenizer"),
            MaxOutputTokens = 20,
            StopTokenIds = [4087, 4085],
            Sampling = new SamplingParameters
            {
                Temperature = new[] { 0, 0.7f, 1, 1.5f }[index % 4],
                TopP = index % 3 == 0 ? 0.9f : 1,
                TopK = index % 7 == 0 ? 40 : 0,
                MinP = index % 11 == 0 ? 0.05f : 0,
                PresencePenalty = index % 5 == 0 ? random.NextSingle() : 0,
                FrequencyPenalty = index % 5 == 1 ? random.NextSingle() : 0,
                RepetitionPenalty = index % 5 == 2 ? 1.1f : 1,
                Seed = (ulong)random.NextInt64(),
                TopLogprobs = index % 4 == 1 ? 2 : null,
            },
        };
    }

    private static List<TokenOutput> Read(Generation generation)
    {
        List<TokenOutput> outputs = [];
        while (generation.Outputs.TryRead(out TokenOutput output))
            outputs.Add(output);
        return outputs;
    }

    /// <summary>Token, end, and the bits of its log-probabilities.</summary>
    private static string Describe(TokenOutput output) =>
        $"{output.TokenId} {output.Finish} {output.Logprobs?.Logprob:R} {string.Join(' ', output.Logprobs?.Top.Select(top => $"{top.TokenId}:{top.Logprob:R}") ?? [])}";

    private sealed record Life(List<List<string>> Outputs, int Accepted, int Steps);
}
