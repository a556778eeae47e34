namespace Agentic.ModelRuntime;

/// <summary>A file of named tensors, in memory from <see cref="Start"/> on.</summary>
internal abstract class TensorFile(string path) : IDisposable
{
    private protected readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    /// <summary>Where a tensor lies.</summary>
    /// <param name="Type">Type as safetensors spells it: F32, BF16, I64, ….</param>
    /// <param name="Shape">Row-major.</param>
    /// <param name="Offset">First byte, from <see cref="Start"/>.</param>
    /// <param name="Bytes">Length.</param>
    internal readonly record struct Entry(string Type, int[] Shape, long Offset, long Bytes);

    public string Path { get; } = path;

    /// <summary>What offsets count from.</summary>
    public abstract nint Start { get; }

    /// <summary>Whether the bytes are the file's own pages.</summary>
    public abstract bool IsMapped { get; }

    public IReadOnlyDictionary<string, Entry> Entries => _entries;

    /// <exception cref="ModelLoadException">The file is absent, damaged, or of another format.</exception>
    public static TensorFile Open(string path) =>
        path.EndsWith(".bin", StringComparison.Ordinal) ? PickleFile.Open(path) : SafetensorsFile.Open(path);

    public abstract void Dispose();
}
