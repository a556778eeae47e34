using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Agentic.SuffixCache;

/// <summary>How much a vote counts for the sake of the token it is for, and of the one before it: what is copied word for word may still bring
/// another number each time.</summary>
/// <remarks>
/// A vote's weight is multiplied by one for its token, one for the pair of the last token and its own, and one for that pair by the span and the
/// origin of the longest match; the escape's by one for the last token. All lie in one table by their hashes, and what collides shares a weight.
/// A table keeps its size, so that threads which draft while another learns find their places in it: a larger one takes its place.
/// (Recorded agents: 1.4 % more tokens a step with 32 nodes each, 2.4 % more with a third of them, than by votes that know nothing of tokens.)
/// </remarks>
internal sealed class TokenWeights
{
    // Of the table: it grows when an eighth of it was learned.
    public const int FirstBits = 11, MostBits = 15;
    private const int Load = 8;

    // A cache line: all that is known of a token, or of a pair, lies in one.
    private const int GroupBits = 4, Group = 1 << GroupBits;

    // As LearnedWeight has them.
    public const float FirstSquares = 0.5f, Most = 1e5f;
    private const float Rate = 0.2f;

    // Kinds of weights, of a token and of a pair; by a pair's match there are some more.
    private const int OfToken = 0, OfLast = 1, OfPair = 0, OfMatch = 1;

    // Null before something is learned; else cache lines of their own.
    private readonly float[]? _weights, _squares;
    private readonly int _first, _bits;
    private int _learned;

    private unsafe TokenWeights(int bits)
    {
        _bits = bits;
        if (bits == 0)
            return;
        _weights = GC.AllocateUninitializedArray<float>((1 << bits) + Group, pinned: true);
        _squares = new float[_weights.Length];
        _first = (int)((-(nint)Unsafe.AsPointer(ref _weights[0]) / sizeof(float)) & (Group - 1));
        Array.Fill(_weights, 1);
        Array.Fill(_squares, FirstSquares);
    }

    /// <summary>Of its memory.</summary>
    public long Bytes => (long)sizeof(float) * ((_weights?.Length ?? 0) + (_squares?.Length ?? 0));

    /// <summary>Places of the table, as a power of two; 0 before something is learned.</summary>
    public int Bits => _bits;

    /// <summary>By place: the stored weights' order, which <see cref="At"/> and <see cref="Hash(int, int)"/> decide; whoever changes them
    /// changes <see cref="LearnedCodec"/>'s version.</summary>
    public Span<float> Weights => _weights.AsSpan(_first, _weights is null ? 0 : 1 << _bits);

    /// <summary>By place: sums of the gradients' squares; <see cref="FirstSquares"/> where nothing was learned.</summary>
    public Span<float> Squares => _squares.AsSpan(_first, _squares is null ? 0 : 1 << _bits);

    /// <summary>Whether it is to be <see cref="Grown"/> before more is learned.</summary>
    public bool IsFull => _bits == 0 || (_bits < MostBits && _learned * Load > 1 << _bits);

    /// <summary>A table in which nothing is learned yet.</summary>
    /// <param name="bits">0, or <see cref="FirstBits"/> to <see cref="MostBits"/>.</param>
    public static TokenWeights OfBits(int bits) => new(bits);

    /// <summary>As it is now, for another thread (256 KB: 0.2 ms).</summary>
    public TokenWeights Copy()
    {
        TokenWeights copy = new(_bits) { _learned = _learned };
        Weights.CopyTo(copy.Weights);
        Squares.CopyTo(copy.Squares);
        return copy;
    }

    /// <summary>Twice as large: what shared a place begins with what was learned of both.</summary>
    public TokenWeights Grown()
    {
        TokenWeights large = new(_bits == 0 ? FirstBits : _bits + 1) { _learned = _learned };
        for (int group = 0; _bits != 0 && group < 1 << large._bits; group += Group)
        {
            int from = group / 2 / Group * Group;
            Weights.Slice(from, Group).CopyTo(large.Weights[group..]);
            Squares.Slice(from, Group).CopyTo(large.Squares[group..]);
        }

        return large;
    }

    /// <summary>Puts in what was learned before.</summary>
    public void Set(int place, float weight, float squares)
    {
        _learned += Squares[place] == FirstSquares ? 1 : 0;
        (Weights[place], Squares[place]) = (weight, squares);
    }

    /// <summary>Of the longest match: its span with so many tokens of the draft, and where it was found.</summary>
    public static int MatchOf(in Voters voters, int depth) =>
        (Evidence.Span(VoteWeights.LengthBucket(voters.Longest + depth)) * Evidence.Origins) + (int)voters.Origin;

    /// <summary>The factor of a vote.</summary>
    /// <param name="last">The token before.</param>
    /// <param name="token">That is voted for; <see cref="Occurrence.Ended"/> for none.</param>
    /// <param name="match">As <see cref="MatchOf"/> has it.</param>
    public float Vote(int last, int token, int match)
    {
        if (_weights is not float[] weights)
            return 1;
        ulong pair = Hash(last, token);
        return weights[At(Hash(token), OfToken)] * weights[At(pair, OfPair)] * weights[At(pair, OfMatch + match)];
    }

    /// <summary>Asks for what a vote, and the escape after its token, will look at.</summary>
    /// <param name="last">The token before.</param>
    /// <param name="token">That is voted for.</param>
    /// <param name="learns">Whether it is to be learned from, too.</param>
    public void Prefetch(int last, int token, bool learns)
    {
        if (_weights is null || !Sse.IsSupported)
            return;
        Prefetch(At(Hash(token), OfToken), learns);
        Prefetch(At(Hash(last, token), OfPair), learns);
    }

    /// <summary>The factor of the escape.</summary>
    public float Escape(int last) => _weights is float[] weights ? weights[At(Hash(last), OfLast)] : 1;

    /// <summary>Moves the factors of a vote along the gradient of their logarithms. Not where it <see cref="IsFull"/>.</summary>
    public void LearnVote(int last, int token, int match, float gradient)
    {
        ulong pair = Hash(last, token);
        Follow(Hash(token), OfToken, gradient);
        Follow(pair, OfPair, gradient);
        Follow(pair, OfMatch + match, gradient);
    }

    /// <summary>As <see cref="LearnVote"/>.</summary>
    public void LearnEscape(int last, float gradient) => Follow(Hash(last), OfLast, gradient);

    private static ulong Hash(int token) => Hash(0, token);

    private static ulong Hash(int last, int token) => (((ulong)(uint)last << 32) | (uint)token) * 0x9E3779B97F4A7C15;

    private int At(ulong hash, int kind)
    {
        int group = (int)(hash >> (64 + GroupBits - _bits)), within = ((int)(hash >> 32) + kind) & (Group - 1);
        return _first + (group * Group) + within;
    }

    private unsafe void Prefetch(int at, bool learns)
    {
        Sse.Prefetch0(Unsafe.AsPointer(ref _weights![at]));   // of one that the collector moves meanwhile nothing is read
        if (learns)
            Sse.Prefetch0(Unsafe.AsPointer(ref _squares![at]));
    }

    private void Follow(ulong hash, int kind, float gradient)
    {
        int at = At(hash, kind);
        ref float weight = ref _weights![at], squares = ref _squares![at];
        _learned += squares == FirstSquares ? 1 : 0;
        squares += gradient * gradient;
        weight = Math.Clamp(weight * MathF.Exp(Rate * gradient / MathF.Sqrt(squares)), 1 / Most, Most);
    }
}
