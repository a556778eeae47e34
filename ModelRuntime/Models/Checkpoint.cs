using System.Buffers.Binary;
using Agentic.Kernels;

namespace Agentic.ModelRuntime;

/// <summary>The weights of a model directory: model.safetensors or the files that model.safetensors.index.json names; failing these
/// pytorch_model.bin in the same two ways.</summary>
/// <remarks>A large model's safetensors stay in the mapped files and are shared with every process that maps them; only what has to be converted is
/// copied, a tensor at a time. A small one's are copied to where they are read fastest. A pickle is copied whole, and never executed.</remarks>
internal sealed unsafe class Checkpoint : IDisposable
{
    private static readonly string[] Singles = ["model.safetensors", "pytorch_model.bin"];
    private static readonly string[] Indices = [.. Singles.Select(single => single + ".index.json")];
    private readonly Dictionary<string, TensorFile> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TensorFile> _fileOfTensor = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Weight> _converted = new(StringComparer.Ordinal);
    private readonly List<NativeArray<byte>> _copies = [];
    private readonly ModelStorage _storage;
    private readonly long _mostCopied;
    private WeightCopies? _placed;

    private Checkpoint(string directory, ModelStorage storage, long mostCopied)
    {
        Directory = directory;
        _storage = storage;
        _mostCopied = mostCopied;
    }

    public string Directory { get; }

    /// <summary>Names of all tensors, in ordinal order.</summary>
    public IEnumerable<string> Names => _fileOfTensor.Keys.Order(StringComparer.Ordinal);

    /// <param name="directory">Of config.json and the weights.</param>
    /// <param name="storage">What <see cref="Get"/> converts to.</param>
    /// <param name="mostCopied">Bytes up to which mapped weights are copied; as <see cref="WeightCopies.Most"/> says if it is not given.</param>
    /// <exception cref="ModelLoadException">A file is absent or damaged.</exception>
    public static Checkpoint Open(string directory, ModelStorage storage = ModelStorage.Auto, long? mostCopied = null)
    {
        CheckDirectory(directory);
        Checkpoint checkpoint = new(directory, storage, mostCopied ?? WeightCopies.Most);
        try
        {
            string first = Singles.Zip(Indices).SelectMany(pair => new[] { pair.First, pair.Second })
                .First(name => File.Exists(Path.Combine(directory, name)));
            if (Singles.Contains(first))
                checkpoint.AddAll(first);
            else
                checkpoint.AddIndexed(JsonFile.Read(Path.Combine(directory, first)));
            checkpoint.PlaceIfSmall();
            return checkpoint;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Whether the checkpoint has the tensor.</summary>
    public bool Contains(string name) => _fileOfTensor.ContainsKey(name);

    /// <summary>Whether the tensor is of a type that weights have, and no buffer of another kind.</summary>
    public bool IsWeight(string name) => _fileOfTensor[name].Entries[name].Type is "F32" or "BF16" or "F16";

    /// <summary>A tensor of a shape the configuration demands.</summary>
    /// <exception cref="ModelLoadException">It is absent, of another shape, or of a type that cannot be computed with.</exception>
    public Weight Get(string name, params int[] shape)
    {
        Weight tensor = Stored(name);
        if (!tensor.Shape.AsSpan().SequenceEqual(shape))
            throw new ModelLoadException(
                $"{_fileOfTensor[name].Path}: tensor {name} has the shape {Weight.Describe(tensor.Shape)} and config.json demands {Weight.Describe(shape)}");
        if (_storage != ModelStorage.BFloat16 || tensor.Type == ElementType.BFloat16)
            return _placed is not null && _fileOfTensor[name].IsMapped ? _placed.Of(tensor) : tensor;
        return _converted.TryGetValue(name, out Weight? converted) ? converted : _converted[name] = ToBFloat16(tensor);
    }

    /// <summary>A tensor as it is stored, whatever its shape.</summary>
    public Weight Stored(string name)
    {
        if (!_fileOfTensor.TryGetValue(name, out TensorFile? file))
            throw new ModelLoadException($"{Directory} lacks the tensor {name}, which config.json demands: config.json and weights do not belong together");
        TensorFile.Entry entry = file.Entries[name];
        ElementType type = entry.Type switch
        {
            "F32" => ElementType.Float32,
            "BF16" => ElementType.BFloat16,
            "F16" => ElementType.Float16,
            _ => throw new ModelLoadException($"{file.Path}: tensor {name} is {entry.Type}; weights can be F32, BF16 or F16: use an unquantized checkpoint"),
        };
        if (entry.Offset % Weight.BytesOf(type) != 0)
            throw new ModelLoadException($"{file.Path}: tensor {name} ({entry.Type}) starts at byte {entry.Offset}, which is misaligned; save it again with safetensors");
        return new Weight(name, type, entry.Shape, file.Start + (nint)entry.Offset);
    }

    /// <summary>A tensor of whole numbers, in one dimension.</summary>
    /// <exception cref="ModelLoadException">It is absent, of another length or type.</exception>
    public long[] Integers(string name, int length)
    {
        if (!_fileOfTensor.TryGetValue(name, out TensorFile? file))
            throw new ModelLoadException($"{Directory} lacks the tensor {name}; fetch the whole checkpoint");
        TensorFile.Entry entry = file.Entries[name];
        if (!entry.Shape.AsSpan().SequenceEqual([length]) || entry.Type is not ("I64" or "I32"))
            throw new ModelLoadException(
                $"{file.Path}: tensor {name} is {entry.Type} {Weight.Describe(entry.Shape)} and should be I64 or I32 [{length}]");
        var bytes = new ReadOnlySpan<byte>((void*)(file.Start + (nint)entry.Offset), (int)entry.Bytes);
        long[] values = new long[length];
        for (int i = 0; i < length; i++)
        {
            values[i] = entry.Type == "I64"
                ? BinaryPrimitives.ReadInt64LittleEndian(bytes[(i * sizeof(long))..])
                : BinaryPrimitives.ReadInt32LittleEndian(bytes[(i * sizeof(int))..]);
        }

        return values;
    }

    /// <summary>Gives back what is held twice: the file's pages of tensors that were copied. They come again if they are read.</summary>
    public void DropCopied()
    {
        foreach (string name in _placed is null ? _converted.Keys : (IEnumerable<string>)_fileOfTensor.Keys)
        {
            TensorFile file = _fileOfTensor[name];
            TensorFile.Entry entry = file.Entries[name];
            if (file.IsMapped)
                Pages.DropMapped(file.Start + (nint)entry.Offset, entry.Bytes);
        }
    }

    public void Dispose()
    {
        foreach (TensorFile file in _files.Values)
            file.Dispose();
        foreach (NativeArray<byte> copy in _copies)
            copy.Dispose();
        _placed?.Dispose();
    }

    private static void CheckDirectory(string directory)
    {
        if (File.Exists(directory))
            throw new ModelLoadException($"{directory} is a file; a model is given as the directory that holds config.json and the weights");
        if (!System.IO.Directory.Exists(directory))
            throw new ModelLoadException($"{directory} does not exist; give the directory of a Hugging Face checkpoint");
        if (!File.Exists(Path.Combine(directory, "config.json")))
            throw new ModelLoadException($"{directory} has no config.json; fetch the whole checkpoint");
        if (!Singles.Concat(Indices).Any(name => File.Exists(Path.Combine(directory, name))))
            throw new ModelLoadException($"{directory} has neither {Singles[0]} nor {Indices[0]}; fetch the whole checkpoint");
    }

    private void PlaceIfSmall()
    {
        long bytes = _fileOfTensor.Sum(pair => WeightCopies.Room(pair.Value.Entries[pair.Key].Bytes));
        if (bytes <= _mostCopied)
            _placed = new WeightCopies(bytes);
    }

    private TensorFile AddAll(string fileName)
    {
        TensorFile file = Open(fileName);
        foreach (string name in file.Entries.Keys)
            _fileOfTensor[name] = file;
        return file;
    }

    private void AddIndexed(JsonFile index)
    {
        JsonFile map = index.Object("weight_map") ?? throw new ModelLoadException($"{index.Path} lacks \"weight_map\"; fetch it again");
        foreach (string name in map.Properties.Select(property => property.Name))
        {
            string fileName = map.String(name) ?? throw new ModelLoadException($"{index.Path} names no file for tensor {name}; fetch it again");
            if (Path.GetFileName(fileName) != fileName || fileName.Length == 0)
                throw new ModelLoadException($"{index.Path} puts tensor {name} in \"{fileName}\", which is not a file name");
            if (!_files.TryGetValue(fileName, out TensorFile? file))
            {
                if (!File.Exists(Path.Combine(Directory, fileName)))
                    throw new ModelLoadException($"{index.Path} puts tensor {name} in {fileName}, which is absent; fetch the whole checkpoint");
                file = Open(fileName);
            }

            if (!file.Entries.ContainsKey(name))
                throw new ModelLoadException($"{index.Path} puts tensor {name} in {fileName}, which does not hold it: index and weights do not belong together");
            if (!_fileOfTensor.TryAdd(name, file))
                throw new ModelLoadException($"{index.Path} names tensor {name} twice; fetch it again");
        }
    }

    private TensorFile Open(string fileName)
    {
        TensorFile file = TensorFile.Open(Path.Combine(Directory, fileName));
        _files.Add(fileName, file);
        return file;
    }

    private Weight ToBFloat16(Weight tensor)
    {
        NativeArray<byte> copy = new(tensor.Elements * 2);
        _copies.Add(copy);
        ushort* target = (ushort*)copy.Data;
        for (long i = 0; i < tensor.Elements; i++)
        {
            float value = tensor.Type == ElementType.Float32 ? ((float*)tensor.Data)[i] : (float)((Half*)tensor.Data)[i];
            target[i] = RoundToBFloat16(value);
        }

        return tensor with { Type = ElementType.BFloat16, Data = (nint)target };
    }

    /// <summary>The nearest bfloat16, ties to even; NaN stays NaN.</summary>
    internal static ushort RoundToBFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
