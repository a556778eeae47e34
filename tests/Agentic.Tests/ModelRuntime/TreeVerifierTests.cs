using System.Runtime.InteropServices;
using Agentic.ModelRuntime;
using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed unsafe class TreeVerifierTests
{
    private const int Vocabulary = 6;
    private readonly TreeVerifier _verifier = new();
    private readonly Verification _verification = new();

    [Fact]
    public void EmptyTree_CommitsOnlyTheBonusToken()
    {
        Sequence sequence = NewSequence();

        Verify(sequence, new DraftTree());

        Assert.Single(_verification.Tokens);
        Assert.Empty(_verification.Path);
    }

    [Fact]
    public void NothingAgrees_CommitsOnlyTheBonusToken()
    {
        Sequence sequence = NewSequence();
        var tree = new DraftTree();
        int greedy = Greedy(sequence.Tokens);
        tree.Add((greedy + 1) % Vocabulary, -1, 0.5f, DraftSource.Suffix);
        tree.Add((greedy + 2) % Vocabulary, -1, 0.4f, DraftSource.Suffix);

        Verify(sequence, tree);

        Assert.Equal([greedy], _verification.Tokens);
        Assert.Empty(_verification.Path);
    }

    [Fact]
    public void WholePathAgrees_CommitsItAndTheBonusToken()
    {
        Sequence sequence = NewSequence();
        var tree = new DraftTree();
        List<int> history = [.. sequence.Tokens], wanted = [];
        for (int parent = -1, i = 0; i < 4; i++)
        {
            int token = Greedy(CollectionsMarshal.AsSpan(history));
            wanted.Add(token);
            history.Add(token);
            tree.Add((token + 1) % Vocabulary, parent, 0.1f, DraftSource.Suffix);
            parent = i < 3 ? tree.Add(token, parent, 0.9f, DraftSource.Suffix) : parent;
        }

        Verify(sequence, tree);

        Assert.Equal(wanted, _verification.Tokens);
        Assert.Equal([1, 3, 5], _verification.Path);
    }

    [Fact]
    public void StopTokenInsideTree_EndsThere()
    {
        int first = Greedy([1, 2]), second = Greedy([1, 2, first]);
        Sequence sequence = NewSequence(stop: first);
        var tree = new DraftTree();
        tree.Add(second, tree.Add(first, -1, 0.9f, DraftSource.Suffix), 0.8f, DraftSource.Suffix);

        Verify(sequence, tree);

        Assert.Equal([first], _verification.Tokens);
        Assert.Equal(FinishReason.Stop, _verification.Finish);
    }

    [Fact]
    public void TooFewRows_IsRefused()
    {
        var tree = new DraftTree();
        tree.Add(1, -1, 0.5f, DraftSource.Suffix);
        float* row = stackalloc float[Vocabulary];

        Assert.Throws<ArgumentException>(() => _verifier.Verify(NewSequence(), tree, new StepLogits(row, 1, Vocabulary), 0, _verification));
    }

    /// <summary>All 216 outputs of three tokens over six words, against the exact product of the scripted model's probabilities, for trees that
    /// hold nothing, the likely, the unlikely, and everything. The bound is 215 + 6 · √(2 · 215) for χ² with 215 degrees of freedom.</summary>
    [Theory]
    [InlineData("nothing")]
    [InlineData("likely")]
    [InlineData("unlikely")]
    [InlineData("everything")]
    public void AnyTree_KeepsTheTargetsJointDistribution(string kind)
    {
        const int Runs = 60_000;
        int[] counts = new int[Vocabulary * Vocabulary * Vocabulary];
        var tree = new DraftTree();
        for (int seed = 0; seed < Runs; seed++)
        {
            Sequence sequence = NewSequence(temperature: 1, seed: (ulong)seed, maxTokens: 3);
            while (sequence.RemainingTokens > 0)
            {
                tree.Clear();
                Fill(tree, sequence, kind);
                Verify(sequence, tree);
            }

            ReadOnlySpan<int> output = sequence.Tokens[^3..];
            counts[(((output[0] * Vocabulary) + output[1]) * Vocabulary) + output[2]]++;
        }

        double chiSquare = 0;
        for (int cell = 0; cell < counts.Length; cell++)
        {
            int a = cell / (Vocabulary * Vocabulary), b = cell / Vocabulary % Vocabulary, c = cell % Vocabulary;
            double expected = Runs * Probability([1, 2], a) * Probability([1, 2, a], b) * Probability([1, 2, a, b], c);
            chiSquare += Math.Pow(counts[cell] - expected, 2) / expected;
        }

        Assert.InRange(chiSquare, 0, 215 + (6 * Math.Sqrt(2 * 215)));
    }

    private static void Fill(DraftTree tree, Sequence sequence, string kind)
    {
        float[] logits = new float[Vocabulary];
        int depth = sequence.RemainingTokens - 1;
        for (int level = 0, from = -1; level < depth && kind != "nothing"; level++)
        {
            int to = tree.Count;
            for (int parent = level == 0 ? -1 : from; parent < (level == 0 ? 0 : to); parent++)
            {
                ScriptedModel.Score([.. sequence.Tokens, .. Path(tree, parent)], logits);
                IEnumerable<int> order = Enumerable.Range(0, Vocabulary).OrderByDescending(token => logits[token]);
                foreach (int token in kind switch { "likely" => order.Take(2), "unlikely" => order.TakeLast(2), _ => order })
                    tree.Add(token, parent, 0.5f, DraftSource.Suffix);
            }

            from = to;
        }
    }

    private static List<int> Path(DraftTree tree, int node)
    {
        List<int> path = [];
        for (; node >= 0; node = tree.Parents[node])
            path.Insert(0, tree.TokenIds[node]);
        return path;
    }

    private void Verify(Sequence sequence, DraftTree tree)
    {
        float[] logits = new float[(tree.Count + 1) * Vocabulary];
        for (int row = 0; row <= tree.Count; row++)
            ScriptedModel.Score([.. sequence.Tokens, .. Path(tree, row - 1)], logits.AsSpan(row * Vocabulary, Vocabulary));
        fixed (float* data = logits)
            _verifier.Verify(sequence, tree, new StepLogits(data, tree.Count + 1, Vocabulary), 0, _verification);
    }

    private static int Greedy(ReadOnlySpan<int> history)
    {
        float[] logits = new float[Vocabulary];
        ScriptedModel.Score(history, logits);
        return Array.IndexOf(logits, logits.Max());
    }

    private static double Probability(int[] history, int token)
    {
        float[] logits = new float[Vocabulary];
        ScriptedModel.Score(history, logits);
        return Math.Exp(logits[token]) / logits.Sum(logit => Math.Exp(logit));
    }

    private static Sequence NewSequence(float temperature = 0, ulong seed = 0, int maxTokens = 100, int? stop = null)
    {
        var request = new GenerationRequest
        {
            Id = "test",
            PromptIds = [1, 2],
            Namespace = NamespaceKey.Derive("secret"u8, "tenant", "model", "tokenizer"),
            MaxOutputTokens = maxTokens,
            StopTokenIds = stop is int token ? [token] : [],
            Sampling = new SamplingParameters { Temperature = temperature, Seed = seed },
        };
        return new Sequence(new Generation(request, (_, _) => { }), 0, maxTokens, TimeSpan.Zero);
    }
}
