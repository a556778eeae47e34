using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;

namespace Agentic.SuffixCache;

/// <summary>A conversation as token ids: what was read and what was written, in turn.</summary>
/// <param name="Segments">In order; the prompt of a completion is everything before it.</param>
public sealed record RecordedConversation(IReadOnlyList<RecordedSegment> Segments)
{
    private const uint Magic = 0x31474553;   // "SEG1"

    /// <summary>Reads a file of token segments: <c>SEG1</c>, then for each conversation int32 count and so many of int32 kind, int32 n, n
    /// × int32.</summary>
    /// <param name="file">Gzip-compressed; little-endian.</param>
    /// <exception cref="InvalidDataException">It is cut short, or no such file.</exception>
    public static IReadOnlyList<RecordedConversation> ReadFile(string file)
    {
        using MemoryStream bytes = new();
        try
        {
            using GZipStream unzipped = new(File.OpenRead(file), CompressionMode.Decompress);
            unzipped.CopyTo(bytes);
        }
        catch (InvalidDataException exception)
        {
            throw new InvalidDataException("It is no gzip file, or damaged.", exception);
        }

        return Read(bytes.GetBuffer().AsSpan(0, (int)bytes.Length), Path.GetFileName(file));
    }

    internal static IReadOnlyList<RecordedConversation> Read(ReadOnlySpan<byte> bytes, string name)
    {
        if (bytes.Length < sizeof(uint) || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic)
            throw new InvalidDataException($"{name} is no file of token segments: it does not begin with SEG1.");
        List<RecordedConversation> conversations = [];
        for (int at = sizeof(uint); at < bytes.Length;)
        {
            RecordedSegment[] segments = new RecordedSegment[Number(bytes, ref at, name, unit: 2 * sizeof(int))];
            for (int i = 0; i < segments.Length; i++)
            {
                bool written = Number(bytes, ref at, name, unit: 0) == 1;
                int count = Number(bytes, ref at, name, unit: sizeof(int));
                segments[i] = new RecordedSegment(written, MemoryMarshal.Cast<byte, int>(bytes.Slice(at, count * sizeof(int))).ToArray());
                at += count * sizeof(int);
            }

            conversations.Add(new RecordedConversation(segments));
        }

        return conversations;
    }

    /// <summary>An int32 that is not negative, and no more than the rest of the file has room for.</summary>
    private static int Number(ReadOnlySpan<byte> bytes, ref int at, string name, int unit)
    {
        int number = bytes.Length - at < sizeof(int) ? -1 : BinaryPrimitives.ReadInt32LittleEndian(bytes[at..]);
        at += sizeof(int);
        if (number < 0 || (long)number * unit > bytes.Length - at)
            throw new InvalidDataException($"{name} is damaged or cut short at byte {at - sizeof(int)}.");
        return number;
    }
}

/// <summary>Consecutive tokens of a conversation.</summary>
/// <param name="Written">The model wrote them, in one call.</param>
/// <param name="Tokens">Their ids.</param>
public readonly record struct RecordedSegment(bool Written, int[] Tokens)
{
    /// <summary>Of what was read: who wrote it, as far as that is known.</summary>
    public IReadOnlyList<TokenRun>? ReadRuns { get; init; }

    /// <summary>Who wrote its tokens.</summary>
    internal TokenRun[] Runs => TokenRuns.Cover(Written ? [new TokenRun(TokenKind.Output, Tokens.Length)] : ReadRuns ?? [], Tokens.Length);
}
