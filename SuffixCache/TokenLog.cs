using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Agentic.SuffixCache;

/// <summary>Documents of token ids one after another, 4 bytes a token outside the GC heap, a separator before each.</summary>
internal sealed unsafe class TokenLog : IDisposable
{
    /// <summary>Stands before every document. No token equals it, so no match runs from one document into another.</summary>
    public const int Separator = -1;

    /// <summary>Set in the last token of an output: what follows it in the log, the next turn's prompt, is not what a model
    /// writes.</summary>
    public const int LastOfOutput = 1 << 30;

    /// <summary>Set in a token that was repeated before a stretch as its context: it was indexed where it first stood.</summary>
    public const int Repeated = 1 << 29;

    /// <summary>Ids are below it.</summary>
    public const int MaxVocabularySize = Id;

    // Who wrote a token lies between its id and its marks.
    private const int KindBit = 26;
    private const int Kinds = 7 << KindBit;
    private const int Id = (1 << KindBit) - 1;

    private readonly ChunkRing<int> _tokens;
    private uint _end;

    /// <param name="chunkBits">Tokens that are allocated, and dropped, at a time: 2 to this power.</param>
    /// <param name="reclaimer">Of the readers beside the writer; null where there are none.</param>
    public TokenLog(int chunkBits, Reclaimer? reclaimer = null) => _tokens = new ChunkRing<int>(chunkBits, reclaimer);

    /// <summary>Position of the oldest token kept.</summary>
    public uint Start => _tokens.Start;

    /// <summary>Where the next token will lie. Whoever sees it sees every token before it, and how each can be found.</summary>
    public uint End
    {
        get => Volatile.Read(ref _end);
        private set => Volatile.Write(ref _end, value);
    }

    public int Chunks => _tokens.Chunks;

    /// <summary>Tokens of a whole chunk.</summary>
    public uint ChunkLength => _tokens.ChunkLength;

    public long Bytes => _tokens.Bytes;

    /// <summary>Tokens and separators kept.</summary>
    public int Count => (int)(End - Start);

    /// <summary>Whether an output ends right before a position.</summary>
    public bool EndsBefore(uint position) => position != Start && EndsOutput(*_tokens[position - 1]);

    public static bool EndsOutput(int entry) => entry >= LastOfOutput;

    /// <summary>The entry at a position that is held.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Entry(uint position) => *_tokens[position];

    public static int TokenId(int entry) => entry < 0 ? entry : entry & Id;

    /// <summary>The tokens of eight entries one after another.</summary>
    /// <param name="entries">In the order of the log.</param>
    /// <param name="before">The entry before them.</param>
    /// <param name="ended">Stands for the token behind the last of an output.</param>
    public static Vector256<int> TokenIds(Vector256<int> entries, int before, int ended)
    {
        Vector256<int> previous = Vector256.Shuffle(entries, Vector256.Create(0, 0, 1, 2, 3, 4, 5, 6)).WithElement(0, before);
        Vector256<int> ids = Vector256.ConditionalSelect(Vector256.LessThan(entries, Vector256<int>.Zero), entries, entries & Vector256.Create(Id));
        return Vector256.ConditionalSelect(Vector256.GreaterThanOrEqual(previous, Vector256.Create(LastOfOutput)), Vector256.Create(ended), ids);
    }

    /// <summary>Who wrote an entry's token, which is no separator.</summary>
    public static TokenKind KindOf(int entry) => (TokenKind)((entry & Kinds) >> KindBit);

    /// <summary>What is set in a token of a kind.</summary>
    public static int MarkOf(TokenKind kind) => (int)kind << KindBit;

    /// <summary>Whether a position, perhaps a stale one, is still there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Holds(uint position) => position - Start < End - Start;

    public void Reserve(uint end) => _tokens.Reserve(end);

    public void Add(int token)
    {
        *_tokens[_end] = token;
        Added();
    }

    /// <summary>Where the next tokens go: room for so many in one piece, of what is reserved. Each is there when <see cref="Added"/> says
    /// so.</summary>
    public int* Next(out int room)
    {
        room = _tokens.RunFrom(_end);
        return _tokens[_end];
    }

    /// <summary>One more was written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Added() => End = _end + 1;

    /// <summary>The newest token is the last one its model wrote.</summary>
    public void EndOutput() => *_tokens[End - 1] |= LastOfOutput;

    public void DropOldestChunk() => _tokens.DropOldest();

    /// <summary>What follows from a position on: a pointer, and how many tokens are behind it in one piece.</summary>
    /// <remarks>A continuation is cut at a chunk's end: it happens to one position in thousands, and only shortens a draft.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int* Following(uint position, out int count)
    {
        // The end first: the memory seen then is that of all tokens before it.
        count = (int)Math.Min(End - position, (uint)_tokens.RunFrom(position));
        return _tokens[position];
    }

    public void Prefetch(uint position)
    {
        if (System.Runtime.Intrinsics.X86.Sse.IsSupported)
            System.Runtime.Intrinsics.X86.Sse.Prefetch0(_tokens[position]);
    }

    /// <summary>How many tokens before a position equal those before <paramref name="contextEnd"/>; at most
    /// <paramref name="contextLength"/>.</summary>
    public int CommonSuffix(uint position, int* contextEnd, int contextLength)
    {
        // A reader's position may have been dropped since.
        int most = Math.Min(contextLength, (int)(position - Start)), length = 0;
        while (length < most)
        {
            int run = Math.Min(most - length, _tokens.RunBefore(position - (uint)length));
            int equal = CommonSuffix(_tokens[position - (uint)length - 1] + 1, contextEnd - length, run);
            length += equal;
            if (equal < run)
                break;
        }

        return length;
    }

    /// <summary>How many of the last tokens before a position equal those before <paramref name="contextEnd"/>, each in its place.</summary>
    /// <param name="position">Held.</param>
    /// <param name="contextEnd">One past the context's last token.</param>
    /// <param name="most">Tokens compared, as far as both reach.</param>
    public int Equal(uint position, int* contextEnd, int most)
    {
        most = Math.Min(most, (int)(position - Start));
        int equal = 0;
        for (int compared = 0; compared < most;)
        {
            int run = Math.Min(most - compared, _tokens.RunBefore(position - (uint)compared));
            equal += Equal(_tokens[position - (uint)compared - 1] + 1, contextEnd - compared, run);
            compared += run;
        }

        return equal;
    }

    /// <summary>How many tokens from a position on equal the given ones.</summary>
    public int CommonPrefix(uint position, ReadOnlySpan<int> tokens)
    {
        int length = 0;
        while (length < tokens.Length && position != End)
        {
            int* run = Following(position, out int count);
            count = Math.Min(count, tokens.Length - length);
            int equal = 0;
            while (equal < count && (run[equal] & Id) == tokens[length + equal])
                equal++;
            length += equal;
            position += (uint)equal;
            if (equal < count)
                break;
        }

        return length;
    }

    /// <summary>Copies what lies from a position on, which is held.</summary>
    public void CopyTo(uint position, Span<int> tokens)
    {
        for (int i = 0; i < tokens.Length; i++)
            tokens[i] = TokenId(Entry(position + (uint)i));
    }

    public void Dispose() => _tokens.Dispose();

    private static int Equal(int* a, int* b, int count)
    {
        Vector256<int> ids = Vector256.Create(Id);
        int equal = 0, i = 0;
        for (; i + Vector256<int>.Count <= count; i += Vector256<int>.Count)
        {
            Vector256<int> x = Vector256.Load(a - i - Vector256<int>.Count), y = Vector256.Load(b - i - Vector256<int>.Count);
            equal += BitOperations.PopCount(Vector256.Equals(x & ids, y).ExtractMostSignificantBits());
        }

        for (; i < count; i++)
            equal += (a[-1 - i] & Id) == b[-1 - i] ? 1 : 0;
        return equal;
    }

    /// <summary>Eight tokens of the log (a) and of a context (b) a comparison; both pointers are one past the last.</summary>
    private static int CommonSuffix(int* a, int* b, int most)
    {
        Vector256<int> ids = Vector256.Create(Id);
        int length = 0;
        for (; length + Vector256<int>.Count <= most; length += Vector256<int>.Count)
        {
            Vector256<int> x = Vector256.Load(a - length - Vector256<int>.Count), y = Vector256.Load(b - length - Vector256<int>.Count);
            uint differing = ~Vector256.Equals(x & ids, y).ExtractMostSignificantBits() & 0xFF;
            if (differing != 0)
                return length + BitOperations.LeadingZeroCount(differing << 24);
        }

        while (length < most && (a[-1 - length] & Id) == b[-1 - length])
            length++;
        return length;
    }
}
