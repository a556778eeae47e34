namespace Agentic.SuffixCache;

/// <summary>How much a vote counts for the sake of the token it is for, and of the one before it: what is copied word for word may still bring
/// another number each time.</summary>
/// <remarks>
/// A vote's weight is multiplied by one for its token, one for the pair of the last token and its own, and one for that pair by the span and the
/// origin of the longest match; the escape's by one for the last token. All lie in one table by their hashes, and what collides shares a weight.
/// (Recorded agents: 1.4 % more tokens a step with 32 nodes each, 2.4 % more with a third of them, than by votes that know nothing of tokens.)
/// </remarks>
internal sealed class TokenWeights
{
    private const int Bits = 14;

    // As LearnedWeight has them.
    private const float Rate = 0.2f, FirstSquares = 0.5f, Most = 1e5f;

    private enum Kind
    {
        Token,
        Pair,
        MatchedPair,
        Last,
    }

    private Learned[]? _table;   // there is none before something is learned

    /// <summary>Of its memory.</summary>
    public long Bytes => _table is null ? 0 : (long)sizeof(float) * 2 << Bits;

    /// <summary>Of the longest match: its span with so many tokens of the draft, and where it was found.</summary>
    public static int MatchOf(in Voters voters, int depth) =>
        (Evidence.Span(VoteWeights.LengthBucket(voters.Longest + depth)) * Evidence.Origins) + (int)voters.Origin;

    /// <summary>The factor of a vote.</summary>
    /// <param name="last">The token before.</param>
    /// <param name="token">That is voted for; <see cref="Occurrence.Ended"/> for none.</param>
    /// <param name="match">As <see cref="MatchOf"/> has it.</param>
    public float Vote(int last, int token, int match) => _table is Learned[] table
        ? table[At(Kind.Token, 0, token)].Weight * table[At(Kind.Pair, last, token)].Weight * table[At(Kind.MatchedPair + (match << 2), last, token)].Weight
        : 1;

    /// <summary>The factor of the escape.</summary>
    public float Escape(int last) => _table is Learned[] table ? table[At(Kind.Last, last, 0)].Weight : 1;

    /// <summary>Moves the factors of a vote along the gradient of their logarithms.</summary>
    public void LearnVote(int last, int token, int match, float gradient)
    {
        Learned[] table = Table();
        table[At(Kind.Token, 0, token)].Follow(gradient);
        table[At(Kind.Pair, last, token)].Follow(gradient);
        table[At(Kind.MatchedPair + (match << 2), last, token)].Follow(gradient);
    }

    /// <summary>As <see cref="LearnVote"/>.</summary>
    public void LearnEscape(int last, float gradient) => Table()[At(Kind.Last, last, 0)].Follow(gradient);

    private Learned[] Table()
    {
        if (_table is not null)
            return _table;
        Learned[] table = new Learned[1 << Bits];
        Array.Fill(table, new Learned { Weight = 1, Squares = FirstSquares });
        return _table = table;
    }

    private static int At(Kind kind, int last, int token)
    {
        ulong key = ((ulong)(uint)last << 32 | (uint)token) * 0x9E3779B97F4A7C15;
        return (int)((key ^ key >> 29 ^ (ulong)kind) * 0xC2B2AE3D27D4EB4F >> (64 - Bits));
    }

    private struct Learned
    {
        public float Weight, Squares;

        public void Follow(float gradient)
        {
            Squares += gradient * gradient;
            Weight = Math.Clamp(Weight * MathF.Exp(Rate * gradient / MathF.Sqrt(Squares)), 1 / Most, Most);
        }
    }
}
