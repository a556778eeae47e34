using System.Buffers.Binary;

namespace Agentic.SuffixCache;

/// <summary>Writes sequences of any namespaces to one file, which <see cref="SequenceFileReader"/> reads back.</summary>
/// <remarks>
/// <para>Magic (8: <c>AGSEQ</c>, carriage return, line feed, 1A) · version (1) · entries · end. Numbers are little-endian.</para>
/// <para>An entry: <c>SEQ=</c> (4) · length (4) · namespace (32) · so many bytes, an entry as the store keeps it
/// (<see cref="SequenceCodec"/>): a few sequences of one namespace, MessagePack under Brotli, with a CRC-32C over namespace and content.
/// The end: <c>END=</c> (4) · sequences (8) · tokens (8) · CRC-32C of both (4). Each entry begins with the same four bytes, so that a
/// reader finds its way again behind a damaged one; without an end the file was cut short.</para>
/// </remarks>
public sealed class SequenceFileWriter : IDisposable
{
    internal const byte Version = 1;
    internal const int NumbersLength = sizeof(long) + sizeof(long);
    internal const int EndLength = 4 + NumbersLength + sizeof(uint);
    internal const int HeadLength = 4 + sizeof(int) + NamespaceKey.Length;

    private readonly Stream _stream;
    private readonly List<StoredSequence> _waiting = [];
    private long _sequences, _tokens;
    private int _waitingTokens;

    /// <param name="stream">Written from where it stands; the caller closes it.</param>
    public SequenceFileWriter(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        _stream = stream;
        _stream.Write(Magic);
        _stream.WriteByte(Version);
    }

    internal static ReadOnlySpan<byte> Magic => "AGSEQ\r\n\u001a"u8;

    internal static ReadOnlySpan<byte> EntryMark => "SEQ="u8;

    internal static ReadOnlySpan<byte> EndMark => "END="u8;

    /// <summary>Adds a sequence. Those of one namespace that come together are kept together, and smaller.</summary>
    /// <exception cref="ArgumentException">It is longer than an entry may be, or a token is negative.</exception>
    public void Add(StoredSequence sequence)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        if (sequence.Tokens.Length > SequenceCodec.MaxTokens || sequence.Tokens.Span.IndexOfAnyInRange(int.MinValue, -1) >= 0)
            throw new ArgumentException("The sequence is too long, or one of its tokens negative.", nameof(sequence));
        if (_waiting.Count > 0 && (_waiting[0].Namespace != sequence.Namespace || _waitingTokens + sequence.Tokens.Length > SequenceCodec.EntryTokens))
            WriteEntry();
        _waiting.Add(sequence);
        _waitingTokens += sequence.Tokens.Length;
    }

    /// <summary>Writes the end; without it readers say that the file was cut short.</summary>
    public void Complete()
    {
        WriteEntry();
        Span<byte> end = stackalloc byte[EndLength];
        EndMark.CopyTo(end);
        Span<byte> numbers = end.Slice(EndMark.Length, NumbersLength);
        BinaryPrimitives.WriteInt64LittleEndian(numbers, _sequences);
        BinaryPrimitives.WriteInt64LittleEndian(numbers[sizeof(long)..], _tokens);
        BinaryPrimitives.WriteUInt32LittleEndian(end[^sizeof(uint)..], SequenceCodec.Checksum(default, numbers));
        _stream.Write(end);
        _stream.Flush();
    }

    /// <summary>Writes what waits; the stream stays open.</summary>
    public void Dispose() => WriteEntry();

    private void WriteEntry()
    {
        if (_waiting.Count == 0)
            return;
        NamespaceKey key = _waiting[0].Namespace;
        byte[] entry = SequenceCodec.Encode(key, id: default, _waiting);
        Span<byte> head = stackalloc byte[HeadLength];
        EntryMark.CopyTo(head);
        BinaryPrimitives.WriteInt32LittleEndian(head[EntryMark.Length..], entry.Length);
        key.CopyTo(head[^NamespaceKey.Length..]);
        _stream.Write(head);
        _stream.Write(entry);
        _sequences += _waiting.Count;
        _tokens += _waitingTokens;
        _waiting.Clear();
        _waitingTokens = 0;
    }
}
