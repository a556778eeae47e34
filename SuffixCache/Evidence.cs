using System.Numerics;

namespace Agentic.SuffixCache;

/// <summary>What speaks for an occurrence, each as an index into the weights learned for it.</summary>
/// <param name="Match">How long its match is, and where it was found.</param>
/// <param name="Rank">How many come before it, the longest and newest first.</param>
/// <param name="Likeness">How many of the 32 tokens before it equal the context's, each in its place: an edit cuts a match short, and
/// hardly changes this.</param>
/// <param name="Author">Whether a model wrote what follows it: agents repeat what they wrote rather than what they read.</param>
/// <param name="Role">Whose message it was, where a model read it.</param>
/// <param name="Age">Tokens that came since, in octaves.</param>
/// <param name="Nearness">Where it lies from the places that the text followed until now.</param>
internal readonly record struct Evidence(byte Match, byte Rank, byte Likeness, byte Author, byte Role, byte Age, byte Nearness)
{
    /// <summary>Tokens compared for likeness.</summary>
    public const int Window = 32;

    public const int Likenesses = 11;
    public const int Ages = 12;

    // Each bears on short matches otherwise than on long ones.
    public const int Spans = 4;

    public const int Origins = 3;
    private const int Authors = 3;   // nobody, someone, a model
    private const int Roles = 4;     // system, user, tool, assistant
    private const int Ranks = 5;
    private const int YoungestBits = 4;

    // Likeness comes first: that of several can be compared.
    private const int AuthorStart = Likenesses * Spans;
    private const int AgeStart = AuthorStart + (Authors * Origins * Spans);
    private const int NearnessStart = AgeStart + (Ages * Origins);

    private const int RankStart = NearnessStart + (FollowedPlaces.Nearnesses * Spans);
    private const int RoleStart = RankStart + (Ranks * Spans);
    private const int MatchStart = RoleStart + (Roles * Origins);

    /// <summary>Where nobody said whose message it was: weighs nothing.</summary>
    public const int UnknownRole = MatchStart + (Origins * VoteWeights.Lengths);

    /// <summary>Indices of all kinds of evidence are below it.</summary>
    public const int Count = UnknownRole + 1;

    private static readonly byte[] RankBuckets = [.. Enumerable.Range(0, Occurrences.Capacity).Select(RankBucket)];
    private static readonly byte[] LikenessBuckets = [.. Enumerable.Range(0, Window + 1).Select(LikenessBucket)];

    /// <param name="occurrence">Of which all else is known.</param>
    /// <param name="rank">How many come before it.</param>
    /// <param name="equal">Tokens of the window that are the context's.</param>
    /// <param name="age">Tokens between it and the log's end.</param>
    /// <param name="nearness">Below <see cref="FollowedPlaces.Nearnesses"/>.</param>
    public static Evidence Of(in Occurrence occurrence, int rank, int equal, uint age, int nearness)
    {
        int bucket = VoteWeights.LengthBucket(occurrence.Length), span = Span(bucket), origin = (int)occurrence.Origin;
        int author = occurrence.Kind switch { null => 0, TokenKind.Output => 2, _ => 1 };
        int role = occurrence.Kind is TokenKind kind and >= TokenKind.System ? RoleStart + ((kind - TokenKind.System) * Origins) + origin : UnknownRole;
        int octave = Math.Clamp(BitOperations.Log2(age + 1) - YoungestBits, 0, Ages - 1);
        return new Evidence(
            (byte)MatchIndex(origin, bucket),
            (byte)(RankStart + (RankBuckets[rank] * Spans) + span),
            (byte)((LikenessBuckets[equal] * Spans) + span),
            (byte)(AuthorStart + (((author * Origins) + origin) * Spans) + span),
            (byte)role,
            (byte)(AgeStart + (octave * Origins) + origin),
            (byte)(NearnessStart + (nearness * Spans) + span));
    }

    /// <summary>Of the weight of matches by origin and length.</summary>
    public static int MatchIndex(int origin, int lengthBucket) => MatchStart + (origin * VoteWeights.Lengths) + lengthBucket;

    /// <summary>Short to long.</summary>
    public static int Span(int lengthBucket) => lengthBucket / (VoteWeights.Lengths / Spans);

    private static byte RankBucket(int rank) => (byte)(rank switch { <= 2 => rank, 3 => 2, < 10 => 3, _ => 4 });

    private static byte LikenessBucket(int equal) => (byte)(equal switch
    {
        <= 1 => 0,
        2 => 1,
        <= 4 => 2,
        <= 6 => 3,
        <= 9 => 4,
        <= 12 => 5,
        <= 16 => 6,
        <= 20 => 7,
        <= 25 => 8,
        < Window => 9,
        _ => 10,
    });
}
