using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using System.Text.Json;
using System.Text.Unicode;

namespace Agentic.ModelRuntime;

/// <summary>One safetensors file, mapped: eight bytes of header length, a JSON header, and the tensors' bytes without a gap.</summary>
/// <remarks>Everything the reference reader checks is checked before a byte of a tensor is used: nothing lies outside the file or overlaps, no byte
/// is left over, and each range is as long as its shape and type say.</remarks>
internal sealed unsafe class SafetensorsFile : TensorFile
{
    private const long MaxHeaderBytes = 100_000_000;
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;

    private SafetensorsFile(string path, MemoryMappedFile map)
        : base(path)
    {
        _map = map;
        _view = map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        byte* start = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        Start = (nint)(start + _view.PointerOffset);
    }

    /// <summary>First byte of the file in memory.</summary>
    public override nint Start { get; }

    public override bool IsMapped => true;

    /// <exception cref="ModelLoadException">The file is absent, truncated or damaged.</exception>
    public static new SafetensorsFile Open(string path)
    {
        try
        {
            using FileStream stream = File.OpenRead(path);
            long length = stream.Length, header = ReadHeaderLength(stream, path, length);
            byte[] json = new byte[header];
            stream.ReadExactly(json);
            SafetensorsFile file = new(path, MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read));
            try
            {
                file.ReadHeader(json, length);
                return file;
            }
            catch
            {
                file.Dispose();
                throw;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ModelLoadException($"{path} cannot be read: {error.Message}", error);
        }
    }

    public override void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _map.Dispose();
    }

    private static long ReadHeaderLength(FileStream stream, string path, long length)
    {
        if (length < 8)
            throw new ModelLoadException($"{path} has {length} bytes, too few for a safetensors file; fetch it again");
        Span<byte> prefix = stackalloc byte[8];
        stream.ReadExactly(prefix);
        ulong header = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (header > MaxHeaderBytes)
            throw new ModelLoadException($"{path} claims a header of {header} bytes, above the format's 100 MB: it is no safetensors file, or damaged");
        if ((long)header > length - 8)
            throw new ModelLoadException($"{path} claims a header of {header} bytes and has {length - 8} after its length: it is truncated; fetch it again");
        return (long)header;
    }

    private void ReadHeader(byte[] json, long length)
    {
        try
        {
            if (!Utf8.IsValid(json))
                throw new JsonException("No valid UTF-8.");
            using JsonDocument document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new ModelLoadException($"{Path}: the header is a JSON {document.RootElement.ValueKind}, not an object; fetch the file again");
            foreach (JsonProperty property in document.RootElement.EnumerateObject())
            {
                if (property.Name != "__metadata__" && !_entries.TryAdd(property.Name, ReadEntry(property, 8 + json.Length)))
                    throw Damaged(property.Name, "is named twice in the header");
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // A string with half a surrogate pair is what the second one is for.
            throw new ModelLoadException($"{Path}: the header is no valid JSON; the file is damaged or no safetensors file", error);
        }

        CheckCover(8 + json.Length, length);
    }

    private Entry ReadEntry(JsonProperty property, long dataStart)
    {
        JsonElement value = property.Value;
        if (value.ValueKind != JsonValueKind.Object
            || !value.TryGetProperty("dtype", out JsonElement dtype) || dtype.ValueKind != JsonValueKind.String
            || !value.TryGetProperty("shape", out JsonElement shape) || shape.ValueKind != JsonValueKind.Array
            || !value.TryGetProperty("data_offsets", out JsonElement offsets) || offsets.ValueKind != JsonValueKind.Array
            || offsets.GetArrayLength() != 2 || !IsWhole(offsets[0], out long begin) || !IsWhole(offsets[1], out long end))
            throw Damaged(property.Name, "lacks dtype, shape or two data_offsets");

        string type = dtype.GetString()!;
        int bits = BitsOf(type) ?? throw Damaged(property.Name, $"has the unknown dtype {type}");
        int[] sizes = new int[shape.GetArrayLength()];
        UInt128 elements = 1;
        for (int i = 0; i < sizes.Length; i++)
        {
            if (!IsWhole(shape[i], out long size) || size is < 0 or > int.MaxValue || (elements *= (ulong)size) > long.MaxValue)
                throw Damaged(property.Name, $"has the shape {shape.GetRawText()}, which is no shape");
            sizes[i] = (int)size;
        }

        if (begin < 0 || end < begin)
            throw Damaged(property.Name, $"has the data_offsets [{begin}, {end}], which are no range");
        if (elements * (uint)bits != (UInt128)(end - begin) * 8)
            throw Damaged(property.Name, $"is {type} {Weight.Describe(sizes)}, {elements * (uint)bits / 8} bytes, but its data_offsets span {end - begin}");
        return new Entry(type, sizes, dataStart + begin, end - begin);
    }

    /// <summary>Tensors in file order must follow one another from the header to the end of the file.</summary>
    private void CheckCover(long dataStart, long length)
    {
        long position = dataStart;
        foreach ((string name, Entry entry) in _entries.OrderBy(pair => pair.Value.Offset).ThenBy(pair => pair.Value.Bytes))
        {
            if (entry.Offset > length || entry.Bytes > length - entry.Offset)
                throw Damaged(name, $"ends at byte {(UInt128)entry.Offset + (UInt128)entry.Bytes} of a file of {length}: the file is truncated");
            if (entry.Offset < position)
                throw Damaged(name, $"starts at byte {entry.Offset}, inside the tensor before it");
            if (entry.Offset > position)
                throw Damaged(name, $"starts at byte {entry.Offset}, {entry.Offset - position} bytes after the tensor before it ends");
            position += entry.Bytes;
        }

        if (position != length)
            throw new ModelLoadException($"{Path} has {length - position} bytes behind its last tensor: it is damaged; fetch it again");
    }

    private static bool IsWhole(JsonElement value, out long number)
    {
        number = 0;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out number);
    }

    private ModelLoadException Damaged(string tensor, string what) => new($"{Path}: tensor {tensor} {what}; fetch or save the file again");

    private static int? BitsOf(string type) => type switch
    {
        "F4" => 4,
        "F6_E2M3" or "F6_E3M2" => 6,
        "BOOL" or "U8" or "I8" or "F8_E5M2" or "F8_E4M3" or "F8_E8M0" or "F8_E4M3FNUZ" or "F8_E5M2FNUZ" => 8,
        "I16" or "U16" or "F16" or "BF16" => 16,
        "I32" or "U32" or "F32" => 32,
        "I64" or "U64" or "F64" or "C64" => 64,
        _ => null,
    };
}
