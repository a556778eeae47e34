using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed class TokenWeightsTests
{
    private readonly TokenWeights _weights = new();

    [Fact]
    public void NothingLearned_WeighsNothing()
    {
        Assert.Equal((1, 1), (_weights.Vote(1, 2, 0), _weights.Escape(1)));
        Assert.Equal(0, _weights.Bytes);
    }

    [Fact]
    public void WrongVotes_CountLess_MostThoseOfTheSamePairAndMatch()
    {
        for (int i = 0; i < 20; i++)
            _weights.LearnVote(last: 1, token: 2, match: 3, gradient: -0.5f);

        float same = _weights.Vote(1, 2, 3), otherMatch = _weights.Vote(1, 2, 4), otherLast = _weights.Vote(5, 2, 3), otherToken = _weights.Vote(1, 6, 3);
        Assert.True(same < otherMatch && otherMatch < otherLast && otherLast < 1, $"{same} {otherMatch} {otherLast}");
        Assert.Equal(1, otherToken);
        Assert.InRange(_weights.Bytes, 1, 20_000);
    }

    [Fact]
    public void Escape_IsOfTheLastToken()
    {
        for (int i = 0; i < 20; i++)
            _weights.LearnEscape(last: 1, gradient: 0.5f);

        Assert.True(_weights.Escape(1) > 1.5);
        Assert.Equal(1, _weights.Escape(2));
    }

    [Fact]
    public void MuchLearned_TheTableGrows_AndKeepsWhatItKnew()
    {
        for (int i = 0; i < 20; i++)
            _weights.LearnVote(last: 1, token: 2, match: 3, gradient: 0.5f);
        (long little, float known) = (_weights.Bytes, _weights.Vote(1, 2, 3));
        Assert.True(known > 10, $"{known}");

        for (int i = 0; i < 10_000; i++)
            _weights.LearnVote(last: 100 + i, token: 20_000 + i, match: i % 12, gradient: 1e-3f);

        Assert.True(_weights.Bytes >= 8 * little, $"{little} bytes became {_weights.Bytes}");
        Assert.InRange(_weights.Vote(1, 2, 3), 0.9f * known, 1.1f * known);
    }

    [Theory]
    [InlineData(-1f)]
    [InlineData(1f)]
    public void LearnedForEver_StaysFinite(float gradient)
    {
        for (int i = 0; i < 2_000_000; i++)
            _weights.LearnEscape(1, gradient);

        Assert.InRange(_weights.Escape(1), 1e-6f, 1e6f);
    }
}
