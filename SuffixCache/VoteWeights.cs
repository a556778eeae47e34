using System.Numerics;
using System.Runtime.CompilerServices;

namespace Agentic.SuffixCache;

/// <summary>How much an occurrence's vote counts, and how often all of them are wrong: learned from what the target writes.</summary>
/// <remarks>
/// P(token) = Σ weights of the occurrences it follows / (Σ all weights + escape), both by <see cref="TokenWeights"/>. A weight is a product of one for each kind of
/// <see cref="Evidence"/>, and stays with its occurrence all through a draft: whoever agrees on a path need not be counted again. (As many
/// tokens are right as with weights that grow with the path.) So is the escape, PPM's chance of something never seen here: by the longest
/// match with how many occurrences there are and on how many tokens they disagree, by depth, by how the last steps went, by the origin of
/// the longest match with its length before the draft and with its length now, and by the best likeness.
/// Logarithms of all of them descend the gradient of −log P(what was written).
/// </remarks>
internal sealed class VoteWeights
{
    public const int Lengths = 12;
    private const int Counts = 6;
    private const int Disagreements = 5;
    private const int Depths = 8;

    /// <summary>Classes of how the last steps went.</summary>
    public const int Moods = 8;

    /// <summary>Weights of all <see cref="Tables"/>.</summary>
    public const int Count = Evidence.Count + (Lengths * Counts * Disagreements) + (Depths * Evidence.Spans) + Moods
        + (2 * Evidence.Origins * Lengths) + (Evidence.Likenesses * Evidence.Spans);

    private static readonly byte[] LengthBuckets = MakeLengthBuckets();
    private static readonly byte[] CountBuckets = MakeCountBuckets();

    private readonly LearnedWeight[] _evidence = new LearnedWeight[Evidence.Count];
    private readonly LearnedWeight[] _escapes = new LearnedWeight[Lengths * Counts * Disagreements];
    private readonly LearnedWeight[] _escapeDepths = new LearnedWeight[Depths * Evidence.Spans];
    private readonly LearnedWeight[] _escapeMoods = new LearnedWeight[Moods];
    private readonly LearnedWeight[] _escapeMatches = new LearnedWeight[Evidence.Origins * Lengths];
    private readonly LearnedWeight[] _escapeOrigins = new LearnedWeight[Evidence.Origins * Lengths];
    private readonly LearnedWeight[] _escapeLikenesses = new LearnedWeight[Evidence.Likenesses * Evidence.Spans];

    /// <summary>What the tokens themselves make of a vote: another object once there is more of it.</summary>
    public TokenWeights Tokens { get; private set; }

    /// <summary>Of the memory of all of it.</summary>
    public long Bytes => ((long)Count * Unsafe.SizeOf<LearnedWeight>()) + Tokens.Bytes;

    /// <summary>All weights but those of tokens, always in this order: they are stored so.</summary>
    public LearnedWeight[][] Tables =>
        [_evidence, _escapes, _escapeDepths, _escapeMoods, _escapeMatches, _escapeOrigins, _escapeLikenesses];

    public VoteWeights()
        : this(TokenWeights.OfBits(0))
    {
    }

    /// <param name="ofTokens">Learned before.</param>
    public VoteWeights(TokenWeights ofTokens)
    {
        Tokens = ofTokens;
        foreach (LearnedWeight[] neutral in new[] { _evidence, _escapeDepths, _escapeMoods, _escapeOrigins, _escapeLikenesses })
            Array.Fill(neutral, new LearnedWeight(0));
        for (int origin = 0; origin < Evidence.Origins; origin++)
        {
            for (int bucket = 0; bucket < Lengths; bucket++)
            {
                float logarithm = 0.8f * bucket;
                _evidence[Evidence.MatchIndex(origin, bucket)] = new LearnedWeight(logarithm + (origin == (int)Origin.History ? 0 : 1));
                _escapeMatches[(origin * Lengths) + bucket] = new LearnedWeight(logarithm);
            }
        }

        for (int bucket = 0; bucket < Lengths; bucket++)
        {
            float right = Math.Min(0.95f, 0.35f + (0.05f * bucket));
            for (int count = 0; count < Counts; count++)
            {
                for (int tokens = 0; tokens < Disagreements; tokens++)
                {
                    float logarithm = 0.5f + MathF.Log((1 - right) / right) + (0.5f * count);
                    _escapes[(((bucket * Counts) + count) * Disagreements) + tokens] = new LearnedWeight(logarithm);
                }
            }
        }
    }

    public static int LengthBucket(int matchLength) => LengthBuckets[Math.Min(matchLength, LengthBuckets.Length - 1)];

    /// <summary>Of the same voters who agree, and of one class, all escapes are equal.</summary>
    public static int EscapeClass(int longest, int depth) => (Math.Min(depth, Depths - 1) * Lengths) + LengthBucket(longest + depth);

    /// <param name="voters">At least one.</param>
    /// <param name="tokens">That they disagree on.</param>
    /// <param name="depth">Below the context's end.</param>
    /// <param name="mood">Below <see cref="Moods"/>.</param>
    public static EscapeIndices EscapeOf(in Voters voters, int tokens, int depth, int mood)
    {
        int bucket = LengthBucket(voters.Longest + depth), span = Evidence.Span(bucket);
        return new EscapeIndices(
            (((bucket * Counts) + CountBuckets[BitOperations.PopCount(voters.Set)]) * Disagreements) + Math.Clamp(tokens - 1, 0, Disagreements - 1),
            (Math.Min(depth, Depths - 1) * Evidence.Spans) + span,
            mood,
            ((int)voters.Origin * Lengths) + LengthBucket(voters.Longest),
            ((int)voters.Origin * Lengths) + bucket,
            (voters.Likeness / Evidence.Spans * Evidence.Spans) + span);
    }

    public float Vote(in Evidence evidence) =>
        _evidence[evidence.Match].Weight * _evidence[evidence.Rank].Weight * _evidence[evidence.Likeness].Weight
        * _evidence[evidence.Author].Weight * _evidence[evidence.Role].Weight * _evidence[evidence.Age].Weight * _evidence[evidence.Nearness].Weight;

    public float Escape(in EscapeIndices escape) =>
        _escapes[escape.Matches].Weight * _escapeDepths[escape.Depth].Weight * _escapeMoods[escape.Mood].Weight
        * _escapeMatches[escape.Match].Weight * _escapeOrigins[escape.Origin].Weight
        * _escapeLikenesses[escape.Likeness].Weight;

    /// <summary>Notes what the evidence for an occurrence had to do with how probable a step's tokens were.</summary>
    public void Blame(in Evidence evidence, float gradient)
    {
        _evidence[evidence.Match].Blame(gradient);
        _evidence[evidence.Rank].Blame(gradient);
        _evidence[evidence.Likeness].Blame(gradient);
        _evidence[evidence.Author].Blame(gradient);
        if (evidence.Role != Evidence.UnknownRole)
            _evidence[evidence.Role].Blame(gradient);
        _evidence[evidence.Age].Blame(gradient);
        _evidence[evidence.Nearness].Blame(gradient);
    }

    /// <summary>Moves each weight by what all votes of a step said of it.</summary>
    public void LearnEvidence()
    {
        foreach (ref LearnedWeight evidence in _evidence.AsSpan())
            evidence.Climb();
    }

    public void LearnEscape(in EscapeIndices escape, float gradient)
    {
        _escapes[escape.Matches].Follow(gradient);
        _escapeDepths[escape.Depth].Follow(gradient);
        _escapeMoods[escape.Mood].Follow(gradient);
        _escapeMatches[escape.Match].Follow(gradient);
        _escapeOrigins[escape.Origin].Follow(gradient);
        _escapeLikenesses[escape.Likeness].Follow(gradient);
    }

    /// <inheritdoc cref="TokenWeights.LearnVote"/>
    public void LearnVote(int last, int token, int match, float gradient) => TokensWithRoom().LearnVote(last, token, match, gradient);

    /// <inheritdoc cref="TokenWeights.LearnEscape"/>
    public void LearnEscape(int last, float gradient) => TokensWithRoom().LearnEscape(last, gradient);

    private TokenWeights TokensWithRoom() => Tokens.IsFull ? Tokens = Tokens.Grown() : Tokens;

    /// <summary>As it is now, for another thread.</summary>
    public VoteWeights Copy()
    {
        VoteWeights copy = new(Tokens.Copy());
        foreach ((LearnedWeight[] from, LearnedWeight[] to) in Tables.Zip(copy.Tables))
            from.CopyTo(to, 0);
        return copy;
    }

    private static byte[] MakeLengthBuckets()
    {
        byte[] buckets = new byte[66];
        for (int length = 1; length < buckets.Length; length++)
        {
            buckets[length] = (byte)(length switch
            {
                <= 4 => length - 1,
                <= 6 => 4,
                <= 8 => 5,
                <= 12 => 6,
                <= 16 => 7,
                <= 24 => 8,
                <= 32 => 9,
                <= 64 => 10,
                _ => 11,
            });
        }

        return buckets;
    }

    private static byte[] MakeCountBuckets()
    {
        byte[] buckets = new byte[65];
        for (int count = 1; count < buckets.Length; count++)
            buckets[count] = (byte)(count switch { <= 2 => count - 1, <= 4 => 2, <= 8 => 3, <= 16 => 4, _ => 5 });
        return buckets;
    }
}

/// <summary>The weights whose product is an escape.</summary>
internal readonly record struct EscapeIndices(int Matches, int Depth, int Mood, int Match, int Origin, int Likeness);
