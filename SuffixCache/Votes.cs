using System.Numerics;

namespace Agentic.SuffixCache;

/// <summary>What the living occurrences say comes next: distinct tokens with their weights, and the escape's.</summary>
internal sealed class Votes
{
    private readonly int[] _tokenIds = new int[Occurrences.Capacity];
    private readonly float[] _weights = new float[Occurrences.Capacity];
    private readonly ulong[] _voters = new ulong[Occurrences.Capacity];
    private readonly int[] _longest = new int[Occurrences.Capacity];
    private readonly int[] _voteOf = new int[Occurrences.Capacity];
    private readonly int[] _rankOf = new int[Occurrences.Capacity];
    private readonly float[] _weightOf = new float[Occurrences.Capacity];
    private readonly bool[] _wins = new bool[Occurrences.Capacity];
    private float _total;
    private int _escape;
    private int _voterCount;

    /// <summary>Distinct tokens.</summary>
    public int Count { get; private set; }

    public int TokenId(int i) => _tokenIds[i];

    /// <summary>The occurrences that a token follows.</summary>
    public ulong Voters(int i) => _voters[i];

    /// <summary>The longest match among a token's voters.</summary>
    public int Longest(int i) => _longest[i];

    public float Probability(int i) => _weights[i] / _total;

    /// <summary>Counts the votes for the token at a depth below the context's end (0: the next one).</summary>
    public void Take(Occurrences occurrences, ulong living, int depth, VoteWeights weights)
    {
        Count = 0;
        _voterCount = 0;
        float sum = 0;
        int voters = 0, longest = 0;
        for (ulong left = living; left != 0; left &= left - 1)
        {
            int i = BitOperations.TrailingZeroCount(left);
            int token = occurrences.Following(i, depth);
            if (token == TokenLog.Separator)
                continue;
            int length = occurrences.Length(i) + depth, bucket = VoteWeights.LengthBucket(length);
            float weight = weights.Vote(VoteWeights.VoteIndex(occurrences.Origin(i), bucket), VoteWeights.RankIndex(voters, bucket));
            if (token != Occurrences.Ended)
                Add(token, weight, i, length);
            longest = Math.Max(longest, length);
            sum += weight;
            voters++;
        }

        if (voters == 0)
            return;
        _escape = VoteWeights.EscapeIndex(VoteWeights.LengthBucket(longest), voters, Math.Max(1, Count));
        _voterCount = voters;
        _total = sum + weights.Escape(_escape);
    }

    /// <summary>The target wrote this, or ended: moves the weights of the votes just taken, and says who voted for it.</summary>
    public ulong Learn(int token, Occurrences occurrences, ulong living, int depth, VoteWeights weights)
    {
        if (_voterCount == 0)
            return 0;
        ulong winners = 0;
        float winning = 0;
        int voters = 0;
        for (ulong left = living; left != 0; left &= left - 1)
        {
            int i = BitOperations.TrailingZeroCount(left), following = occurrences.Following(i, depth);
            if (following == TokenLog.Separator)
                continue;
            int bucket = VoteWeights.LengthBucket(occurrences.Length(i) + depth);
            _voteOf[voters] = VoteWeights.VoteIndex(occurrences.Origin(i), bucket);
            _rankOf[voters] = VoteWeights.RankIndex(voters, bucket);
            _weightOf[voters] = weights.Vote(_voteOf[voters], _rankOf[voters]);
            _wins[voters] = following == token;
            if (following == token)
            {
                winners |= 1UL << i;
                winning += _weightOf[voters];
            }

            voters++;
        }

        float escape = weights.Escape(_escape), total = _total;
        weights.LearnEscape(_escape, (winners == 0 ? 1 : 0) - (escape / total));
        for (int v = 0; v < voters; v++)
            weights.LearnVote(_voteOf[v], _rankOf[v], (_wins[v] ? _weightOf[v] / winning : 0) - (_weightOf[v] / total));
        return winners;
    }

    private void Add(int token, float weight, int occurrence, int length)
    {
        int at = _tokenIds.AsSpan(0, Count).IndexOf(token);
        if (at < 0)
        {
            at = Count++;
            (_tokenIds[at], _weights[at], _voters[at], _longest[at]) = (token, 0, 0, length);
        }

        _weights[at] += weight;
        _voters[at] |= 1UL << occurrence;
        _longest[at] = Math.Max(_longest[at], length);
    }
}
