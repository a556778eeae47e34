using System.Numerics;

namespace Agentic.SuffixCache;

/// <summary>Occurrences that go on alike.</summary>
internal struct Voters
{
    /// <summary>One bit each.</summary>
    public ulong Set;

    /// <summary>Of their votes together.</summary>
    public float Weight;

    /// <summary>Tokens of the longest match before the draft, and where it was found.</summary>
    public int Longest;

    /// <inheritdoc cref="Longest"/>
    public Origin Origin;

    /// <summary>The best of theirs, as <see cref="Evidence"/> has it.</summary>
    public byte Likeness;

    public void Add(in Voters others)
    {
        if (Set == 0 || others.Longest > Longest)
            (Longest, Origin) = (others.Longest, others.Origin);
        Set |= others.Set;
        Weight += others.Weight;
        Likeness = Math.Max(Likeness, others.Likeness);
    }
}

/// <summary>A token, or <see cref="Occurrence.Ended"/>, and who is followed by it.</summary>
internal struct Choice
{
    public int TokenId;
    public Voters Voters;

    /// <summary>As <see cref="TokenWeights.MatchOf"/> has it.</summary>
    public int Match;

    /// <summary>Of their votes together, by what the token makes of them.</summary>
    public float Weight;
}

/// <summary>What the living occurrences say comes next: distinct tokens with their weights, and the escape's.</summary>
internal sealed class Votes
{
    private readonly Choice[] _choices = new Choice[Occurrences.Capacity];
    private EscapeIndices _escape;
    private Voters _all;
    private float _escaped, _total;
    private int _count, _last;

    /// <summary>An output's end among them.</summary>
    public ReadOnlySpan<Choice> Choices => _choices.AsSpan(0, _count);

    /// <summary>Of all votes, the escape's included.</summary>
    public float Total => _total;

    /// <summary>Counts the votes for the token at a depth below the context's end (0: the next one), which a last token is before.</summary>
    public void Take(Occurrences occurrences, NextTokens next, ulong living, int depth, int last, VoteWeights weights)
    {
        Span<Choice> choices = _choices;
        ReadOnlySpan<int> tokens = next.At(depth, living);
        int count = 0, distinct = 0;
        for (ulong left = living & ~NextTokens.Equal(tokens, TokenLog.Separator); left != 0;)
        {
            int token = tokens[BitOperations.TrailingZeroCount(left)];
            ulong set = NextTokens.Equal(tokens, token) & left;
            left &= ~set;
            distinct += token >= 0 ? 1 : 0;
            choices[count++] = new Choice { TokenId = token, Voters = occurrences.Voters(set) };
        }

        (_count, _last, _all, _total) = (count, last, default, 0);
        TokenWeights ofTokens = weights.Tokens;
        foreach (ref Choice choice in choices[..count])
        {
            _all.Add(choice.Voters);
            choice.Match = TokenWeights.MatchOf(choice.Voters, depth);
            _total += choice.Weight = choice.Voters.Weight * ofTokens.Vote(last, choice.TokenId, choice.Match);
        }

        if (count == 0)
            return;
        _escape = VoteWeights.EscapeOf(_all, distinct, depth, occurrences.Mood);
        _escaped = weights.Escape(_escape) * ofTokens.Escape(last);
        _total += _escaped;
    }

    /// <summary>The target wrote this, or ended: moves the escape's weights, and tells those who voted for it and against.</summary>
    /// <returns>Who voted for it.</returns>
    public ulong Learn(int token, Occurrences occurrences, VoteWeights weights)
    {
        if (_count == 0)
            return 0;
        ulong winners = 0;
        foreach (ref readonly Choice choice in Choices)
        {
            bool wins = choice.TokenId == token;
            winners = wins ? choice.Voters.Set : winners;
            float share = choice.Weight / _total, gradient = (wins ? 1 : 0) - share;
            for (ulong left = choice.Voters.Set; left != 0; left &= left - 1)
            {
                int i = BitOperations.TrailingZeroCount(left);
                occurrences.Blame(i, occurrences[i].Weight / choice.Voters.Weight * gradient);
            }

            weights.LearnVote(_last, choice.TokenId, choice.Match, gradient);
        }

        float missed = (winners == 0 ? 1 : 0) - (_escaped / _total);
        weights.LearnEscape(_escape, missed);
        weights.LearnEscape(_last, missed);
        return winners;
    }
}
