using System.Text.Json.Nodes;
using Agentic.Kernels;
using Agentic.ModelRuntime;
using Agentic.SuffixCache;
using Microsoft.Extensions.Logging.Abstractions;

namespace Agentic.Tests;

/// <summary>Heads of every layout drafting for the models they were made for: what they hold is what a full recompute gives.</summary>
public sealed class EagleDrafterTests
{
    private const int Sequences = 5, Tokens = 40;

    [Theory]
    [MemberData(nameof(EagleHeadTests.Heads), MemberType = typeof(EagleHeadTests))]
    public async Task AcceptedAndRejectedAtRandom_StateEqualsAFullRecompute(string name)
    {
        using var lab = new Lab(name);

        (RecordingHead head, List<int[]> texts) = await lab.Run(maxSequences: 3, texts: null);

        Assert.True(head.Rows.Count(row => row.IsTrue) > Sequences * 5 && head.Rows.Count(row => !row.IsTrue) > Sequences * 5);
        lab.AssertTrueStates(head, texts);
        lab.AssertRecomputes(head);
    }

    [Fact]
    public async Task Batch_EqualsEachSequenceAlone()
    {
        using var lab = new Lab("eagle31-speculators-qwen3");
        (RecordingHead batched, List<int[]> texts) = await lab.Run(maxSequences: Sequences, texts: null);
        (RecordingHead alone, List<int[]> same) = await lab.Run(maxSequences: 1, texts: null);

        Assert.Equal(texts, same);
        Dictionary<string, float[]> expected = [];
        foreach (RecordingHead.Row row in alone.Rows)
            expected[Name(row)] = row.Logits;
        RecordingHead.Row[] shared = [.. batched.Rows.Where(row => expected.ContainsKey(Name(row)))];
        Assert.True(shared.Length > alone.Rows.Count / 2, $"{shared.Length} rows in common, of {alone.Rows.Count} and {batched.Rows.Count}.");
        Assert.All(shared, row => Assert.Equal(expected[Name(row)], row.Logits));

        // A path may be drafted in one run and already true in the other.
        static string Name(RecordingHead.Row row) => row.IsTrue ? row.Key : $"{row.Key} after {row.Context}";
    }

    [Fact]
    public async Task WindowIsFull_BeginsAnewWithTheLastPairs()
    {
        using var lab = new Lab("eagle3-full-vocabulary");

        (RecordingHead head, _) = await lab.Run(maxSequences: 2, texts: null, window: 24, catchUp: 6);

        Assert.All(head.Rows.Where(row => row.IsTrue), row => Assert.InRange(row.Seen.Count, 1, 24));
        Assert.Contains(head.Rows, row => row.IsTrue && row.Seen.Count == 6);
        lab.AssertRecomputes(head);
    }

    /// <summary>A golden head with its target.</summary>
    private sealed class Lab : IDisposable
    {
        private readonly CpuKernels _kernels = new();
        private readonly string _directory;
        private readonly string _targetDirectory;
        private readonly EngineOptions _options = new() { KvBlocks = 120, MaxStepTokens = 64 };

        public Lab(string name)
        {
            _directory = TestFiles.Golden("heads", name);
            _targetDirectory = TestFiles.Golden(
                "heads", JsonNode.Parse(File.ReadAllText(Path.Combine(_directory, "golden.json")))!["target"]!.GetValue<string>());
        }

        /// <summary>Some sampled answers, with drafts of the head and of a source that is right now and then.</summary>
        public async Task<(RecordingHead Head, List<int[]> Texts)> Run(int maxSequences, List<int[]>? texts, int window = 200, int catchUp = 200)
        {
            using Transformer target = Target();
            using EagleHead head = EagleHead.Load(_directory, target, _kernels);
            EngineOptions options = _options with { MaxSequences = maxSequences };
            target.AllocateKv(options.KvBlocks);
            target.CaptureBoundaries(head.Config.Boundaries);
            var recording = new RecordingHead(head);
            var eagle = new EagleOptions { Stop = DraftStop.Depth, Depth = 3, Beam = 3, Children = 3, WindowTokens = window, CatchUpTokens = catchUp };
            var drafter = new EagleDrafter(recording, new StateCache(target, options.KvBlocks, target.BlockSize, 1 << 24), target.BlockSize, maxSequences, eagle);
            using var metrics = new RuntimeMetrics();
            await using var engine = new InferenceEngine(
                target, options, [new EchoDrafter(target.VocabularySize)], new VerifyCost([.. Enumerable.Repeat(1.0, 18)], 0), metrics,
                TimeProvider.System, NullLogger.Instance, new LevelGrowth(drafter, new LevelCost(new VerifyCost([1e-9], 0), 0)));
            List<Generation> generations = [];
            for (int i = 0; i < Sequences; i++)
            {
                generations.Add(engine.Submit(Request(i, target.VocabularySize)));
                engine.RunStep();
            }

            while (engine.RunStep())
            {
            }

            texts = [];
            foreach (Generation generation in generations)
            {
                List<int> text = [.. generation.Request.PromptIds];
                while (generation.Outputs.TryRead(out TokenOutput output))
                    text.Add(output.TokenId);
                texts.Add([.. text]);
            }

            return (recording, texts);
        }

        /// <summary>Every true pair that a row saw holds what the head makes of the target's states, run over the whole text at once.</summary>
        public unsafe void AssertTrueStates(RecordingHead head, List<int[]> texts)
        {
            Dictionary<string, float[]> states = [];
            foreach (int[] text in texts)
            {
                using Transformer target = Target();
                using EagleHead oracle = EagleHead.Load(_directory, target, _kernels);
                target.CaptureBoundaries(oracle.Config.Boundaries);
                new ModelDriver(target, text.Length, seed: 3).RunChunks(text, text.Length);
                ITargetStates source = target;
                using NativeArray<float> all = new((long)text.Length * source.StateSize), hidden = new((long)text.Length * oracle.HiddenSize);
                for (int row = 0; row < text.Length; row++)
                    source.CopyState(row, all.Data + ((long)row * source.StateSize));
                oracle.FuseStates(all.Data, text.Length, hidden.Data);
                for (int i = 0; i + 1 < text.Length; i++)
                    states[string.Join(' ', text[1..(i + 2)])] = new ReadOnlySpan<float>(hidden.Data + ((long)i * oracle.HiddenSize), oracle.HiddenSize).ToArray();
            }

            foreach (RecordingHead.Row row in head.Rows.Where(row => row.IsTrue))
                AssertClose(states[row.Key], row.Seen[^1].Hidden);
        }

        /// <summary>Every row says what the head says of the same pairs run in one pass over an empty cache.</summary>
        public unsafe void AssertRecomputes(RecordingHead head)
        {
            using Transformer target = Target();
            using EagleHead oracle = EagleHead.Load(_directory, target, _kernels);
            using NativeArray<float> hidden = new();
            var rows = new StepRows();
            int[] blocks = [.. Enumerable.Range(0, 16)];
            foreach (RecordingHead.Row row in head.Rows)
            {
                int count = row.Seen.Count;
                hidden.Reserve((long)count * oracle.HiddenSize);
                for (int i = 0; i < count; i++)
                    row.Seen[i].Hidden.CopyTo(new Span<float>(hidden.Data + ((long)i * oracle.HiddenSize), oracle.HiddenSize));
                oracle.AllocateKv(blocks.Length);
                rows.Clear();
                rows.AddChain([.. row.Seen.Select(pair => pair.Token)], 0, blocks, oracle.BlockSize, scoreLast: true);
                AssertClose(oracle.Forward(rows, hidden.Data, hidden.Data)[0].ToArray(), row.Logits);
            }
        }

        public void Dispose() => _kernels.Dispose();

        private Transformer Target() => Transformer.Load(_targetDirectory, new ModelOptions(), _kernels);

        private static GenerationRequest Request(int index, int vocabularySize)
        {
            var random = new Random(index);
            return new GenerationRequest
            {
                Id = $"r{index}",
                PromptIds = [.. Enumerable.Range(0, 4 + (9 * index)).Select(_ => random.Next(vocabularySize))],
                Namespace = NamespaceKey.Derive("secret"u8, "tenant", "model", "tokenizer"),
                MaxOutputTokens = Tokens,
                Sampling = new SamplingParameters { Temperature = index % 2, Seed = (ulong)index },
            };
        }

        private static void AssertClose(float[] expected, float[] actual)
        {
            float largest = expected.Max(MathF.Abs);
            for (int i = 0; i < expected.Length; i++)
                Assert.True(MathF.Abs(expected[i] - actual[i]) <= 1e-4f * largest, $"{i}: {actual[i]}, not {expected[i]}");
        }
    }
}
