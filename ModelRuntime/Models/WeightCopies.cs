namespace Agentic.ModelRuntime;

/// <summary>A small checkpoint's weights, each copied to the start of a cache line, one behind the other in the order in which they are asked for.</summary>
/// <remarks>
/// A safetensors file puts its tensors wherever the header happens to end, in pages of 4 KB: vectors then straddle two lines, and the processor looks
/// up pages all the time. What is asked for together lies together, so that several projections of one input are one operation. Of a large model
/// neither is worth memory that other processes could share.
/// </remarks>
/// <param name="capacity">Bytes of all weights, each rounded up to whole lines.</param>
internal sealed unsafe class WeightCopies(long capacity) : IDisposable
{
    private const int Line = 64, PartOfMemory = 16;

    private readonly Dictionary<string, Weight> _copies = new(StringComparer.Ordinal);
    private readonly NativeArray<byte> _memory = new(capacity);
    private long _used;

    /// <summary>The most bytes that are copied, a sixteenth of the memory this process may use.</summary>
    public static long Most { get; } = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / PartOfMemory;

    /// <summary>Bytes that a tensor takes.</summary>
    public static long Room(long bytes) => (bytes + Line - 1) / Line * Line;

    /// <summary>The tensor's copy, made when it is first asked for.</summary>
    public Weight Of(Weight tensor)
    {
        if (_copies.TryGetValue(tensor.Name, out Weight? copy))
            return copy;
        byte* target = _memory.Data + _used;
        _used += Room(tensor.Bytes);
        Buffer.MemoryCopy(tensor.Pointer, target, tensor.Bytes, tensor.Bytes);
        return _copies[tensor.Name] = tensor with { Data = (nint)target };
    }

    public void Dispose() => _memory.Dispose();
}
