using System.IO.Compression;

namespace Agentic.ModelRuntime;

/// <summary>A file of torch.save: a zip archive with a pickle that describes tensors and one entry for each storage's bytes.</summary>
internal sealed unsafe class PickleFile : TensorFile
{
    private const long MaxPickleBytes = 64 << 20;
    private const int Alignment = 64;
    private readonly NativeArray<byte> _storages = new();

    private PickleFile(string path)
        : base(path)
    {
    }

    public override nint Start => (nint)_storages.Data;

    public override bool IsMapped => false;

    /// <exception cref="ModelLoadException">The file is absent, damaged, or no archive of tensors.</exception>
    public static new PickleFile Open(string path)
    {
        var file = new PickleFile(path);
        try
        {
            using ZipArchive archive = ZipFile.OpenRead(path);
            file.Read(archive);
            return file;
        }
        catch (InvalidDataException error)
        {
            file.Dispose();
            throw new ModelLoadException($"{path} is no zip archive, or damaged: fetch it again, or save it with torch 1.6 or later", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            file.Dispose();
            throw new ModelLoadException($"{path} cannot be read: {error.Message}", error);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public override void Dispose() => _storages.Dispose();

    private void Read(ZipArchive archive)
    {
        ZipArchiveEntry pickle = archive.Entries.FirstOrDefault(entry => entry.FullName.EndsWith("/data.pkl", StringComparison.Ordinal))
            ?? throw new ModelLoadException($"{Path} has no data.pkl: torch.save did not write it; fetch the model's own file");
        string root = pickle.FullName[..^"data.pkl".Length];
        if (archive.GetEntry(root + "byteorder") is { } order && !ReadAll(order, 16).AsSpan().SequenceEqual("little"u8))
            throw new ModelLoadException($"{Path} was saved on a big-endian machine; save it again as safetensors");

        Dictionary<string, Unpickler.Tensor> tensors = Unpickler.Read(Path, ReadAll(pickle, MaxPickleBytes));
        Dictionary<string, (long Offset, long Bytes)> storages = ReadStorages(archive, root, tensors.Values);
        foreach ((string name, Unpickler.Tensor tensor) in tensors)
            _entries.Add(name, EntryOf(name, tensor, storages[tensor.Storage.Key]));
    }

    private Dictionary<string, (long Offset, long Bytes)> ReadStorages(
        ZipArchive archive, string root, IEnumerable<Unpickler.Tensor> tensors)
    {
        Dictionary<string, (long Offset, long Bytes)> storages = new(StringComparer.Ordinal);
        long end = 0;
        foreach (string key in tensors.Select(tensor => tensor.Storage.Key).Distinct())
        {
            ZipArchiveEntry entry = StorageEntry(archive, root, key);
            storages[key] = (end, entry.Length);
            end = (end + entry.Length + Alignment - 1) / Alignment * Alignment;
        }

        // An archive that claims more than its file can hold is not believed, compressed or not.
        if (end > (16 * new FileInfo(Path).Length) + (1 << 20))
            throw new ModelLoadException($"{Path} claims {end} bytes of tensors, more than it can hold: it is damaged; fetch it again");
        byte* data = _storages.Reserve(end);
        foreach ((string key, (long offset, long bytes)) in storages)
        {
            using Stream stream = StorageEntry(archive, root, key).Open();
            for (long done = 0; done < bytes;)
            {
                int read = stream.Read(new Span<byte>(data + offset + done, (int)Math.Min(bytes - done, 1 << 24)));
                done += read > 0 ? read : throw new ModelLoadException($"{Path} ends within {root}data/{key}: it is truncated; fetch it again");
            }
        }

        return storages;
    }

    private ZipArchiveEntry StorageEntry(ZipArchive archive, string root, string key) => archive.GetEntry($"{root}data/{key}")
        ?? throw new ModelLoadException($"{Path} lacks the bytes of storage {key}: it is damaged; fetch it again");

    private Entry EntryOf(string name, Unpickler.Tensor tensor, (long Offset, long Bytes) storage)
    {
        (string type, int size) = tensor.Storage.Type switch
        {
            "FloatStorage" => ("F32", 4),
            "BFloat16Storage" => ("BF16", 2),
            "HalfStorage" => ("F16", 2),
            "DoubleStorage" => ("F64", 8),
            "LongStorage" => ("I64", 8),
            "IntStorage" => ("I32", 4),
            "BoolStorage" => ("BOOL", 1),
            "ByteStorage" => ("U8", 1),
            { } other => throw Damaged(name, $"has a storage of the unknown type {other}"),
        };
        if (tensor.Strides.Length != tensor.Shape.Length)
            throw Damaged(name, "has strides of another number than sizes");
        UInt128 elements = 1;
        for (int i = tensor.Shape.Length - 1; i >= 0; i--)
        {
            if (tensor.Shape[i] < 0)
                throw Damaged(name, $"has the shape {Weight.Describe(tensor.Shape)}, which is no shape");
            if (tensor.Shape[i] > 1 && tensor.Strides[i] != (long)elements)
                throw new ModelLoadException($"{Path}: tensor {name} is not contiguous; save it again after .contiguous(), or as safetensors");
            elements *= (uint)tensor.Shape[i];
            if (elements > long.MaxValue)
                throw Damaged(name, $"has the shape {Weight.Describe(tensor.Shape)}, which is no shape");
        }

        if (tensor.Offset < 0 || ((UInt128)tensor.Offset + elements) * (uint)size > (UInt128)storage.Bytes)
            throw Damaged(name, $"reaches beyond its storage of {storage.Bytes} bytes");
        return new Entry(type, tensor.Shape, storage.Offset + (tensor.Offset * size), (long)elements * size);
    }

    private byte[] ReadAll(ZipArchiveEntry entry, long most)
    {
        if (entry.Length > most)
            throw new ModelLoadException($"{Path}: {entry.FullName} has {entry.Length} bytes, more than any model needs; fetch it again");
        byte[] bytes = new byte[entry.Length];
        using Stream stream = entry.Open();
        stream.ReadExactly(bytes);
        return bytes;
    }

    private ModelLoadException Damaged(string tensor, string what) => new($"{Path}: tensor {tensor} {what}; fetch or save the file again");
}
