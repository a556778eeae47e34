using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Agentic.SuffixCache;

/// <summary>An append-only native array whose oldest chunks can be dropped: growing moves nothing but a small first chunk, and the GC sees
/// none of it.</summary>
/// <remarks>
/// Positions count up for ever and wrap at 2³²; only distances between them mean something. At most 2³¹ elements are held.
/// A reader beside the writer must have entered the reclaimer: a chunk dropped since stays readable until it leaves.
/// </remarks>
internal sealed unsafe class ChunkRing<T> : IDisposable
    where T : unmanaged
{
    // The first chunk begins this small and doubles until it is whole: most namespaces and nearly all sessions end before.
    private const uint SmallestChunk = 256;

    private readonly int _chunkBits;
    private readonly uint _inChunk;
    private readonly Reclaimer? _reclaimer;
    private T*[] _chunks = new T*[4];
    private uint _start;
    private bool _dropped;

    /// <param name="chunkBits">Elements of a whole chunk: 2 to this power.</param>
    /// <param name="reclaimer">Takes the memory of what is dropped; null frees it at once, for a ring that nobody reads meanwhile.</param>
    public ChunkRing(int chunkBits, Reclaimer? reclaimer = null)
    {
        _chunkBits = chunkBits;
        _inChunk = (1u << chunkBits) - 1;
        _reclaimer = reclaimer;
    }

    /// <summary>Position of the oldest element kept; the start of a chunk.</summary>
    public uint Start => Volatile.Read(ref _start);

    /// <summary>One past the last position that has memory.</summary>
    public uint Reserved { get; private set; }

    /// <summary>Chunks held.</summary>
    public int Chunks => (int)((Reserved - Start + _inChunk) >> _chunkBits);

    /// <summary>Elements of a whole chunk.</summary>
    public uint ChunkLength => _inChunk + 1;

    public long Bytes => (long)(Reserved - Start) * sizeof(T);

    /// <summary>The element at a reserved position. Elements from there to the chunk's end, as far as reserved, lie behind it.</summary>
    public T* this[uint position]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            T*[] chunks = _chunks;
            return chunks[(position >> _chunkBits) & ((uint)chunks.Length - 1)] + (position & _inChunk);
        }
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
        if ((int)(end - Reserved) <= 0)
            return;
        uint held = Reserved - Start;
        if (held <= _inChunk && !_dropped)
            Enlarge(held, end - Start);
        while ((int)(end - Reserved) > 0)
        {
            if (Chunks == _chunks.Length)
                MakeRoom();
            _chunks[(Reserved >> _chunkBits) & ((uint)_chunks.Length - 1)] = Allocate(_inChunk + 1);
            Reserved += _inChunk + 1;
        }
    }

    /// <summary>Drops the oldest chunk, which is whole.</summary>
    public void DropOldest()
    {
        Debug.Assert(Reserved - Start > _inChunk, "The oldest chunk is whole.");
        T* chunk = this[_start];
        _dropped = true;
        Volatile.Write(ref _start, _start + _inChunk + 1);
        Free(chunk, _inChunk + 1);
    }

    public void Dispose()
    {
        for (uint position = _start; (int)(Reserved - position) > 0; position += _inChunk + 1)
            Free(this[position], Math.Min(_inChunk + 1, Reserved - position));
        Reserved = _start;
    }

    private static T* Allocate(uint length) => (T*)NativeBlock.Allocate(length, sizeof(T)).Address;

    /// <summary>The first chunk doubles; what readers hold of it stays as it was.</summary>
    private void Enlarge(uint held, uint asked)
    {
        uint length = Math.Min(_inChunk + 1, Math.Max(System.Numerics.BitOperations.RoundUpToPowerOf2(asked), SmallestChunk));
        T* smaller = held == 0 ? null : this[_start], larger = Allocate(length);
        if (smaller is not null)
            new ReadOnlySpan<T>(smaller, (int)held).CopyTo(new Span<T>(larger, (int)length));
        _chunks[(_start >> _chunkBits) & ((uint)_chunks.Length - 1)] = larger;
        Reserved = _start + length;
        if (smaller is not null)
            Free(smaller, held);
    }

    private void Free(T* chunk, uint length)
    {
        NativeBlock block = new((nint)chunk, (nuint)length * (nuint)sizeof(T));
        if (_reclaimer is null)
            block.Free();
        else
            _reclaimer.Retire(block);
    }

    private void MakeRoom()
    {
        // A reader may still come with a dropped position: whatever chunk it is led to, it finds memory there, and compares tokens.
        T*[] larger = new T*[_chunks.Length * 2];
        for (int i = 0; i < larger.Length; i++)
            larger[i] = _chunks[i % _chunks.Length];
        for (uint p = _start; p != Reserved; p += _inChunk + 1)
            larger[(p >> _chunkBits) & ((uint)larger.Length - 1)] = this[p];
        _chunks = larger;
    }
}
