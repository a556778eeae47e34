using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed class TokenWeightsTests
{
    private readonly VoteWeights _votes = new();

    private TokenWeights Weights => _votes.Tokens;

    [Fact]
    public void NothingLearned_WeighsNothing()
    {
        Assert.Equal((1, 1), (Weights.Vote(1, 2, 0), Weights.Escape(1)));
        Assert.Equal(0, Weights.Bytes);
    }

    [Fact]
    public void WrongVotes_CountLess_MostThoseOfTheSamePairAndMatch()
    {
        for (int i = 0; i < 20; i++)
            _votes.LearnVote(last: 1, token: 2, match: 3, gradient: -0.5f);

        float same = Weights.Vote(1, 2, 3), otherMatch = Weights.Vote(1, 2, 4), otherLast = Weights.Vote(5, 2, 3), otherToken = Weights.Vote(1, 6, 3);
        Assert.True(same < otherMatch && otherMatch < otherLast && otherLast < 1, $"{same} {otherMatch} {otherLast}");
        Assert.Equal(1, otherToken);
        Assert.InRange(Weights.Bytes, 1, 20_000);
    }

    [Fact]
    public void Escape_IsOfTheLastToken()
    {
        for (int i = 0; i < 20; i++)
            _votes.LearnEscape(last: 1, gradient: 0.5f);

        Assert.True(Weights.Escape(1) > 1.5);
        Assert.Equal(1, Weights.Escape(2));
    }

    [Fact]
    public void MuchLearned_TheTableGrows_AndKeepsWhatItKnew()
    {
        for (int i = 0; i < 20; i++)
            _votes.LearnVote(last: 1, token: 2, match: 3, gradient: 0.5f);
        (long little, float known) = (Weights.Bytes, Weights.Vote(1, 2, 3));
        Assert.True(known > 10, $"{known}");

        for (int i = 0; i < 10_000; i++)
            _votes.LearnVote(last: 100 + i, token: 20_000 + i, match: i % 12, gradient: 1e-3f);

        Assert.True(Weights.Bytes >= 8 * little, $"{little} bytes became {Weights.Bytes}");
        Assert.InRange(Weights.Vote(1, 2, 3), 0.9f * known, 1.1f * known);
    }

    [Theory]
    [InlineData(-1f)]
    [InlineData(1f)]
    public void LearnedForEver_StaysFinite(float gradient)
    {
        for (int i = 0; i < 2_000_000; i++)
            _votes.LearnEscape(1, gradient);

        Assert.InRange(Weights.Escape(1), 1e-6f, 1e6f);
    }
}
