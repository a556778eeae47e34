using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.Numerics;
using System.Security.Cryptography;
using MessagePack;

namespace Agentic.SuffixCache;

/// <summary>Entries of the log: a few sequences, MessagePack, varint tokens, Brotli, checked.</summary>
/// <remarks>
/// <para>version (1) · CRC-32C of namespace and all that follows (4) · entry id (16) · length inflated (4) · Brotli of
/// [[milliseconds, [kind, length, …], tokens], …]. The namespace in the checksum makes an entry of another one read as damaged.</para>
/// <para>On 5.5M tokens of recorded agents: 1.38 bytes a token for entries of one call (200 tokens), 0.99 for eight calls, 0.57 for 64.
/// Fixed widths of 2, 3 and 4 bytes under the same Brotli: 1.35, 1.50 and 1.48. Quality 6 gains nothing on 5, and 4 loses 3 %.</para>
/// </remarks>
internal static class SequenceCodec
{
    public const int MaxTokens = 1 << 20;   // in one entry
    public const int EntryTokens = 128 << 10;   // of the sequences that share one: more compress no better
    private const int MaxSequences = EntryTokens;   // of a token each
    private const int MaxInflated = 8 << 20;
    private const byte Version = 1;
    private const int Header = 1 + sizeof(uint) + 16 + sizeof(int);
    private const int Checked = 1 + sizeof(uint);   // the checksum covers what follows
    private const int Quality = 5;
    private const int Window = 22;

    /// <summary>The id of an entry, by which a copy is told from another of the same content.</summary>
    public static UInt128 NewId() => BinaryPrimitives.ReadUInt128LittleEndian(RandomNumberGenerator.GetBytes(16));

    /// <summary>One entry of sequences that hold at most <see cref="MaxTokens"/> together, none negative.</summary>
    public static byte[] Encode(NamespaceKey @namespace, UInt128 id, IReadOnlyCollection<StoredSequence> sequences)
    {
        var packed = new ArrayBufferWriter<byte>(1024);
        var writer = new MessagePackWriter(packed);
        writer.WriteArrayHeader(sequences.Count);
        foreach (StoredSequence sequence in sequences)
        {
            writer.WriteArrayHeader(3);
            writer.Write(sequence.Time.ToUnixTimeMilliseconds());
            writer.WriteArrayHeader(2 * sequence.Runs.Count);
            foreach (TokenRun run in sequence.Runs)
            {
                writer.Write((byte)run.Kind);
                writer.Write(run.Length);
            }

            WriteTokens(ref writer, sequence.Tokens.Span);
        }

        writer.Flush();
        ReadOnlySpan<byte> plain = packed.WrittenSpan;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(Header + BrotliEncoder.GetMaxCompressedLength(plain.Length));
        bool fits = BrotliEncoder.TryCompress(plain, buffer.AsSpan(Header), out int deflated, Quality, Window);
        System.Diagnostics.Debug.Assert(fits, "The longest Brotli can write was rented.");
        byte[] entry = buffer.AsSpan(0, Header + deflated).ToArray();
        ArrayPool<byte>.Shared.Return(buffer);

        entry[0] = Version;
        BinaryPrimitives.WriteUInt128LittleEndian(entry.AsSpan(Checked), id);
        BinaryPrimitives.WriteInt32LittleEndian(entry.AsSpan(Checked + 16), plain.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(1), Checksum(@namespace, entry.AsSpan(Checked)));
        return entry;
    }

    /// <summary>Reads an entry that anyone may have written: false for whatever is damaged, foreign or too large. Never throws.</summary>
    public static bool TryDecode(NamespaceKey @namespace, ReadOnlySpan<byte> entry, out UInt128 id, out StoredSequence[] sequences)
    {
        (id, sequences) = (default, []);
        if (entry.Length <= Header || entry[0] != Version
            || BinaryPrimitives.ReadUInt32LittleEndian(entry[1..]) != Checksum(@namespace, entry[Checked..]))
        {
            return false;
        }

        int inflated = BinaryPrimitives.ReadInt32LittleEndian(entry[(Checked + 16)..]);
        if (inflated is <= 0 or > MaxInflated)
        {
            return false;
        }

        byte[] plain = ArrayPool<byte>.Shared.Rent(inflated);
        try
        {
            id = BinaryPrimitives.ReadUInt128LittleEndian(entry[Checked..]);
            return BrotliDecoder.TryDecompress(entry[Header..], plain.AsSpan(0, inflated), out int written)
                && written == inflated
                && TryUnpack(@namespace, plain.AsMemory(0, inflated), out sequences);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(plain);
        }
    }

    /// <summary>The MessagePack inside. Read by hand: no type, map or depth of the sender's choosing is ever built.</summary>
    internal static bool TryUnpack(NamespaceKey @namespace, ReadOnlyMemory<byte> packed, out StoredSequence[] sequences)
    {
        sequences = [];
        try
        {
            var reader = new MessagePackReader(packed);
            // Counts that the bytes left cannot hold are refused by the reader, and here those that no writer makes: a few bytes of Brotli
            // would otherwise become a hundred megabytes of empty sequences.
            int count = reader.ReadArrayHeader(), tokensLeft = MaxTokens;
            if (count > MaxSequences)
            {
                return false;
            }

            var read = new StoredSequence[count];
            for (int i = 0; i < read.Length; i++)
            {
                if (reader.ReadArrayHeader() != 3)
                {
                    return false;
                }

                DateTimeOffset time = DateTimeOffset.FromUnixTimeMilliseconds(reader.ReadInt64());
                TokenRun[]? runs = ReadRuns(ref reader);
                int[]? tokens = runs is null ? null : ReadTokens(ref reader, tokensLeft);
                if (tokens is null || runs!.Sum(run => (long)run.Length) > tokens.Length)
                {
                    return false;
                }

                tokensLeft -= tokens.Length;
                read[i] = new StoredSequence(@namespace, tokens) { Time = time, Runs = runs! };
            }

            if (!reader.End)
            {
                return false;
            }

            sequences = read;
            return true;
        }
        catch (Exception exception) when (exception is MessagePackSerializationException or EndOfStreamException or OverflowException
            or ArgumentOutOfRangeException)
        {
            return false;   // damaged: the caller counts it
        }
    }

    private static void WriteTokens(ref MessagePackWriter writer, ReadOnlySpan<int> tokens)
    {
        int bytes = 0;
        foreach (int token in tokens)
        {
            bytes += (BitOperations.Log2((uint)token | 1) / 7) + 1;
        }

        writer.WriteBinHeader(bytes);
        Span<byte> destination = writer.GetSpan(Math.Max(bytes, 1));
        int at = 0;
        foreach (int token in tokens)
        {
            uint rest = (uint)token;
            for (; rest >= 0x80; rest >>= 7)
            {
                destination[at++] = (byte)(rest | 0x80);
            }

            destination[at++] = (byte)rest;
        }

        writer.Advance(bytes);
    }

    private static TokenRun[]? ReadRuns(ref MessagePackReader reader)
    {
        int count = reader.ReadArrayHeader() / 2;
        if (count > MaxTokens)
        {
            return null;
        }

        var runs = new TokenRun[count];
        for (int i = 0; i < runs.Length; i++)
        {
            runs[i] = new TokenRun((TokenKind)reader.ReadByte(), checked((int)reader.ReadUInt32()));
        }

        return runs;
    }

    private static int[]? ReadTokens(ref MessagePackReader reader, int most)
    {
        ReadOnlySequence<byte> body = reader.ReadBytes() ?? default;
        ReadOnlySpan<byte> bytes = body.FirstSpan;   // the reader was given one piece
        int count = 0;
        foreach (byte b in bytes)
        {
            count += b < 0x80 ? 1 : 0;
        }

        if (count > most)
        {
            return null;
        }

        int[] tokens = new int[count];
        int at = 0;
        for (int i = 0; i < tokens.Length; i++)
        {
            uint token = 0;
            for (int shift = 0; ; shift += 7)
            {
                byte b = bytes[at++];
                token |= (uint)(b & 0x7f) << shift;
                if (b < 0x80)
                {
                    break;
                }

                if (shift == 28)
                {
                    return null;   // longer than 32 bits
                }
            }

            if ((int)token < 0)
            {
                return null;
            }

            tokens[i] = (int)token;
        }

        return at == bytes.Length ? tokens : null;
    }

    internal static uint Checksum(NamespaceKey @namespace, ReadOnlySpan<byte> body)
    {
        Span<byte> key = stackalloc byte[NamespaceKey.Length];
        @namespace.CopyTo(key);
        return ~Crc32C(Crc32C(uint.MaxValue, key), body);
    }

    private static uint Crc32C(uint crc, ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        }

        foreach (byte b in bytes)
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return crc;
    }
}
