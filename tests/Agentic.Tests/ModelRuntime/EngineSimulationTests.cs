using Agentic.ModelRuntime;
using Agentic.SuffixCache;
using Microsoft.Extensions.Logging.Abstractions;

namespace Agentic.Tests;

/// <summary>Random arrivals, disconnects, full pools, failing steps, a failing store and drafts of every source against plain decoding, step by step. A failure names its seed.</summary>
public sealed class EngineSimulationTests
{
    private const int Vocabulary = 32;

    [Theory]
    [InlineData(0)]
    [InlineData(250)]
    [InlineData(500)]
    [InlineData(750)]
    public async Task RandomLife_TokensEqualPlainDecoding(int firstSeed)
    {
        var counts = new Counts();
        for (int seed = firstSeed; seed < firstSeed + 250; seed++)
        {
            try
            {
                await Simulate(seed, counts);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"Seed {seed}: {e.Message}", e);
            }
        }

        // A simulation in which nothing happens proves nothing.
        Assert.True(counts.Preemptions > 50 && counts.Accepted > 5000 && counts.Shared > 500 && counts.Eagle > 1000, counts.ToString());
    }

    private static async Task Simulate(int seed, Counts counts)
    {
        var random = new Random(seed);
        using var model = new ScriptedModel(Vocabulary, blockSize: random.Next(1, 9));
        int capacity = random.Next(60, 300);
        var options = new EngineOptions
        {
            KvBlocks = (capacity + model.BlockSize - 1) / model.BlockSize,
            MaxSequences = random.Next(1, 9),
            MaxStepTokens = random.Next(8, 80),
            MaxDraftNodes = random.Next(0, 40),
        };
        model.AllocateKv(options.KvBlocks);
        var drafter = new GuessingDrafter(seed, Vocabulary);
        var faults = new Random(~seed);
        var store = new FaultySequenceStore(() => (StoreFault)faults.Next((int)StoreFault.Slow));
        using var history = new SuffixHistory(Vocabulary, byteBudget: 1 << 20, store);
        using var metrics = new RuntimeMetrics();
        // A flat curve: every proposed node is worth verifying.
        var cost = new VerifyCost([.. Enumerable.Repeat(1.0, 18)], 0);
        using var head = new ScriptedHead(Vocabulary);
        LevelGrowth? growth = random.Next(4) == 0 ? null : RandomGrowth(random, model, head, options);
        await using var engine = new InferenceEngine(
            model, options, RandomSources(random, history, drafter), cost, metrics, TimeProvider.System, NullLogger.Instance, growth);
        int room = Math.Min(model.MaxPositions, engine.Capacity);

        List<Generation> generations = [];
        int planned = random.Next(1, 12);
        for (int idle = 0; generations.Count < planned || idle == 0;)
        {
            if (generations.Count < planned && random.Next(3) == 0)
                generations.Add(engine.Submit(RandomRequest(random, generations, room)));
            if (generations.Count > 0 && random.Next(40) == 0)
                generations[random.Next(generations.Count)].Cancel();
            if (random.Next(400) == 0)
                model.FailNext = true;
            try
            {
                idle = engine.RunStep() ? 0 : 1;
            }
            catch (InvalidOperationException e) when (e.Message.Contains("told to fail", StringComparison.Ordinal))
            {
                engine.EndAll(FinishReason.Error);
            }

            Assert.Null(engine.CheckIntegrity());
        }

        Assert.Equal(0, engine.BlocksInUse);
        Assert.All(store.Kept, sequence => Assert.Contains(generations, generation => generation.Request.Namespace == sequence.Namespace));
        drafter.AssertAllEnded();
        foreach (Generation generation in generations)
        {
            CheckOutputs(generation, room - generation.Request.PromptIds.Length);
            counts.Accepted += generation.Statistics.AcceptedTokens;
            counts.Shared += generation.Statistics.CachedPromptTokens;
        }

        counts.Preemptions += (int)engine.Preemptions;
        counts.Eagle += engine.Report().Sources.Where(source => source.Source == "eagle").Sum(source => source.Accepted);
    }

    /// <summary>A draft head of any manner, which always pays: its state is held to the sequences' by <see cref="ScriptedHead"/>.</summary>
    private static LevelGrowth RandomGrowth(Random random, ScriptedModel model, ScriptedHead head, EngineOptions options)
    {
        var states = new StateCache(model, options.KvBlocks, model.BlockSize, byteBudget: random.Next(2) == 0 ? 1 << 20 : 16 * model.BlockSize * sizeof(float));
        var eagle = new EagleOptions
        {
            Children = random.Next(1, 5),
            Beam = random.Next(1, 5),
            Depth = random.Next(1, 7),
            Stop = (DraftStop)random.Next(4),
            Coupled = random.Next(2) == 0,
            WindowTokens = random.Next(8, 100),
            CatchUpTokens = random.Next(1, 40),
        };
        return new LevelGrowth(new EagleDrafter(head, states, model.BlockSize, options.MaxSequences, eagle), new LevelCost(new VerifyCost([1e-9], 0), 0));
    }

    private sealed record Counts
    {
        public int Preemptions { get; set; }

        public int Accepted { get; set; }

        public int Shared { get; set; }

        public long Eagle { get; set; }
    }

    /// <summary>Any of the sources, in their order, the last never missing.</summary>
    private static List<IDrafter> RandomSources(Random random, SuffixHistory history, IDrafter last)
    {
        IDrafter[] all =
        [
            new SuffixDrafter(history, 40), new PredictionDrafter(), new SchemaDrafter(),
            new RecyclingDrafter(Vocabulary, byteBudget: random.Next(2) * 4 * SuccessorTable.PageBytes),
        ];
        return [.. all.Where(_ => random.Next(4) != 0), last];
    }

    private static int[] RandomTokens(Random random, int most) => [.. Enumerable.Range(0, random.Next(1, most)).Select(_ => random.Next(Vocabulary))];

    private static CallSkeleton RandomSkeleton(Random random, int tool, int[] prompt)
    {
        int promptTokens = random.Next(Math.Min(4, prompt.Length));
        return new CallSkeleton(
            tool, random.Next(2), [[.. prompt[^promptTokens..], .. RandomTokens(random, 9)], .. Enumerable.Range(0, random.Next(3)).Select(_ => RandomTokens(random, 5))],
            promptTokens);
    }

    private static GenerationRequest RandomRequest(Random random, List<Generation> before, int room)
    {
        int[] prompt = [.. Enumerable.Range(0, random.Next(1, 50)).Select(_ => random.Next(Vocabulary))];
        if (before.Count > 0 && random.Next(2) == 0)
        {
            int[] earlier = before[random.Next(before.Count)].Request.PromptIds;
            prompt = [.. earlier.Take(random.Next(1, earlier.Length + 1)), .. prompt.Take(random.Next(5))];
        }

        prompt = prompt[..Math.Min(prompt.Length, room - 1)];
        return new GenerationRequest
        {
            Id = $"r{before.Count}",
            PromptIds = prompt,
            PredictionIds = random.Next(3) == 0 ? RandomTokens(random, 60) : null,
            CallSkeletons = random.Next(3) == 0 ? [.. Enumerable.Range(0, random.Next(1, 6)).Select(tool => RandomSkeleton(random, tool / 2, prompt))] : [],
            Namespace = NamespaceKey.Derive("secret"u8, $"tenant{random.Next(2)}", "model", "tokenizer"),
            MaxOutputTokens = random.Next(1, 60),
            StopTokenIds = random.Next(2) == 0 ? [random.Next(Vocabulary)] : [],
            Choices = random.Next(4) == 0 ? random.Next(2, 4) : 1,
            Speculation = random.Next(5) != 0,
            Sampling = RandomSampling(random),
        };
    }

    internal static SamplingParameters RandomSampling(Random random) => new()
    {
        Temperature = new[] { 0, 0.7f, 1, 1.5f }[random.Next(4)],
        TopP = random.Next(2) == 0 ? 1 : 0.3f + (0.7f * random.NextSingle()),
        TopK = random.Next(3) == 0 ? random.Next(1, 20) : 0,
        MinP = random.Next(3) == 0 ? 0.2f * random.NextSingle() : 0,
        PresencePenalty = random.Next(3) == 0 ? (4 * random.NextSingle()) - 2 : 0,
        FrequencyPenalty = random.Next(3) == 0 ? (4 * random.NextSingle()) - 2 : 0,
        RepetitionPenalty = random.Next(3) == 0 ? 1 + (0.3f * random.NextSingle()) : 1,
        LogitBias = random.Next(4) == 0 ? new Dictionary<int, float> { [random.Next(Vocabulary)] = random.Next(-100, 10) } : null,
        Seed = (ulong)random.NextInt64(),
        TopLogprobs = random.Next(5) == 0 ? random.Next(6) : null,
    };

    private static void CheckOutputs(Generation generation, int room)
    {
        var outputs = new List<TokenOutput>();
        while (generation.Outputs.TryRead(out TokenOutput output))
            outputs.Add(output);
        Assert.True(generation.Outputs.Completion.IsCompletedSuccessfully);

        for (int choice = 0; choice < generation.Request.Choices; choice++)
        {
            List<TokenOutput> own = outputs.FindAll(output => output.Choice == choice);
            List<int> tokens = [.. own.Where(output => output.TokenId >= 0).Select(output => output.TokenId)];
            List<int> expected = PlainDecoding.Generate(generation.Request, choice, Vocabulary, room);
            FinishReason finish = Assert.Single(own, output => output.Finish is not null).Finish!.Value;
            Assert.Equal(finish, own[^1].Finish);
            if (finish is FinishReason.Cancelled or FinishReason.Error)
            {
                Assert.Equal(expected.Take(tokens.Count), tokens);
                continue;
            }

            Assert.Equal(expected, tokens);
            Assert.Equal(generation.Request.StopTokenIds.Contains(tokens[^1]) ? FinishReason.Stop : FinishReason.Length, finish);
            Assert.All(own, output => Assert.Equal(generation.Request.Sampling.TopLogprobs is not null, output.Logprobs is not null));
        }
    }
}
