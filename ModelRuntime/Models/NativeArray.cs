using System.Runtime.InteropServices;

namespace Agentic.ModelRuntime;

/// <summary>Memory outside the managed heap that kernels read and write: on cache-line boundaries, zeroed when it is new.</summary>
internal sealed unsafe class NativeArray<T> : IDisposable
    where T : unmanaged
{
    private void* _allocation;

    public NativeArray()
    {
    }

    public NativeArray(long length) => Reserve(length);

    ~NativeArray() => Free();

    /// <summary>Start, or null while nothing was reserved.</summary>
    public T* Data { get; private set; }

    /// <summary>Elements.</summary>
    public long Length { get; private set; }

    /// <summary>Makes room for this many elements; what was there is lost when it has to grow. Grows by half at least, so that steps soon stop growing it.</summary>
    public T* Reserve(long length)
    {
        if (length <= Length)
            return Data;
        length = Math.Max(length, Length + (Length / 2));
        Free();
        // calloc hands out untouched zero pages, so a large KV pool costs memory only as far as it is used.
        nuint bytes = (nuint)(length * sizeof(T)), alignment = Pages.AlignmentOf(bytes);
        _allocation = NativeMemory.AllocZeroed(bytes + alignment);
        Data = (T*)(((nuint)_allocation + alignment - 1) & ~(alignment - 1));
        Pages.PreferHuge(Data, bytes);
        Length = length;
        return Data;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.Free(_allocation);
        _allocation = null;
        Data = null;
        Length = 0;
    }
}
