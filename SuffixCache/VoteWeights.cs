namespace Agentic.SuffixCache;

/// <summary>How much an occurrence's vote counts, and how often all of them are wrong: learned from what the target writes.</summary>
/// <remarks>
/// P(token) = Σ weights of the occurrences it follows / (Σ all weights + escape). Weights go by origin, match length and rank; the escape,
/// PPM's chance of something never seen here, by the longest match, by how many occurrences there are and by how many tokens they disagree
/// on.
/// Logarithms of all of them descend the gradient of −log P(what was written), each at its own rate (Adagrad).
/// </remarks>
internal sealed class VoteWeights
{
    public const int Lengths = 12;
    private const int Origins = 3;
    private const int Ranks = 5;
    private const int Counts = 6;
    private const int Tokens = 5;
    private const float Rate = 0.15f;

    private static readonly byte[] LengthBuckets = MakeLengthBuckets();
    private static readonly byte[] CountBuckets = MakeCountBuckets();
    private static readonly byte[] RankIndices = MakeRankIndices();

    private readonly Parameter[] _votes = new Parameter[Origins * Lengths];
    private readonly Parameter[] _ranks = new Parameter[Ranks * 4];
    private readonly Parameter[] _escapes = new Parameter[Lengths * Counts * Tokens];

    public VoteWeights()
    {
        for (int origin = 0; origin < Origins; origin++)
        {
            for (int bucket = 0; bucket < Lengths; bucket++)
                _votes[(origin * Lengths) + bucket] = new Parameter((0.8f * bucket) + (origin == (int)Origin.History ? 0 : 1));
        }

        for (int i = 0; i < _ranks.Length; i++)
            _ranks[i] = new Parameter(0);
        for (int bucket = 0; bucket < Lengths; bucket++)
        {
            float right = Math.Min(0.95f, 0.35f + (0.05f * bucket));
            for (int count = 0; count < Counts; count++)
            {
                for (int tokens = 0; tokens < Tokens; tokens++)
                {
                    float logarithm = (0.8f * bucket) + 0.5f + MathF.Log((1 - right) / right) + (0.5f * count);
                    _escapes[(((bucket * Counts) + count) * Tokens) + tokens] = new Parameter(logarithm);
                }
            }
        }
    }

    public static int LengthBucket(int matchLength) => LengthBuckets[Math.Min(matchLength, LengthBuckets.Length - 1)];

    public static int VoteIndex(Origin origin, int lengthBucket) => ((int)origin * Lengths) + lengthBucket;

    public static int RankIndex(int rank, int lengthBucket) => RankIndices[(lengthBucket * Occurrences.Capacity) + rank];

    public static int EscapeIndex(int longestBucket, int occurrences, int tokens) =>
        (((longestBucket * Counts) + CountBuckets[Math.Min(occurrences, 64)]) * Tokens) + Math.Min(tokens - 1, Tokens - 1);

    public float Vote(int vote, int rank) => _votes[vote].Weight * _ranks[rank].Weight;

    public float Escape(int escape) => _escapes[escape].Weight;

    /// <summary>Notes what a vote had to do with how probable the token was.</summary>
    public void Blame(int vote, int rank, float gradient)
    {
        _votes[vote].Blame(gradient);
        _ranks[rank].Blame(gradient);
    }

    /// <summary>Moves each weight by what all votes for one token said of it.</summary>
    public void LearnVotes()
    {
        foreach (ref Parameter vote in _votes.AsSpan())
            vote.Climb();
        foreach (ref Parameter rank in _ranks.AsSpan())
            rank.Climb();
    }

    public void LearnEscape(int escape, float gradient)
    {
        _escapes[escape].Blame(gradient);
        _escapes[escape].Climb();
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

    private static byte[] MakeRankIndices()
    {
        byte[] indices = new byte[Lengths * Occurrences.Capacity];
        for (int i = 0; i < indices.Length; i++)
        {
            int lengthBucket = i / Occurrences.Capacity, rank = i % Occurrences.Capacity;
            indices[i] = (byte)((Math.Min(lengthBucket / 3, 3) * Ranks) + rank switch { <= 2 => rank, 3 => 2, < 10 => 3, _ => 4 });
        }

        return indices;
    }

    private struct Parameter
    {
        private float _value;
        private float _squares;
        private float _gradient;   // not yet followed

        public Parameter(float value)
        {
            _value = value;
            _squares = 0.25f;
            Weight = MathF.Exp(value);
        }

        public float Weight { get; private set; }

        public void Blame(float gradient)
        {
            _squares += gradient * gradient;
            _gradient += gradient;
        }

        public void Climb()
        {
            if (_gradient == 0)
                return;
            _value = Math.Clamp(_value + (Rate * _gradient / MathF.Sqrt(_squares)), -20, 20);
            Weight = MathF.Exp(_value);
            _gradient = 0;
        }
    }
}
