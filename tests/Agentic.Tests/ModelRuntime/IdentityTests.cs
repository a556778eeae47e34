using Agentic.Kernels;
using Agentic.ModelRuntime;
using Agentic.Proxy;
using Agentic.SuffixCache;
using Microsoft.Extensions.Logging.Abstractions;

namespace Agentic.Tests;

/// <summary>The first test of the system: on a real model in float32, speculation and batching change nothing but the time.</summary>
public sealed class IdentityTests
{
    private const int Requests = 208;

    [Fact]
    public void SpeculationOnOrOff_AloneOrBatched_SameTokensAndProbabilities()
    {
        using var kernels = new CpuKernels();
        using Transformer model = Transformer.Load(BundledModel.Directory!, new ModelOptions(), kernels);
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

    private static Life Run(Transformer model, EngineOptions options)
    {
        using var metrics = new RuntimeMetrics();
        using var history = new SuffixHistory(model.VocabularySize, byteBudget: 64 << 20);
        InferenceEngine engine = NewEngine(model, options, history, metrics);
        List<Generation> generations = [];
        int steps = 0;
        for (int i = 0; i < Requests || engine.RunStep(); steps++)
        {
            // Arrivals fall between steps, so that requests meet at every stage.
            if (i < Requests && (i < 4 || steps % 5 == 0))
                generations.Add(engine.Submit(Request(i, ReferencePrompts.Greedy[i % ReferencePrompts.Greedy.Count].PromptIds)));
            i = generations.Count;
            if (i < Requests)
                engine.RunStep();
        }

        return new Life(
            [.. generations.Select(generation => Read(generation).Select(Describe).ToList())], generations.Sum(g => g.Statistics.AcceptedTokens), steps);
    }

    private static InferenceEngine NewEngine(Transformer model, EngineOptions options, SuffixHistory history, RuntimeMetrics metrics) => new(
        model, options, [new SuffixDrafter(history, 12), new EchoDrafter(model.VocabularySize)], new VerifyCost([.. Enumerable.Repeat(1.0, 18)], 0), metrics, TimeProvider.System,
        NullLogger.Instance);

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
