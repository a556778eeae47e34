using System.Numerics;
using System.Runtime.Intrinsics;

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
}

/// <summary>What the living occurrences say comes next: distinct tokens with their weights, and the escape's.</summary>
internal sealed class Votes
{
    private readonly Choice[] _choices = new Choice[Occurrences.Capacity];
    private readonly int[] _tokens = new int[Occurrences.Capacity];
    private EscapeIndices _escape;
    private Voters _all;
    private float _total;
    private int _count;

    /// <summary>An output's end among them.</summary>
    public ReadOnlySpan<Choice> Choices => _choices.AsSpan(0, _count);

    /// <summary>Of all votes, the escape's included.</summary>
    public float Total => _total;

    /// <summary>Counts the votes for the token at a depth below the context's end (0: the next one).</summary>
    public void Take(Occurrences occurrences, ulong living, int depth, VoteWeights weights)
    {
        Span<Choice> choices = _choices;
        Span<int> tokens = _tokens;   // of those that live; others' are older
        int count = 0, distinct = 0;
        ulong known = 0;
        for (ulong left = living; left != 0; left &= left - 1)
        {
            int i = BitOperations.TrailingZeroCount(left);
            tokens[i] = occurrences[i].Following(depth);
            known |= tokens[i] == TokenLog.Separator ? 0 : 1UL << i;
        }

        while (known != 0)
        {
            int token = tokens[BitOperations.TrailingZeroCount(known)];
            ulong set = Equal(tokens, token) & known;
            known &= ~set;
            distinct += token >= 0 ? 1 : 0;
            choices[count++] = new Choice { TokenId = token, Voters = occurrences.Voters(set) };
        }

        _count = count;
        _all = default;
        foreach (ref readonly Choice choice in choices[..count])
            _all.Add(choice.Voters);
        if (count == 0)
            return;
        _escape = VoteWeights.EscapeOf(_all, distinct, depth, occurrences.Mood);
        _total = _all.Weight + weights.Escape(_escape);
    }

    /// <summary>The target wrote this, or ended: moves the escape's weights, and tells those who voted for it and against.</summary>
    /// <returns>Who voted for it.</returns>
    public ulong Learn(int token, Occurrences occurrences, VoteWeights weights)
    {
        if (_count == 0)
            return 0;
        Voters winners = default;
        foreach (ref readonly Choice choice in Choices)
        {
            if (choice.TokenId == token)
                winners = choice.Voters;
        }

        weights.LearnEscape(_escape, (winners.Set == 0 ? 1 : 0) - (weights.Escape(_escape) / _total));
        float won = winners.Set == 0 ? 0 : 1 / winners.Weight, voted = 1 / _total;
        for (ulong left = _all.Set; left != 0; left &= left - 1)
        {
            int i = BitOperations.TrailingZeroCount(left);
            occurrences.Blame(i, occurrences[i].Weight * (((winners.Set >> i) & 1) * won - voted));
        }

        return winners.Set;
    }

    /// <summary>One bit for each that is equal.</summary>
    private static ulong Equal(ReadOnlySpan<int> tokens, int token)
    {
        Vector256<int> wanted = Vector256.Create(token);
        ulong equal = 0;
        for (int i = 0; i < Occurrences.Capacity; i += Vector256<int>.Count)
            equal |= (ulong)Vector256.Equals(Vector256.Create(tokens[i..]), wanted).ExtractMostSignificantBits() << i;
        return equal;
    }
}
