using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.Numerics;

namespace Agentic.SuffixCache;

/// <summary>What was learned of a namespace as a store keeps it: checked, and in tens of kilobytes.</summary>
/// <remarks>
/// <para>version (1) · CRC-32C of namespace and all that follows (4) · tokens learned from (8) · length inflated (4) · Brotli of: number of
/// weights (2) and of the calibration's classes (1) · each weight's logarithm and squares (4 + 4) · each class's counts (4 + 4) · bits of the
/// token table (1), a bit for each of its places that was learned, a byte for each one's logarithm, a byte for each one's squares.</para>
/// <para>A token's logarithm is rounded to a fiftieth of itself or a thousandth, its squares to an eighth of an octave. Recorded agents, in the
/// first calls after a restart and after, have as many tokens a step as with the weights themselves; so they have with half floats, which
/// are half as large again. 8 to 56 KB; 2 ms to make, 1 ms to read.</para>
/// </remarks>
internal static class LearnedCodec
{
    /// <summary>A state's first bytes, of which <see cref="TokensOf"/> reads what it was learned from.</summary>
    public const int Beginning = TokensAt + sizeof(long);

    // Of what is stored and of what it means: another one where a weight has another place.
    private const byte Version = 1;
    private const int Checked = 1 + sizeof(uint), TokensAt = Checked, LengthAt = TokensAt + sizeof(long), Header = LengthAt + sizeof(int);
    private const int PairsAt = sizeof(ushort) + 1, TableAt = PairsAt + (2 * sizeof(float) * (VoteWeights.Count + Calibration.Classes));
    private const int MostInflated = TableAt + 1 + ((1 << TokenWeights.MostBits) / 8) + (2 << TokenWeights.MostBits);
    private const int Quality = 5, Window = 18;

    // What nobody learns within years.
    private const long MostTokens = 1L << 48;
    private const float MostSquares = 1e12f, MostExpected = 1e12f;

    // Logarithms of tokens have so many steps to either side, which grow beyond this; their squares so many to an octave.
    private const int Steps = sbyte.MaxValue;
    private const float Near = 0.05f, SquaresSteps = 8;
    private static readonly float StepsOfE = Steps / MathF.Log(1 + (MathF.Log(TokenWeights.Most) / Near));

    /// <summary>The state as it is stored.</summary>
    public static byte[] Encode(LearnedState state) => state.Stored ?? Seal(state.Namespace, state.Tokens, Pack(state));

    /// <summary>What a stored state says it was learned from; 0 where it is none, or of another version.</summary>
    /// <param name="bytes">Its <see cref="Beginning"/> at least.</param>
    public static long TokensOf(ReadOnlySpan<byte> bytes) =>
        bytes.Length >= Beginning && bytes[0] == Version
        && BinaryPrimitives.ReadInt64LittleEndian(bytes[TokensAt..]) is > 0 and <= MostTokens and long tokens ? tokens : 0;

    /// <summary>Whether a newer version of this program can read it, and this one cannot.</summary>
    /// <param name="bytes">Its <see cref="Beginning"/> at least.</param>
    public static bool IsNewer(ReadOnlySpan<byte> bytes) => bytes.Length >= Beginning && bytes[0] > Version;

    /// <summary>Reads a state that anyone may have written; null for whatever is damaged, foreign, of another version, or holds a number that
    /// nobody learned. Never throws.</summary>
    public static LearnedState? Decode(NamespaceKey @namespace, ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length <= Header || TokensOf(bytes) is not (> 0 and long tokens)
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes[1..]) != SequenceCodec.Checksum(@namespace, bytes[Checked..])
            || BinaryPrimitives.ReadInt32LittleEndian(bytes[LengthAt..]) is not (> TableAt and <= MostInflated and int inflated))
        {
            return null;
        }

        byte[] packed = ArrayPool<byte>.Shared.Rent(inflated);
        try
        {
            return BrotliDecoder.TryDecompress(bytes[Header..], packed.AsSpan(0, inflated), out int written) && written == inflated
                ? Unpack(@namespace, tokens, packed.AsSpan(0, inflated)) : null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(packed);
        }
    }

    /// <summary>The content, compressed behind its header.</summary>
    internal static byte[] Seal(NamespaceKey @namespace, long tokens, ReadOnlySpan<byte> packed)
    {
        byte[] bytes = new byte[Header + BrotliEncoder.GetMaxCompressedLength(packed.Length)];
        bool fits = BrotliEncoder.TryCompress(packed, bytes.AsSpan(Header), out int deflated, Quality, Window);
        System.Diagnostics.Debug.Assert(fits, "The longest Brotli can write was allocated.");
        bytes = bytes[..(Header + deflated)];
        bytes[0] = Version;
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(TokensAt), tokens);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(LengthAt), packed.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(1), SequenceCodec.Checksum(@namespace, bytes.AsSpan(Checked)));
        return bytes;
    }

    /// <summary>The content before it is compressed.</summary>
    internal static byte[] Pack(LearnedState state)
    {
        TokenWeights tokens = state.Weights.Tokens;
        byte[] places = new byte[tokens.Weights.Length / 8];
        List<byte> logarithms = [], squares = [];
        for (int place = 0; place < tokens.Weights.Length; place++)
        {
            int step = StepOf(tokens.Weights[place]);
            int octaves = (int)MathF.Round(SquaresSteps * MathF.Log2(tokens.Squares[place] / TokenWeights.FirstSquares));
            if (step == 0 && octaves == 0)
                continue;   // nothing was learned, or next to nothing
            places[place / 8] |= (byte)(1 << (place % 8));
            logarithms.Add((byte)step);
            squares.Add((byte)Math.Clamp(octaves, 1, byte.MaxValue));
        }

        byte[] packed = new byte[TableAt + 1 + places.Length + (2 * squares.Count)];
        BinaryPrimitives.WriteUInt16LittleEndian(packed, VoteWeights.Count);
        packed[sizeof(ushort)] = Calibration.Classes;
        Span<byte> pairs = packed.AsSpan(PairsAt), table = packed.AsSpan(TableAt);
        foreach (LearnedWeight weight in state.Weights.Tables.SelectMany(weights => weights))
            WritePair(ref pairs, weight.Logarithm, weight.Squares);
        for (int c = 0; c < Calibration.Classes; c++)
            WritePair(ref pairs, state.Calibration[c].Expected, state.Calibration[c].Taken);
        table[0] = (byte)tokens.Bits;
        places.CopyTo(table[1..]);
        logarithms.CopyTo(table[(1 + places.Length)..]);
        squares.CopyTo(table[(1 + places.Length + squares.Count)..]);
        return packed;
    }

    private static LearnedState? Unpack(NamespaceKey @namespace, long learnedFrom, ReadOnlySpan<byte> packed)
    {
        if (BinaryPrimitives.ReadUInt16LittleEndian(packed) != VoteWeights.Count || packed[sizeof(ushort)] != Calibration.Classes
            || UnpackTokens(packed[TableAt..]) is not TokenWeights tokens)
        {
            return null;
        }

        // A comparison with what is no number is false.
        VoteWeights weights = new(tokens);
        ReadOnlySpan<byte> pairs = packed[PairsAt..];
        foreach (LearnedWeight[] table in weights.Tables)
        {
            foreach (ref LearnedWeight weight in table.AsSpan())
            {
                (float logarithm, float squares) = ReadPair(ref pairs);
                if (!(Math.Abs(logarithm) <= LearnedWeight.Most && squares is >= LearnedWeight.FirstSquares and <= MostSquares))
                    return null;
                weight = new LearnedWeight(logarithm, squares);
            }
        }

        Calibration calibration = new();
        for (int c = 0; c < Calibration.Classes; c++)
        {
            (float expected, float taken) = ReadPair(ref pairs);
            if (!(expected is >= 0 and <= MostExpected && taken is >= 0 and <= Calibration.MostTaken))
                return null;
            calibration[c] = (expected, taken);
        }

        return new LearnedState(@namespace, learnedFrom, weights, calibration);
    }

    private static TokenWeights? UnpackTokens(ReadOnlySpan<byte> table)
    {
        int bits = table[0];
        if (bits is not (0 or (>= TokenWeights.FirstBits and <= TokenWeights.MostBits)))
            return null;
        int map = bits == 0 ? 0 : (1 << bits) / 8, learned = 0;
        if (table.Length < 1 + map)
            return null;
        ReadOnlySpan<byte> places = table.Slice(1, map);
        foreach (byte eight in places)
            learned += BitOperations.PopCount(eight);
        if (table.Length != 1 + map + (2 * learned))
            return null;

        ReadOnlySpan<byte> logarithms = table.Slice(1 + map, learned), squares = table[(1 + map + learned)..];
        TokenWeights tokens = TokenWeights.OfBits(bits);
        for (int place = 0, i = 0; i < learned; place++)
        {
            if ((places[place / 8] & (1 << (place % 8))) == 0)
                continue;
            if (squares[i] == 0 || (sbyte)logarithms[i] < -Steps)
                return null;
            tokens.Set(place, WeightOf((sbyte)logarithms[i]), TokenWeights.FirstSquares * MathF.Pow(2, squares[i] / SquaresSteps));
            i++;
        }

        return tokens;
    }

    private static int StepOf(float weight)
    {
        float logarithm = MathF.Log(weight);
        return Math.Min((int)MathF.Round(StepsOfE * MathF.Log(1 + (Math.Abs(logarithm) / Near))), Steps) * Math.Sign(logarithm);
    }

    private static float WeightOf(int step)
    {
        float logarithm = Near * (MathF.Exp(Math.Abs(step) / StepsOfE) - 1);
        return Math.Clamp(MathF.Exp(step < 0 ? -logarithm : logarithm), 1 / TokenWeights.Most, TokenWeights.Most);
    }

    private static void WritePair(ref Span<byte> pairs, float first, float second)
    {
        BinaryPrimitives.WriteSingleLittleEndian(pairs, first);
        BinaryPrimitives.WriteSingleLittleEndian(pairs[sizeof(float)..], second);
        pairs = pairs[(2 * sizeof(float))..];
    }

    private static (float First, float Second) ReadPair(ref ReadOnlySpan<byte> pairs)
    {
        (float, float) pair = (BinaryPrimitives.ReadSingleLittleEndian(pairs), BinaryPrimitives.ReadSingleLittleEndian(pairs[sizeof(float)..]));
        pairs = pairs[(2 * sizeof(float))..];
        return pair;
    }
}
