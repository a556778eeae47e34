using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using Agentic.SuffixCache;
using CsCheck;
using MessagePack;

namespace Agentic.Tests;

public sealed class SequenceCodecTests
{
    private static readonly NamespaceKey Mine = NamespaceKey.Derive([1], "mine", "m", "t");
    private static readonly NamespaceKey Other = NamespaceKey.Derive([1], "other", "m", "t");

    private static readonly int[] Edges = [0, 127, 128, 16383, 16384, int.MaxValue];   // where a varint grows

    private static readonly Gen<(int At, byte Value)> Edit = Gen.Select(Gen.Int[0, int.MaxValue], Gen.Byte);

    private static readonly Gen<StoredSequence> Sequence =
        from tokens in Gen.OneOf(Gen.Int[0, int.MaxValue], Gen.Int[0, 300], Gen.Int[0, 5].Select(i => Edges[i])).Array[0, 200]
        from prompt in Gen.Int[0, tokens.Length]
        from time in Gen.Long[0, 4_000_000_000_000]
        select new StoredSequence(Mine, tokens)
        {
            Time = DateTimeOffset.FromUnixTimeMilliseconds(time),
            Runs = prompt == 0 ? [] : [new TokenRun(TokenKind.Prompt, prompt), new TokenRun(TokenKind.Output, tokens.Length - prompt)],
        };

    [Fact]
    public void AnySequences_RoundTrip() => Gen.Select(Sequence.Array[1, 20], Gen.ULong).Sample((sequences, id) =>
    {
        byte[] entry = SequenceCodec.Encode(Mine, id, sequences);
        Assert.True(SequenceCodec.TryDecode(Mine, entry, out UInt128 readId, out StoredSequence[] read));
        Assert.Equal(id, (ulong)readId);
        Assert.Equal(sequences.Length, read.Length);
        foreach ((StoredSequence expected, StoredSequence actual) in sequences.Zip(read))
        {
            Assert.Equal(expected.Tokens.ToArray(), actual.Tokens.ToArray());
            Assert.Equal(expected.Runs, actual.Runs);
            Assert.Equal(expected.Time, actual.Time);
            Assert.Equal(Mine, actual.Namespace);
        }
    });

    [Fact]
    public void AnyFlippedBit_IsDamage() => Gen.Select(Sequence.Array[1, 4], Gen.Int[0, int.MaxValue]).Sample((sequences, bit) =>
    {
        byte[] entry = SequenceCodec.Encode(Mine, 1, sequences);
        entry[bit / 8 % entry.Length] ^= (byte)(1 << (bit % 8));
        Assert.False(SequenceCodec.TryDecode(Mine, entry, out _, out _));
    });

    [Fact]
    public void AnyCut_IsDamage()
    {
        byte[] entry = SequenceCodec.Encode(Mine, 1, [new StoredSequence(Mine, new[] { 1, 2, 3, 1, 2, 3 })]);
        for (int length = 0; length < entry.Length; length++)
        {
            Assert.False(SequenceCodec.TryDecode(Mine, entry.AsSpan(0, length), out _, out _));
        }
    }

    [Fact]
    public void EntryOfAnotherNamespace_IsDamage() =>
        Assert.False(SequenceCodec.TryDecode(Other, SequenceCodec.Encode(Mine, 1, [new StoredSequence(Mine, new[] { 1 })]), out _, out _));

    [Fact]
    public void MutatedMessagePack_NeverThrowsNorAllocatesBeyondItsSize() =>
        Gen.Select(Sequence.Array[1, 4], Edit.Array[1, 8], Gen.Int[0, 8]).Sample((sequences, edits, cut) =>
        {
            byte[] packed = Inflate(SequenceCodec.Encode(Mine, 1, sequences));
            foreach ((int at, byte value) in edits)
            {
                packed[at % packed.Length] = value;
            }

            packed = packed[..^Math.Min(cut, packed.Length - 1)];
            long before = GC.GetAllocatedBytesForCurrentThread();
            if (SequenceCodec.TryUnpack(Mine, packed, out StoredSequence[] read))
            {
                Assert.All(read, sequence => Assert.DoesNotContain(sequence.Tokens.ToArray(), token => token < 0));
                Assert.All(read, sequence => Assert.InRange(sequence.Runs.Sum(run => (long)run.Length), 0, sequence.Tokens.Length));
            }
            else
            {
                Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64_000 + (64 * packed.Length));
            }
        });

    [Theory]
    [InlineData(0x7fffffff)]
    [InlineData(int.MinValue)]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(9 << 20)]
    public void ForgedLength_IsRefusedWithoutAllocating(int length)
    {
        byte[] entry = Seal(new byte[100], length);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.False(SequenceCodec.TryDecode(Mine, entry, out _, out _));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4096);
    }

    [Fact]
    public void InflatesBeyondItsLength_IsRefused() =>
        Assert.False(SequenceCodec.TryDecode(Mine, Seal(new byte[4 << 20], 1000), out _, out _));

    [Fact]
    public void ForgedCounts_AreRefused()
    {
        Span<byte> array = [0xdd, 0x7f, 0xff, 0xff, 0xff];   // an array of 2³¹ − 1
        Assert.False(SequenceCodec.TryDecode(Mine, Seal(array.ToArray(), array.Length), out _, out _));

        Assert.False(Unpacks((ref MessagePackWriter writer) => Head(ref writer, 0, 0, [0xff, 0xff, 0xff, 0xff, 0x0f]))); // −1
        Assert.False(Unpacks((ref MessagePackWriter writer) => Head(ref writer, 0, 0, [0xff, 0xff, 0xff, 0xff, 0xff, 0x01]))); // 36 bits
        Assert.False(Unpacks((ref MessagePackWriter writer) => Head(ref writer, 0, 0, [1, 0x80]))); // unfinished
        Assert.False(Unpacks((ref MessagePackWriter writer) => Head(ref writer, long.MaxValue, 0, [1]))); // no such time
        Assert.False(Unpacks((ref MessagePackWriter writer) => Head(ref writer, 0, 2, [1]))); // run past the end
        Assert.True(Unpacks((ref MessagePackWriter writer) => Head(ref writer, 0, 1, [1])));
    }

    private delegate void Write(ref MessagePackWriter writer);

    private static void Head(ref MessagePackWriter writer, long time, int run, ReadOnlySpan<byte> tokens)
    {
        writer.WriteArrayHeader(1);
        writer.WriteArrayHeader(3);
        writer.Write(time);
        writer.WriteArrayHeader(2);
        writer.Write((byte)TokenKind.Output);
        writer.Write(run);
        writer.Write(tokens);
    }

    private static bool Unpacks(Write write)
    {
        var packed = new ArrayBufferWriter<byte>();
        var writer = new MessagePackWriter(packed);
        write(ref writer);
        writer.Flush();
        return SequenceCodec.TryDecode(Mine, Seal(packed.WrittenSpan, packed.WrittenCount), out _, out _);
    }

    private static byte[] Inflate(ReadOnlySpan<byte> entry)
    {
        byte[] packed = new byte[BinaryPrimitives.ReadInt32LittleEndian(entry[21..])];
        Assert.True(BrotliDecoder.TryDecompress(entry[25..], packed, out _));
        return packed;
    }

    /// <summary>An entry with a right checksum around any bytes.</summary>
    private static byte[] Seal(ReadOnlySpan<byte> packed, int length)
    {
        byte[] deflated = new byte[BrotliEncoder.GetMaxCompressedLength(packed.Length)];
        Assert.True(BrotliEncoder.TryCompress(packed, deflated, out int written));
        byte[] entry = [1, 0, 0, 0, 0, .. new byte[20], .. deflated.AsSpan(0, written)];
        BinaryPrimitives.WriteInt32LittleEndian(entry.AsSpan(21), length);
        BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(1), SequenceCodec.Checksum(Mine, entry.AsSpan(5)));
        return entry;
    }
}
