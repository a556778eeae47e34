using System.Runtime.InteropServices;

namespace Agentic.Kernels;

/// <summary>Scratch memory outside the managed heap, on cache-line boundaries. It grows to the largest call and stays.</summary>
internal sealed unsafe class NativeBuffer : IDisposable
{
    public const int Alignment = 64;

    private void* _data;
    private nuint _bytes;

    ~NativeBuffer() => NativeMemory.AlignedFree(_data);

    /// <summary>Room for so many floats; what it held before is gone when it grows.</summary>
    public float* Floats(nint count)
    {
        nuint bytes = (nuint)count * sizeof(float);
        if (bytes > _bytes)
        {
            NativeMemory.AlignedFree(_data);
            _bytes = Math.Max(bytes, 2 * _bytes);
            _data = NativeMemory.AlignedAlloc(_bytes, Alignment);
        }
        return (float*)_data;
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_data);
        _data = null;
        _bytes = 0;
        GC.SuppressFinalize(this);
    }
}
