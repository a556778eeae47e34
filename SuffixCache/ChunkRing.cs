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

    // Memory is asked for so many bytes at a time where there is as much already: in huge pages, with few addresses to look up.
    private const int SlabBytes = 2 << 20;

    private readonly int _chunkBits;
    private readonly uint _inChunk;
    private readonly Reclaimer? _reclaimer;
    private T*[] _chunks = new T*[4];
    private NativeBlock[] _blocks = new NativeBlock[4];   // freed with their last chunk
    private NativeBlock _slab;
    private int _ofSlab;   // chunks of it that are given out
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

    public long Bytes { get; private set; }

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
            Add((Reserved >> _chunkBits) & ((uint)_chunks.Length - 1));
            Reserved += _inChunk + 1;
        }
    }

    /// <summary>Drops the oldest chunk, which is whole.</summary>
    public void DropOldest()
    {
        Debug.Assert(Reserved - Start > _inChunk, "The oldest chunk is whole.");
        ref NativeBlock block = ref _blocks[(_start >> _chunkBits) & ((uint)_blocks.Length - 1)];
        _dropped = true;
        Volatile.Write(ref _start, _start + _inChunk + 1);
        Free(ref block);
    }

    public void Dispose()
    {
        foreach (ref NativeBlock block in _blocks.AsSpan())
            Free(ref block);
        Free(ref _slab);
        (Reserved, _ofSlab) = (_start, 0);
    }

    private NativeBlock Allocate(long length)
    {
        NativeBlock block = NativeBlock.Allocate(length, sizeof(T));
        Bytes += (long)block.Bytes;
        return block;
    }

    /// <summary>A whole chunk's memory: its own, or the next part of a slab.</summary>
    private void Add(uint at)
    {
        int inSlab = SlabBytes / sizeof(T) >> _chunkBits;
        if (_ofSlab == 0 && (inSlab < 2 || Chunks < inSlab))
        {
            _blocks[at] = Allocate(_inChunk + 1);
            _chunks[at] = (T*)_blocks[at].Address;
            return;
        }

        if (_ofSlab == 0)
            _slab = Allocate((long)inSlab << _chunkBits);
        _chunks[at] = (T*)_slab.Address + ((long)_ofSlab << _chunkBits);
        if (++_ofSlab < inSlab)
            return;
        (_blocks[at], _slab, _ofSlab) = (_slab, default, 0);
    }

    /// <summary>The first chunk doubles; what readers hold of it stays as it was.</summary>
    private void Enlarge(uint held, uint asked)
    {
        uint length = Math.Min(_inChunk + 1, Math.Max(System.Numerics.BitOperations.RoundUpToPowerOf2(asked), SmallestChunk));
        uint at = (_start >> _chunkBits) & ((uint)_chunks.Length - 1);
        NativeBlock smaller = _blocks[at];
        _blocks[at] = Allocate(length);
        if (held > 0)
            new ReadOnlySpan<T>((T*)smaller.Address, (int)held).CopyTo(new Span<T>((T*)_blocks[at].Address, (int)length));
        _chunks[at] = (T*)_blocks[at].Address;
        Reserved = _start + length;
        Free(ref smaller);
    }

    /// <summary>Frees a block, if it is one: now, or when the last reader has left.</summary>
    private void Free(ref NativeBlock block)
    {
        if (block.Address == 0)
            return;
        Bytes -= (long)block.Bytes;
        if (_reclaimer is null)
            block.Free();
        else
            _reclaimer.Retire(block);
        block = default;
    }

    private void MakeRoom()
    {
        // A reader may still come with a dropped position: whatever chunk it is led to, it finds memory there, and compares tokens.
        T*[] larger = new T*[_chunks.Length * 2];
        for (int i = 0; i < larger.Length; i++)
            larger[i] = _chunks[i % _chunks.Length];
        NativeBlock[] blocks = new NativeBlock[larger.Length];
        for (uint p = _start; p != Reserved; p += _inChunk + 1)
        {
            uint from = (p >> _chunkBits) & ((uint)_chunks.Length - 1), to = (p >> _chunkBits) & ((uint)larger.Length - 1);
            larger[to] = _chunks[from];
            blocks[to] = _blocks[from];
        }

        _chunks = larger;
        _blocks = blocks;
    }
}
