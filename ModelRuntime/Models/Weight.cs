using Agentic.Kernels;

namespace Agentic.ModelRuntime;

/// <summary>A weight where it lies in memory.</summary>
/// <param name="Name">Its name in the checkpoint.</param>
/// <param name="Type">How it is stored.</param>
/// <param name="Shape">Row-major.</param>
/// <param name="Data">Start; valid as long as the checkpoint it came from.</param>
internal sealed unsafe record Weight(string Name, ElementType Type, int[] Shape, nint Data)
{
    public void* Pointer => (void*)Data;

    public long Elements => Shape.Aggregate(1L, (product, size) => product * size);

    public long Bytes => Elements * BytesOf(Type);

    public static int BytesOf(ElementType type) => type == ElementType.Float32 ? 4 : 2;

    /// <summary>Rows <paramref name="first"/> … of a [rows, columns] matrix, or one matrix of a stack.</summary>
    public Weight Slice(long first, params int[] shape) => this with { Shape = shape, Data = Data + (nint)(first * BytesOf(Type)) };

    public bool IsFollowedBy(Weight next) => Type == next.Type && Data + (nint)Bytes == next.Data;

    public static string Describe(IEnumerable<int> shape) => $"[{string.Join(", ", shape)}]";
}
