using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Agentic.SuffixCache;

/// <summary>An append-only native array whose oldest chunks can be dropped: growing never moves an element, and the GC sees none.</summary>
/// <remarks>Positions count up for ever and wrap at 2³²; only distances between them mean something. At most 2³¹ elements are
/// held.</remarks>
internal sealed unsafe class ChunkRing<T> : IDisposable
    where T : unmanaged
{
    private readonly int _chunkBits;
    private readonly uint _inChunk;
    private T*[] _chunks = new T*[4];

    public ChunkRing(int chunkBits)
    {
        _chunkBits = chunkBits;
        _inChunk = (1u << chunkBits) - 1;
    }

    /// <summary>Position of the oldest element kept; the start of a chunk.</summary>
    public uint Start { get; private set; }

    /// <summary>One past the last position that has memory.</summary>
    public uint Reserved { get; private set; }

    /// <summary>Chunks held.</summary>
    public int Chunks => (int)((Reserved - Start) >> _chunkBits);

    public long Bytes => (long)(Reserved - Start) * sizeof(T);

    /// <summary>The element at a reserved position. Elements from there to the chunk's end lie behind it.</summary>
    public T* this[uint position]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _chunks[(position >> _chunkBits) & ((uint)_chunks.Length - 1)] + (position & _inChunk);
    }

    /// <summary>Elements from a position to its chunk's end, which lie in one piece.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int RunFrom(uint position) => (int)(_inChunk - (position & _inChunk)) + 1;

    /// <summary>Elements before a position back to a chunk's start, which lie in one piece; at least 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int RunBefore(uint position) => (int)((position - 1) & _inChunk) + 1;

    /// <summary>Gives zeroed memory to every position before <paramref name="end"/>.</summary>
    public void Reserve(uint end)
    {
        while ((int)(end - Reserved) > 0)
        {
            if (Chunks == _chunks.Length)
                Grow();
            T* chunk = (T*)NativeMemory.AllocZeroed((nuint)_inChunk + 1, (nuint)sizeof(T));
            _chunks[(Reserved >> _chunkBits) & ((uint)_chunks.Length - 1)] = chunk;
            Reserved += _inChunk + 1;
        }
    }

    /// <summary>Frees the oldest chunk.</summary>
    public void DropOldest()
    {
        ref T* chunk = ref _chunks[(Start >> _chunkBits) & ((uint)_chunks.Length - 1)];
        NativeMemory.Free(chunk);
        chunk = null;
        Start += _inChunk + 1;
    }

    public void Dispose()
    {
        while (Start != Reserved)
            DropOldest();
    }

    private void Grow()
    {
        T*[] larger = new T*[_chunks.Length * 2];
        for (uint p = Start; p != Reserved; p += _inChunk + 1)
            larger[(p >> _chunkBits) & ((uint)larger.Length - 1)] = this[p];
        _chunks = larger;
    }
}
