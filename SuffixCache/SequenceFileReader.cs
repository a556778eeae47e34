using System.Buffers.Binary;

namespace Agentic.SuffixCache;

/// <summary>Reads a file of sequences, whoever wrote it and whatever became of it since: what is whole is read, the rest counted.</summary>
/// <remarks><see cref="SequenceFileWriter"/> has the format. Memory is that of the largest entry, some MB at most.</remarks>
public sealed class SequenceFileReader
{
    private const int LargestEntry = 16 << 20;   // twice the largest that is written
    private readonly Stream _stream;
    private byte[] _buffer = new byte[1 << 20];
    private int _start, _end;

    /// <param name="stream">Read from where it stands.</param>
    /// <exception cref="InvalidDataException">It is no such file, or of a version to come.</exception>
    public SequenceFileReader(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        _stream = stream;
        int headLength = SequenceFileWriter.Magic.Length + 1;
        if (!Have(headLength) || !Rest.StartsWith(SequenceFileWriter.Magic))
            throw new InvalidDataException("it is no file of sequences; \"agentic cache export\" writes them");
        byte version = Rest[headLength - 1];
        if (version != SequenceFileWriter.Version)
            throw new InvalidDataException($"it has version {version} of the format, and this program reads {SequenceFileWriter.Version}");
        _start += headLength;
    }

    /// <summary>Whether a stream begins as such a file does.</summary>
    public static bool Recognises(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        Span<byte> head = stackalloc byte[SequenceFileWriter.Magic.Length];
        return stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) == head.Length && head.SequenceEqual(SequenceFileWriter.Magic);
    }

    /// <summary>Damaged stretches passed over so far.</summary>
    public int Damaged { get; private set; }

    /// <summary>Whether the end has been read and everything it counts was there; only then nothing is missing.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Whether the end has been read; without it the file was cut short, or its end is damaged.</summary>
    public bool HasEnd { get; private set; }

    /// <summary>Bytes of the file dealt with so far.</summary>
    public long BytesRead { get; private set; }

    /// <summary>Sequences read so far.</summary>
    public long Sequences { get; private set; }

    /// <summary>Their tokens.</summary>
    public long Tokens { get; private set; }

    private ReadOnlySpan<byte> Rest => _buffer.AsSpan(_start, _end - _start);

    /// <summary>The sequences, in the file's order. Read them once.</summary>
    public IEnumerable<StoredSequence> Read()
    {
        bool damaged = false;
        while (Have(1))
        {
            if (TryEntry(out StoredSequence[] sequences, out int length))
            {
                damaged = false;
                foreach (StoredSequence sequence in sequences)
                {
                    Sequences++;
                    Tokens += sequence.Tokens.Length;
                    yield return sequence;
                }
            }
            else if (TryEnd(out length))
            {
                damaged = false;
            }
            else
            {
                Damaged += damaged ? 0 : 1;
                damaged = true;
                length = ToNextMark();
            }

            _start += length;
        }
    }

    private bool TryEntry(out StoredSequence[] sequences, out int length)
    {
        (sequences, length) = ([], 0);
        if (!Have(SequenceFileWriter.HeadLength) || !Rest.StartsWith(SequenceFileWriter.EntryMark))
            return false;
        int bytes = BinaryPrimitives.ReadInt32LittleEndian(Rest[SequenceFileWriter.EntryMark.Length..]);
        length = SequenceFileWriter.HeadLength + bytes;
        if (bytes is <= 0 or > LargestEntry || !Have(length))
            return false;
        ReadOnlySpan<byte> head = Rest[..SequenceFileWriter.HeadLength];
        NamespaceKey key = NamespaceKey.FromBytes(head[^NamespaceKey.Length..]);
        return SequenceCodec.TryDecode(key, Rest[head.Length..length], out _, out sequences);
    }

    private bool TryEnd(out int length)
    {
        length = SequenceFileWriter.EndLength;
        if (!Have(length) || !Rest.StartsWith(SequenceFileWriter.EndMark))
            return false;
        ReadOnlySpan<byte> numbers = Rest.Slice(SequenceFileWriter.EndMark.Length, SequenceFileWriter.NumbersLength);
        uint checksum = BinaryPrimitives.ReadUInt32LittleEndian(Rest[(length - sizeof(uint))..]);
        if (checksum != SequenceCodec.Checksum(default, numbers))
            return false;
        HasEnd = true;
        IsComplete = Sequences == BinaryPrimitives.ReadInt64LittleEndian(numbers)
            && Tokens == BinaryPrimitives.ReadInt64LittleEndian(numbers[sizeof(long)..]);
        return true;
    }

    /// <summary>How far it is to what may be the next entry, or the end.</summary>
    private int ToNextMark()
    {
        ReadOnlySpan<byte> rest = Rest[1..];
        int entry = rest.IndexOf(SequenceFileWriter.EntryMark), end = rest.IndexOf(SequenceFileWriter.EndMark);
        int next = entry < 0 ? end : end < 0 ? entry : Math.Min(entry, end);
        int mark = SequenceFileWriter.EntryMark.Length;
        return 1 + (next >= 0 ? next : Math.Max(0, rest.Length - mark + 1));   // a mark may begin in the last three bytes
    }

    /// <summary>Reads on until so many bytes are there; false if the file ends before.</summary>
    private bool Have(int bytes)
    {
        if (_end - _start >= bytes)
            return true;
        Rest.CopyTo(_buffer);
        (_start, _end) = (0, _end - _start);
        if (_buffer.Length < bytes)
            Array.Resize(ref _buffer, Math.Max(bytes, 2 * _buffer.Length));
        int read = _stream.ReadAtLeast(_buffer.AsSpan(_end), bytes - _end, throwOnEndOfStream: false);
        _end += read;
        BytesRead += read;
        return _end >= bytes;
    }
}
