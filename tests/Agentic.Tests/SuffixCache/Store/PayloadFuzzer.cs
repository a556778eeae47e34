using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Compression;
using Agentic.SuffixCache;

namespace Agentic.Tests;

/// <summary>Makes payloads that an accident or an enemy may have left in a store; the same seed makes the same ones.</summary>
/// <param name="seed">Of all of it.</param>
/// <param name="namespace">Whose the whole ones are.</param>
internal sealed class PayloadFuzzer(int seed, NamespaceKey @namespace)
{
    /// <summary>Kinds of payloads.</summary>
    public const int Kinds = 10;

    public const int MostSequences = 6;

    private const int Header = 25, LengthAt = 21, ChecksumAt = 1, CheckedAt = 5;
    private static readonly NamespaceKey Other = NamespaceKey.Derive([1], "other", "m", "t");
    private static readonly float[] OddNumbers = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue, -1, 1e-40f];
    private readonly Random _random = new(seed);
    private long _time = 1_700_000_000_000;

    public int Next(int below) => _random.Next(below);

    /// <summary>An entry as it should be, and what is in it.</summary>
    public (byte[] Entry, StoredSequence[] Sequences) Whole()
    {
        StoredSequence[] sequences = [.. Enumerable.Range(0, 1 + Next(MostSequences)).Select(_ => Sequence())];
        return (SequenceCodec.Encode(@namespace, (ulong)_random.NextInt64(), sequences), sequences);
    }

    /// <summary>A state as it should be.</summary>
    public LearnedState Learned()
    {
        VoteWeights weights = new();
        for (int i = Next(Next(4) == 0 ? 20_000 : 500); i > 0; i--)
        {
            weights.LearnVote(Next(100), Next(200), Next(12), _random.NextSingle() - 0.5f);
            weights.LearnEscape(new EscapeIndices(Next(100), Next(30), Next(8), Next(30), Next(30), Next(40)), _random.NextSingle() - 0.5f);
        }

        Calibration calibration = new();
        for (int i = Next(500); i > 0; i--)
            calibration.Learn(_random.NextSingle(), Next(2) == 0);
        return new LearnedState(@namespace, 1 + Next(1 << 20), weights, calibration);
    }

    /// <summary>The bytes with an accident.</summary>
    public byte[] Damage(byte[] whole) => Next(4) switch
    {
        0 => Flip([.. whole]),
        1 => whole[..Next(whole.Length)],
        2 => [.. whole, .. Bytes(1 + Next(40))],
        _ => Splice(whole, Bytes(1 + Next(600))),
    };

    /// <summary>The bytes with a few others among them, some of a number that is none, or too large.</summary>
    public byte[] Edit(byte[] whole)
    {
        byte[] edited = [.. whole];
        for (int edits = 1 + Next(3); edits > 0; edits--)
        {
            int at = Next(edited.Length - sizeof(float));
            if (Next(2) == 0)
                edited[at] = (byte)Next(256);
            else
                BinaryPrimitives.WriteSingleLittleEndian(edited.AsSpan(at), OddNumbers[Next(OddNumbers.Length)]);
        }

        return edited;
    }

    /// <summary>Payloads of all kinds for a while.</summary>
    /// <returns>A hostile one has a right checksum around anything, and may be read; no other may.</returns>
    public IEnumerable<(string Kind, byte[] Payload, bool IsHostile)> Payloads(TimeSpan duration)
    {
        var end = Stopwatch.StartNew();
        for (int i = 0; end.Elapsed < duration || i < 20 * Kinds; i++)
        {
            byte[] entry = Whole().Entry;
            yield return (i % Kinds) switch
            {
                0 => ("random bytes", Bytes(Next(600)), false),
                1 => ("bits flipped", Flip(entry), false),
                2 => ("cut", entry[..Next(entry.Length)], false),
                3 => ("more behind", [.. entry, .. Bytes(1 + Next(40))], false),
                4 => ("two spliced", Splice(entry, Whole().Entry), false),
                5 => ("of another namespace", SequenceCodec.Encode(Other, 1, [Sequence()]), false),
                6 => ("other version", [(byte)(entry[0] + 1 + Next(255)), .. entry[1..]], false),
                7 => ("hostile length", Seal(entry, length: Next(2) == 0 ? _random.Next(int.MinValue, int.MaxValue) : Next(16 << 20)), true),
                8 => ("hostile content", Pack(Change(Inflate(entry))), true),
                _ => ("hostile bomb", Pack(Bomb()), true),
            };
        }
    }

    /// <summary>Where entries begin in an undamaged file of sequences; the last is where its end begins.</summary>
    public static int[] Entries(byte[] file)
    {
        List<int> starts = [9];
        while (file.AsSpan(starts[^1]).StartsWith("SEQ="u8))
            starts.Add(starts[^1] + 8 + NamespaceKey.Length + BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(starts[^1] + 4)));
        return [.. starts];
    }

    private StoredSequence Sequence()
    {
        int[] tokens = [.. Enumerable.Range(0, 1 + Next(Next(20) == 0 ? 3000 : 60)).Select(_ => Next(Next(2) == 0 ? 300 : int.MaxValue))];
        return new StoredSequence(@namespace, tokens)
        {
            Time = DateTimeOffset.FromUnixTimeMilliseconds(_time++),
            Runs = [new TokenRun(SuffixCache.TokenKind.Output, tokens.Length)],
        };
    }

    private byte[] Bytes(int count)
    {
        byte[] bytes = new byte[count];
        _random.NextBytes(bytes);
        return bytes;
    }

    private byte[] Flip(byte[] entry)
    {
        int first = Next(8 * entry.Length);
        entry[first / 8] ^= (byte)(1 << (first % 8));
        for (int more = Next(4); more > 0; more--)
        {
            int bit = Next(8 * entry.Length);
            if (bit != first)
                entry[bit / 8] |= (byte)(1 << (bit % 8));
        }

        return entry;
    }

    private byte[] Splice(byte[] first, byte[] second)
    {
        byte[] spliced = [.. first[..Next(first.Length)], .. second[Next(second.Length)..]];
        return spliced.AsSpan().SequenceEqual(second) ? [.. first, .. second] : spliced;   // entries begin alike
    }

    private byte[] Change(byte[] packed)
    {
        for (int edits = 1 + Next(6); edits > 0; edits--)
            packed[Next(packed.Length)] = Next(3) == 0 ? (byte)(0xc0 + Next(0x40)) : (byte)Next(256);   // headers of MessagePack
        return packed[..(packed.Length - (Next(4) == 0 ? Next(packed.Length) : 0))];
    }

    /// <summary>Little that says it is much, and becomes as much as the format lets it.</summary>
    private byte[] Bomb()
    {
        int count = Next(3) switch { 0 => int.MaxValue, 1 => 1 << (10 + Next(12)), _ => Next(1 << 22) };
        byte[] array = [0xdd, (byte)(count >> 24), (byte)(count >> 16), (byte)(count >> 8), (byte)count];
        byte[] element = Next(2) == 0 ? [0x93, 0, 0x90, 0xc4, 0] : [0x93, 0, 0x90, 0xc4, 1, 7];
        int repeated = Math.Min(count, Next(40) == 0 ? (7 << 20) / element.Length : Next(2000));
        byte[] body = new byte[repeated * element.Length];
        for (int i = 0; i < repeated; i++)
            element.CopyTo(body, i * element.Length);
        return [.. array, .. body];
    }

    private static byte[] Inflate(byte[] entry)
    {
        byte[] packed = new byte[BinaryPrimitives.ReadInt32LittleEndian(entry.AsSpan(LengthAt))];
        Assert.True(BrotliDecoder.TryDecompress(entry.AsSpan(Header), packed, out _));
        return packed;
    }

    private byte[] Pack(byte[] content)
    {
        byte[] deflated = new byte[BrotliEncoder.GetMaxCompressedLength(content.Length)];
        Assert.True(BrotliEncoder.TryCompress(content, deflated, out int written, quality: 1, window: 22));
        return Seal([1, .. new byte[Header - 1], .. deflated.AsSpan(0, written)], content.Length);
    }

    /// <summary>The entry with another length and a right checksum.</summary>
    private byte[] Seal(byte[] entry, int length)
    {
        BinaryPrimitives.WriteInt32LittleEndian(entry.AsSpan(LengthAt), length);
        BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(ChecksumAt), SequenceCodec.Checksum(@namespace, entry.AsSpan(CheckedAt)));
        return entry;
    }
}
