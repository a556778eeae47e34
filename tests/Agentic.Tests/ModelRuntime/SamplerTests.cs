using Agentic.ModelRuntime;

namespace Agentic.Tests;

public sealed class SamplerTests
{
    private static readonly float[] Logits = [1.2f, -0.5f, 3.1f, 2.9f, 0, -4, 2.2f, 1.9f, 0.3f, 2.9f];

    [Fact]
    public void ZeroTemperature_TakesTheLikeliestTiesByLowestId()
    {
        Assert.Equal(2, Draw(new SamplingParameters { Temperature = 0 }, Logits, 0));
        Assert.Equal(1, Draw(new SamplingParameters { Temperature = 0 }, [0, 5, 5, 5], 0));
    }

    [Fact]
    public void SameSeed_SameToken_OtherSeeds_Others()
    {
        int[] first = [.. Enumerable.Range(0, 64).Select(position => Draw(new SamplingParameters { Seed = 1 }, Logits, position))];
        int[] again = [.. Enumerable.Range(0, 64).Select(position => Draw(new SamplingParameters { Seed = 1 }, Logits, position))];
        int[] other = [.. Enumerable.Range(0, 64).Select(position => Draw(new SamplingParameters { Seed = 2 }, Logits, position))];

        Assert.Equal(first, again);
        Assert.NotEqual(first, other);
    }

    /// <summary>Whatever is left out for being too unlikely: the same as with every token's noise computed.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(1000)]
    [InlineData(4096)]
    public void Draw_IsTheHighestOfAllLogitsWithTheirNoise(int vocabularySize)
    {
        var random = new Random(vocabularySize);
        uint[] words = new uint[4];
        for (int position = 0; position < 300; position++)
        {
            float spread = 30 * random.NextSingle();
            float[] logits = [.. Enumerable.Range(0, vocabularySize).Select(_ => random.Next(20) == 0 ? float.NegativeInfinity : spread * random.NextSingle())];
            logits[random.Next(vocabularySize)] = spread;
            float[] noisy = [.. logits.Select((logit, token) =>
            {
                Philox.Draw(7, 0, (uint)position, (uint)token / 4, words);
                return logit + Philox.Gumbel(words[token % 4]);
            })];

            Assert.Equal(Array.IndexOf(noisy, noisy.Max()), Draw(new SamplingParameters { Seed = 7 }, logits, position));
        }
    }

    /// <summary>χ² of 100,000 draws against the distribution computed here, in double, from the definition of each filter.
    /// The bound is the 1 − 10⁻⁶ quantile for at most 9 degrees of freedom, 45.1; seeds are fixed, so the test cannot flicker.</summary>
    [Theory]
    [InlineData(1, 1, 0, 0)]
    [InlineData(0.5, 1, 0, 0)]
    [InlineData(1.7, 1, 0, 0)]
    [InlineData(1, 0.8, 0, 0)]
    [InlineData(1, 1, 4, 0)]
    [InlineData(1, 1, 0, 0.3)]
    [InlineData(0.7, 0.9, 7, 0.05)]
    public void ManyDraws_FollowTheFilteredDistribution(float temperature, float topP, int topK, float minP)
    {
        const int Draws = 100_000;
        int[] counts = new int[Logits.Length];
        for (int seed = 0; seed < Draws; seed++)
        {
            var parameters = new SamplingParameters { Temperature = temperature, TopP = topP, TopK = topK, MinP = minP, Seed = (ulong)seed };
            counts[Draw(parameters, Logits, 3)]++;
        }

        double[] expected = Expected(temperature, topP, topK, minP);
        double chiSquare = 0;
        for (int token = 0; token < expected.Length; token++)
        {
            if (expected[token] == 0)
                Assert.Equal(0, counts[token]);
            else
                chiSquare += Math.Pow(counts[token] - (Draws * expected[token]), 2) / (Draws * expected[token]);
        }

        Assert.InRange(chiSquare, 0, 45.1);
    }

    [Fact]
    public void Penalties_FollowTheirDefinitions()
    {
        var parameters = new SamplingParameters { PresencePenalty = 0.5f, FrequencyPenalty = 0.25f, RepetitionPenalty = 2, LogitBias = new Dictionary<int, float> { [4] = 7 } };
        var state = new SamplerState(parameters, 0, [2, 5], null);
        state.Advance(2);
        state.Advance(2);
        state.Advance(3);
        float[] logits = [.. Logits];

        state.Process(logits);

        Assert.Equal([1.2f, -0.5f, (3.1f / 2) - 1, (2.9f / 2) - 0.75f, 7, -8, 2.2f, 1.9f, 0.3f, 2.9f], logits);
    }

    [Fact]
    public void Logprobs_AreOfTheModelAndSorted()
    {
        float[] logits = [.. Logits];
        var state = new SamplerState(new SamplingParameters { Temperature = 0, TopLogprobs = 3, LogitBias = new Dictionary<int, float> { [5] = 100 } }, 0, [0], null);

        int token = new Sampler().Draw(logits, state, out TokenLogprobs? logprobs);

        double sum = Logits.Sum(logit => Math.Exp(logit));
        Assert.Equal(5, token);
        Assert.Equal(-4 - Math.Log(sum), logprobs!.Logprob, 5);
        Assert.Equal([2, 3, 9], logprobs.Top.Select(top => top.TokenId));
        Assert.Equal(3.1 - Math.Log(sum), logprobs.Top[0].Logprob, 5);
    }

    private static int Draw(SamplingParameters parameters, float[] logits, int position)
    {
        var state = new SamplerState(parameters, 0, [0], null);
        for (int i = 0; i < position; i++)
            state.Advance(0);
        return new Sampler().Draw((float[])logits.Clone(), state, out _);
    }

    private static double[] Expected(double temperature, double topP, int topK, double minP)
    {
        double[] scaled = [.. Logits.Select(logit => logit / temperature)];
        if (topK > 0)
            Cut(scaled.OrderDescending().ElementAt(topK - 1));
        if (topP < 1)
        {
            double sum = 0;
            Cut(scaled.OrderDescending().TakeWhile(logit =>
            {
                bool needed = sum < topP;
                sum += Math.Exp(logit) / scaled.Sum(Math.Exp);
                return needed;
            }).Last());
        }

        if (minP > 0)
            Cut(scaled.Max() + Math.Log(minP));
        return SoftMax(scaled);

        void Cut(double threshold)
        {
            for (int i = 0; i < scaled.Length; i++)
                scaled[i] = scaled[i] < threshold ? double.NegativeInfinity : scaled[i];
        }
    }

    private static double[] SoftMax(double[] logits) => [.. logits.Select(logit => Math.Exp(logit) / logits.Sum(Math.Exp))];
}
