using System.Numerics;

namespace Agentic.SuffixCache;

/// <summary>What the living occurrences say comes next: distinct tokens with their weights, and the escape's.</summary>
internal sealed class Votes
{
    private readonly Choice[] _choices = new Choice[Occurrences.Capacity];
    private readonly Voter[] _voters = new Voter[Occurrences.Capacity];
    private float _total;
    private EscapeIndices _escape;
    private int _voterCount;

    /// <summary>Distinct tokens.</summary>
    public int Count { get; private set; }

    public int TokenId(int i) => _choices[i].TokenId;

    /// <summary>The occurrences that a token follows.</summary>
    public ulong Voters(int i) => _choices[i].Voters;

    /// <summary>The longest match among a token's voters.</summary>
    public int Longest(int i) => _choices[i].Longest;

    public float Probability(int i) => _choices[i].Weight / _total;

    /// <summary>Counts the votes for the token at a depth below the context's end (0: the next one).</summary>
    public void Take(Occurrences occurrences, ulong living, int depth, VoteWeights weights)
    {
        float sum = 0;
        int count = 0, voters = 0, longest = 0, likeness = 0, current = 0;
        Choice choice = new() { TokenId = TokenLog.Separator };   // of the last voter: mostly the next one's too
        Origin origin = Origin.History;
        for (ulong left = living; left != 0; left &= left - 1)
        {
            int i = BitOperations.TrailingZeroCount(left);
            ref readonly Occurrence occurrence = ref occurrences[i];
            int token = occurrence.Following(depth);
            if (token == TokenLog.Separator)
                continue;
            int length = occurrence.Length + depth, bucket = VoteWeights.LengthBucket(length);
            int vote = VoteWeights.VoteIndex(occurrence.Origin, bucket), rank = VoteWeights.RankIndex(voters, bucket);
            float weight = weights.Vote(vote, rank) * occurrence.Credit;
            (longest, origin) = length > longest || voters == 0 ? (length, occurrence.Origin) : (longest, origin);
            likeness = Math.Max(likeness, occurrence.Evidence.Likeness);
            _voters[voters++] = new Voter { Occurrence = i, TokenId = token, Vote = vote, Rank = rank, Weight = weight };
            sum += weight;
            if (token == Occurrence.Ended)
                continue;
            if (token != choice.TokenId)
            {
                _choices[current] = choice;
                for (current = 0; current < count && _choices[current].TokenId != token; current++)
                {
                }

                choice = current < count ? _choices[current] : new Choice { TokenId = token };
                count = Math.Max(count, current + 1);
            }

            choice.Weight += weight;
            choice.Voters |= 1UL << i;
            choice.Longest = Math.Max(choice.Longest, length);
        }

        _choices[current] = choice;
        (Count, _voterCount) = (count, voters);
        if (voters == 0)
            return;
        _escape = VoteWeights.EscapeOf(longest, origin, voters, count, depth, likeness, occurrences.Mood);
        _total = sum + weights.Escape(_escape);
    }

    /// <summary>The target wrote this, or ended: moves the weights of the votes just taken, and says who voted for it.</summary>
    public ulong Learn(int token, Occurrences occurrences, VoteWeights weights)
    {
        if (_voterCount == 0)
            return 0;
        ReadOnlySpan<Voter> voters = _voters.AsSpan(0, _voterCount);
        ulong winners = 0;
        float winning = 0;
        foreach (ref readonly Voter voter in voters)
        {
            if (voter.TokenId == token)
            {
                winners |= 1UL << voter.Occurrence;
                winning += voter.Weight;
            }
        }

        weights.LearnEscape(_escape, (winners == 0 ? 1 : 0) - (weights.Escape(_escape) / _total));
        float won = winners == 0 ? 0 : 1 / winning, voted = 1 / _total;
        foreach (ref readonly Voter voter in voters)
        {
            float gradient = voter.Weight * ((voter.TokenId == token ? won : 0) - voted);
            weights.Blame(voter.Vote, voter.Rank, gradient);
            occurrences.Blame(voter.Occurrence, gradient);
        }

        weights.LearnVotes();
        return winners;
    }

    private struct Choice
    {
        public int TokenId, Longest;
        public float Weight;
        public ulong Voters;
    }

    private struct Voter
    {
        public int Occurrence, TokenId, Vote, Rank;
        public float Weight;
    }
}
