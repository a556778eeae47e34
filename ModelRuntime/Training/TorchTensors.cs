using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Agentic.ModelRuntime;

/// <summary>Tensors to files and back, bit for bit.</summary>
internal static class TorchTensors
{
    /// <summary>A float32 tensor as it is, or rounded to bfloat16.</summary>
    public static NamedTensor Save(string name, Tensor value, bool bfloat16)
    {
        using Tensor plain = value.detach().contiguous();
        ReadOnlySpan<float> values = MemoryMarshal.Cast<byte, float>(plain.bytes);
        byte[] bytes;
        if (bfloat16)
        {
            ushort[] rounded = new ushort[values.Length];
            for (int i = 0; i < rounded.Length; i++)
                rounded[i] = Checkpoint.RoundToBFloat16(values[i]);
            bytes = MemoryMarshal.AsBytes(rounded.AsSpan()).ToArray();
        }
        else
        {
            bytes = MemoryMarshal.AsBytes(values).ToArray();
        }

        return new NamedTensor(name, bfloat16 ? "BF16" : "F32", [.. value.shape.Select(size => (int)size)], bytes);
    }

    /// <summary>Fills float32 tensors from those of the same names in a file.</summary>
    /// <exception cref="ModelLoadException">One is absent, or of another shape or type.</exception>
    public static unsafe void Load(TensorFile file, IEnumerable<KeyValuePair<string, Tensor>> tensors)
    {
        using IDisposable guard = no_grad();
        foreach ((string name, Tensor tensor) in tensors)
        {
            if (!file.Entries.TryGetValue(name, out TensorFile.Entry entry) || entry.Type != "F32"
                || !entry.Shape.Select(size => (long)size).SequenceEqual(tensor.shape))
                throw new ModelLoadException($"{file.Path} has no tensor {name} of the head that is trained: it was made otherwise");
            using Tensor target = tensor.detach();
            new ReadOnlySpan<byte>((void*)(file.Start + (nint)entry.Offset), (int)entry.Bytes).CopyTo(target.bytes);
        }
    }
}
