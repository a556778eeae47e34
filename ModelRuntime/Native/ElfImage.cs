using System.Buffers.Binary;
using System.Text;

namespace Agentic.ModelRuntime;

/// <summary>A 64-bit little-endian shared library in memory: its dynamic table, symbols and version needs. Every read is
/// bounds-checked.</summary>
/// <remarks>Layouts: System V ABI (gABI) chapters 4 and 5, and the symbol versioning of the Linux Standard Base.</remarks>
internal sealed class ElfImage
{
    private const int ProgramHeaderSize = 56, DynamicEntrySize = 16, SymbolSize = 24;
    private const ulong DynamicStrings = 5, DynamicSymbols = 6, DynamicHash = 4, DynamicGnuHash = 0x6ffffef5;

    private readonly byte[] _bytes;
    private readonly List<(ulong Address, ulong Offset, ulong Size)> _segments = [];
    private readonly Dictionary<ulong, ulong> _dynamic = [];

    /// <exception cref="InvalidDataException">It is not such a library, or a damaged one.</exception>
    public ElfImage(byte[] bytes)
    {
        _bytes = bytes;
        if (bytes.Length < 64 || !bytes.AsSpan(0, 6).SequenceEqual("\u007fELF\u0002\u0001"u8))
            throw new InvalidDataException("not a 64-bit little-endian ELF library");

        ulong headers = UInt64(32), dynamicStart = 0, dynamicSize = 0;
        for (int i = 0, count = UInt16(56); i < count; i++)
        {
            ulong header = headers + ((ulong)i * ProgramHeaderSize);
            switch (UInt32(header))
            {
                case 1: // PT_LOAD
                    _segments.Add((UInt64(header + 16), UInt64(header + 8), UInt64(header + 32)));
                    break;
                case 2: // PT_DYNAMIC
                    (dynamicStart, dynamicSize) = (UInt64(header + 8), UInt64(header + 32));
                    break;
            }
        }

        for (ulong entry = 0; entry + DynamicEntrySize <= dynamicSize && UInt64(dynamicStart + entry) != 0; entry += DynamicEntrySize)
            _dynamic.TryAdd(UInt64(dynamicStart + entry), UInt64(dynamicStart + entry + 8));
    }

    public Span<byte> Bytes => _bytes;

    /// <summary>Value of a dynamic tag, or null.</summary>
    public ulong? Dynamic(ulong tag) => _dynamic.TryGetValue(tag, out ulong value) ? value : null;

    /// <summary>File offset of a tag's table.</summary>
    public ulong Table(ulong tag) => FileOffset(
        Dynamic(tag) ?? throw new InvalidDataException($"damaged: dynamic entry 0x{tag:x} is missing"));

    /// <summary>File offsets of the symbols that may be undefined: the GNU hash table begins after them, a System V one counts
    /// all.</summary>
    public IEnumerable<ulong> UndefinedSymbols()
    {
        ulong symbols = Table(DynamicSymbols);
        uint count = Dynamic(DynamicGnuHash) is not null ? UInt32(Table(DynamicGnuHash) + 4) : UInt32(Table(DynamicHash) + 4);
        for (uint i = 0; i < count; i++)
        {
            ulong symbol = symbols + ((ulong)i * SymbolSize);
            _ = UInt64(symbol + SymbolSize - 8); // the whole entry lies in the file
            if (UInt16(symbol + 6) == 0) // SHN_UNDEF
                yield return symbol;
        }
    }

    /// <summary>Zero-terminated text in the dynamic string table.</summary>
    public string Text(uint index)
    {
        ReadOnlySpan<byte> rest = At(Table(DynamicStrings) + index, 1, toEnd: true);
        int end = rest.IndexOf((byte)0);
        return end >= 0 ? Encoding.UTF8.GetString(rest[..end]) : throw new InvalidDataException("damaged: a name has no end");
    }

    public ushort UInt16(ulong offset) => BinaryPrimitives.ReadUInt16LittleEndian(At(offset, 2));

    public uint UInt32(ulong offset) => BinaryPrimitives.ReadUInt32LittleEndian(At(offset, 4));

    public ulong UInt64(ulong offset) => BinaryPrimitives.ReadUInt64LittleEndian(At(offset, 8));

    private ulong FileOffset(ulong address)
    {
        foreach ((ulong start, ulong offset, ulong size) in _segments)
        {
            if (address >= start && address - start < size)
                return unchecked(address - start + offset);
        }

        throw new InvalidDataException($"damaged: address 0x{address:x} is in no segment");
    }

    private ReadOnlySpan<byte> At(ulong offset, int size, bool toEnd = false)
    {
        if (offset > (ulong)_bytes.Length || (ulong)_bytes.Length - offset < (ulong)size)
            throw new InvalidDataException($"damaged: it ends before offset 0x{offset:x}");
        return toEnd ? _bytes.AsSpan((int)offset) : _bytes.AsSpan((int)offset, size);
    }
}
