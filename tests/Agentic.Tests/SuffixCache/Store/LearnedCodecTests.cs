using System.Buffers.Binary;
using Agentic.SuffixCache;

namespace Agentic.Tests;

/// <summary>Learned state as it is stored: near enough to what it was, and nothing at all where it is damaged.</summary>
public sealed class LearnedCodecTests : HistoryTesting
{
    // Behind the header, and in what it compresses.
    private const int ChecksumAt = 1, TokensAt = 5, PairsAt = 3;
    private const int CountsAt = PairsAt + (8 * VoteWeights.Count), TableAt = CountsAt + (8 * Calibration.Classes);
    private const int PlacesAt = TableAt + 1, LogarithmsAt = PlacesAt + ((1 << TokenWeights.MostBits) / 8);

    private static readonly LearnedState State = MakeState();

    [Fact]
    public void Decoded_IsWhatWasEncoded()
    {
        byte[] bytes = LearnedCodec.Encode(State);
        LearnedState back = LearnedCodec.Decode(One, bytes)!;

        Assert.Equal((One, State.Tokens), (back.Namespace, back.Tokens));
        Assert.Equal(State.Tokens, LearnedCodec.TokensOf(bytes.AsSpan(0, LearnedCodec.Beginning)));
        Assert.InRange(bytes.Length, 1000, 64 << 10);
        Assert.Equal(
            State.Weights.Tables.SelectMany(table => table).Select(weight => (weight.Logarithm, weight.Squares, weight.Weight)),
            back.Weights.Tables.SelectMany(table => table).Select(weight => (weight.Logarithm, weight.Squares, weight.Weight)));
        Assert.Equal(
            Enumerable.Range(0, Calibration.Classes).Select(c => (State.Calibration[c], State.Calibration.Correct(MathF.Pow(2, -c / 2f)))),
            Enumerable.Range(0, Calibration.Classes).Select(c => (back.Calibration[c], back.Calibration.Correct(MathF.Pow(2, -c / 2f)))));

        TokenWeights before = State.Weights.Tokens, after = back.Weights.Tokens;
        Assert.Equal((TokenWeights.MostBits, before.Bytes), (after.Bits, after.Bytes));
        int moved = 0;
        for (int place = 0; place < before.Weights.Length; place++)
        {
            float logarithm = MathF.Log(before.Weights[place]);
            Assert.InRange(MathF.Log(after.Weights[place]) - logarithm, -0.0011f - (0.022f * Math.Abs(logarithm)), 0.0011f + (0.022f * Math.Abs(logarithm)));
            Assert.InRange(MathF.Log2(after.Squares[place] / before.Squares[place]), -0.07f, 0.13f);
            moved += Math.Abs(logarithm) > 0.1 ? 1 : 0;
        }

        Assert.InRange(moved, 500, 1 << TokenWeights.MostBits);
        Assert.Equal(bytes, LearnedCodec.Encode(back));   // stored again and again it stays as it is
    }

    [Fact]
    public void NothingOfTokensLearned_IsKeptToo()
    {
        LearnedState state = new(One, 1, new VoteWeights(), new Calibration());
        LearnedState back = LearnedCodec.Decode(One, LearnedCodec.Encode(state))!;
        Assert.Equal((0, 0), (back.Weights.Tokens.Bits, back.Weights.Tokens.Bytes));
        Assert.Equal(1, back.Weights.Tokens.Vote(1, 2, 3));
    }

    [Theory]
    [InlineData(1e-5f)]
    [InlineData(1e5f)]
    public void Extremes_StayWithinBounds(float weight)
    {
        VoteWeights votes = new(TokenWeights.OfBits(TokenWeights.FirstBits));
        votes.Tokens.Set(7, weight, 1e20f);
        LearnedState back = LearnedCodec.Decode(One, LearnedCodec.Encode(new(One, 1, votes, new Calibration())))!;
        Assert.InRange(back.Weights.Tokens.Weights[7], 0.99f * weight, 1.01f * weight);
        Assert.InRange(back.Weights.Tokens.Weights[7], 1 / TokenWeights.Most, TokenWeights.Most);
        Assert.InRange(back.Weights.Tokens.Squares[7], 1e9f, 1e20f);
    }

    /// <summary>A hash or a place that is another one makes nonsense of what is stored: who changes them changes the version, and this.</summary>
    [Fact]
    public void TokensHaveTheirPlaces()
    {
        TokenWeights tokens = TokenWeights.OfBits(TokenWeights.FirstBits);
        tokens.LearnVote(last: 11, token: 22, match: 5, gradient: 0.5f);
        tokens.LearnEscape(last: 33, gradient: -0.5f);
        Assert.Equal((1, 11), (LearnedCodec.Encode(State)[0], TokenWeights.FirstBits));
        Assert.Equal([135, 141, 810, 1216], Enumerable.Range(0, tokens.Weights.Length).Where(place => tokens.Squares[place] != TokenWeights.FirstSquares));
    }

    [Fact]
    public void Cut_IsRefused()
    {
        byte[] bytes = LearnedCodec.Encode(State);
        for (int length = 0; length < bytes.Length; length += length < 100 ? 1 : 97)
            Assert.Null(LearnedCodec.Decode(One, bytes.AsSpan(0, length)));
        Assert.Null(LearnedCodec.Decode(One, [.. bytes, 0]));
    }

    [Fact]
    public void FlippedBit_IsRefused()
    {
        byte[] bytes = LearnedCodec.Encode(State);
        for (int bit = 0; bit < 8 * bytes.Length; bit += bit < 1000 ? 1 : 101)
        {
            byte[] damaged = [.. bytes];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Null(LearnedCodec.Decode(One, damaged));
        }
    }

    [Fact]
    public void OtherVersionOrNamespace_IsRefused()
    {
        byte[] bytes = LearnedCodec.Encode(State);
        Assert.Null(LearnedCodec.Decode(Two, bytes));
        bytes[0]++;
        Assert.Null(LearnedCodec.Decode(One, bytes));
        Assert.Equal(0, LearnedCodec.TokensOf(bytes));
    }

    /// <summary>With a checksum that is right: what another program wrote.</summary>
    [Fact]
    public void NumbersThatNobodyLearned_AreRefused()
    {
        byte[] packed = LearnedCodec.Pack(State);
        Assert.NotNull(Sealed(packed));
        foreach (float odd in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity, 12.1f, -12.1f])
            Assert.Null(Sealed(With(PairsAt + (8 * 100), odd)));
        foreach (float odd in (float[])[float.NaN, float.PositiveInfinity, 0.49f, 0, -1, 1e20f])
            Assert.Null(Sealed(With(PairsAt + (8 * 100) + 4, odd)));
        foreach (float odd in (float[])[float.NaN, float.PositiveInfinity, -1, 1e20f])
            Assert.Null(Sealed(With(CountsAt + 8, odd)));
        foreach (float odd in (float[])[float.NaN, float.PositiveInfinity, -1, 401])
            Assert.Null(Sealed(With(CountsAt + 8 + 4, odd)));
        Assert.Null(Sealed(Changed(TableAt, 10)));   // bits
        Assert.Null(Sealed(Changed(TableAt, 14)));
        Assert.Null(Sealed(Changed(TableAt, 16)));
        Assert.Null(Sealed(Changed(TableAt, 255)));
        Assert.Null(Sealed(Changed(PlacesAt, (byte)(packed[PlacesAt] ^ 1))));   // one more or less than there is of the rest
        Assert.Null(Sealed(Changed(LogarithmsAt, 128)));
        Assert.Null(Sealed(Changed(packed.Length - 1, 0)));
        Assert.Null(Sealed(Changed(0, (byte)(packed[0] + 1))));
        Assert.Null(Sealed(Changed(2, (byte)(packed[2] - 1))));
        Assert.Null(Sealed(packed[..^1]));
        Assert.Null(Sealed(packed[..TableAt]));
        Assert.Null(Sealed([.. packed, .. new byte[1 << 20]]));
        foreach (long tokens in (long[])[0, -1, long.MinValue, long.MaxValue])
            Assert.Null(LearnedCodec.Decode(One, LearnedCodec.Seal(One, tokens, packed)));

        byte[] With(int at, float value)
        {
            byte[] changed = [.. packed];
            BinaryPrimitives.WriteSingleLittleEndian(changed.AsSpan(at), value);
            return changed;
        }

        byte[] Changed(int at, byte value)
        {
            byte[] changed = [.. packed];
            changed[at] = value;
            return changed;
        }

        static LearnedState? Sealed(byte[] content) => LearnedCodec.Decode(One, LearnedCodec.Seal(One, 5, content));
    }

    /// <summary>A length that is not the content's, with a checksum that is right.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    [InlineData(-1_000_000)]
    [InlineData(int.MaxValue)]
    public void OtherLength_IsRefused(int by)
    {
        byte[] bytes = LearnedCodec.Encode(State);
        Span<byte> length = bytes.AsSpan(TokensAt + sizeof(long));
        BinaryPrimitives.WriteInt32LittleEndian(length, unchecked(BinaryPrimitives.ReadInt32LittleEndian(length) + by));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(ChecksumAt), SequenceCodec.Checksum(One, bytes.AsSpan(TokensAt)));
        Assert.Null(LearnedCodec.Decode(One, bytes));
    }

    private static LearnedState MakeState()
    {
        using SuffixHistory history = new(Vocabulary, Budget);
        Play(history, One, seed: 1, calls: 300);
        return Learned(history, One)!;
    }
}
