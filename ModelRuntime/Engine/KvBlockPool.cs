using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Agentic.SuffixCache;

namespace Agentic.ModelRuntime;

/// <summary>Names the content of a full KV block: its tokens and all before them, within one namespace.</summary>
/// <param name="High">Upper half of a truncated SHA-256: equal keys mean equal tokens, so a hit needs no comparing.</param>
/// <param name="Low">Lower half.</param>
internal readonly record struct BlockKey(ulong High, ulong Low)
{
    /// <summary>The key before the first block of a namespace.</summary>
    public static BlockKey Root(NamespaceKey ns)
    {
        Span<byte> bytes = stackalloc byte[NamespaceKey.Length];
        ns.CopyTo(bytes);
        return Hash(bytes);
    }

    /// <summary>The key of the block of <paramref name="tokens"/> that follows this one.</summary>
    public BlockKey Next(ReadOnlySpan<int> tokens)
    {
        Span<byte> bytes = stackalloc byte[(2 * sizeof(ulong)) + (tokens.Length * sizeof(int))];
        MemoryMarshal.Write(bytes, High);
        MemoryMarshal.Write(bytes[sizeof(ulong)..], Low);
        MemoryMarshal.AsBytes(tokens).CopyTo(bytes[(2 * sizeof(ulong))..]);
        return Hash(bytes);
    }

    private static BlockKey Hash(ReadOnlySpan<byte> bytes)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, digest);
        return new BlockKey(MemoryMarshal.Read<ulong>(digest), MemoryMarshal.Read<ulong>(digest[sizeof(ulong)..]));
    }
}

/// <summary>Which KV blocks are whose: reference counts, and a prefix cache of full blocks by chained key.</summary>
/// <remarks>A published block that nobody holds stays findable until its memory is needed; the least recently released goes first.</remarks>
internal sealed class KvBlockPool
{
    private readonly int[] _references;
    private readonly BlockKey?[] _keys;
    private readonly Dictionary<BlockKey, int> _published = [];
    private readonly Stack<int> _blank = new();

    // Released but published blocks, least recently released first, as a doubly linked list through two arrays; index Count is the anchor.
    private readonly int[] _next, _previous;
    private int _idle;

    /// <summary>A pool of <paramref name="count"/> blocks of <paramref name="blockSize"/> positions.</summary>
    public KvBlockPool(int count, int blockSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        Count = count;
        BlockSize = blockSize;
        _references = new int[count];
        _keys = new BlockKey?[count];
        _next = new int[count + 1];
        _previous = new int[count + 1];
        _next[count] = _previous[count] = count;
        for (int block = count - 1; block >= 0; block--)
            _blank.Push(block);
    }

    public int Count { get; }

    public int BlockSize { get; }

    /// <summary>Blocks that can be had now, by forgetting cached ones if need be.</summary>
    public int Available => _blank.Count + _idle;

    /// <summary>Blocks held by sequences.</summary>
    public int InUse => Count - Available;

    /// <summary>Blocks needed for so many positions.</summary>
    public int BlocksFor(int positions) => (positions + BlockSize - 1) / BlockSize;

    /// <summary>Takes a block with nothing in it, or −1 when all are held.</summary>
    public int Take()
    {
        if (!_blank.TryPop(out int block))
        {
            if (_idle == 0)
                return -1;
            block = _next[Count];
            Unlink(block);
            _published.Remove(_keys[block]!.Value);
            _keys[block] = null;
        }

        _references[block] = 1;
        return block;
    }

    /// <summary>Takes a share of the block published under a key, or −1.</summary>
    public int TakeShared(BlockKey key)
    {
        if (!_published.TryGetValue(key, out int block))
            return -1;
        if (_references[block]++ == 0)
            Unlink(block);
        return block;
    }

    /// <summary>Whether a block is published under the key.</summary>
    public bool Contains(BlockKey key) => _published.ContainsKey(key);

    /// <summary>Makes a full block findable. A twin that was there first stays the findable one.</summary>
    public void Publish(int block, BlockKey key)
    {
        Debug.Assert(_references[block] > 0, "A block is published by its holder.");
        if (_keys[block] is null && _published.TryAdd(key, block))
            _keys[block] = key;
    }

    /// <summary>Gives back one share.</summary>
    public void Release(int block)
    {
        Debug.Assert(_references[block] > 0, "A block is released once for each time it was taken.");
        if (--_references[block] > 0)
            return;
        if (_keys[block] is null)
        {
            _blank.Push(block);
            return;
        }

        int last = _previous[Count];
        (_next[last], _previous[block], _next[block], _previous[Count]) = (block, last, Count, block);
        _idle++;
    }

    /// <summary>Makes nothing findable any more. Keys do not tell whose they are, so an erased tenant's go with everybody's: a prefill
    /// each, where the alternative is to remember who used what.</summary>
    public void Unpublish()
    {
        _published.Clear();
        Array.Clear(_keys);
        for (int block = _next[Count]; block != Count; block = _next[block])
            _blank.Push(block);
        _next[Count] = _previous[Count] = Count;
        _idle = 0;
    }

    /// <summary>The first broken invariant in words, or null. For tests and idle moments.</summary>
    /// <param name="holders">Block tables of all sequences alive.</param>
    public string? CheckIntegrity(IEnumerable<ReadOnlyMemory<int>> holders)
    {
        int[] held = new int[Count];
        foreach (ReadOnlyMemory<int> table in holders)
        {
            foreach (int block in table.Span)
                held[block]++;
        }

        for (int block = 0; block < Count; block++)
        {
            if (held[block] != _references[block])
                return $"Block {block} is held {held[block]} times but counted {_references[block]}.";
        }

        int free = held.Count(count => count == 0);
        if (free != Available)
            return $"{free} blocks are free but {Available} can be had.";
        foreach ((BlockKey key, int block) in _published)
        {
            if (_keys[block] != key)
                return $"Block {block} is published under a key it does not carry.";
        }

        return null;
    }

    private void Unlink(int block)
    {
        (_next[_previous[block]], _previous[_next[block]]) = (_next[block], _previous[block]);
        _idle--;
    }
}
