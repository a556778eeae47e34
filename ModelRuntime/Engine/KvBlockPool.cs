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

/// <summary>Which KV blocks are whose: reference counts, and a prefix cache of blocks by chained key.</summary>
/// <remarks>A published block that nobody holds stays findable until its memory is needed; the least recently released goes first. A full block is
/// shared; of one that is like what is looked for only at its beginning, or was never filled, that part can be copied.</remarks>
internal sealed class KvBlockPool
{
    private const int None = -1;

    // Looked at for a common beginning, the latest first.
    private const int MostAlike = 64;

    private readonly int[] _references;
    private readonly BlockKey?[] _keys;
    private readonly Dictionary<BlockKey, int> _published = [];
    private readonly Stack<int> _blank = new();

    // Released but published blocks, least recently released first, as a doubly linked list through two arrays; index Count is the anchor.
    private readonly int[] _next, _previous;
    private int _idle;

    // What published blocks hold, and which of them follow the same key: a doubly linked list for each, the latest first.
    private readonly int[] _tokens;
    private readonly int[] _lengths;
    private readonly BlockKey[] _parents;
    private readonly Dictionary<BlockKey, int> _firstOf = [];
    private readonly int[] _nextOf, _previousOf;

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
        _tokens = new int[count * blockSize];
        _lengths = new int[count];
        _parents = new BlockKey[count];
        _nextOf = new int[count];
        _previousOf = new int[count];
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
            Forget(block);
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

    /// <summary>The published block after a key that begins most like some tokens, and how many of them it begins with; (−1, 0) without one.</summary>
    public (int Block, int Common) FindAlike(BlockKey parent, ReadOnlySpan<int> tokens)
    {
        (int Block, int Common) best = (None, 0);
        int block = _firstOf.GetValueOrDefault(parent, None);
        for (int looked = 0; block != None && looked < MostAlike && best.Common < tokens.Length; block = _nextOf[block], looked++)
        {
            int common = Content(block).CommonPrefixLength(tokens);
            if (common > best.Common)
                best = (block, common);
        }

        return best;
    }

    /// <summary>Makes a full block findable. A twin that was there first stays the findable one.</summary>
    /// <param name="block">Held by the caller.</param>
    /// <param name="parent">Key of what comes before it.</param>
    /// <param name="tokens">Whose keys and values it holds: as many as a block has positions.</param>
    /// <returns>Its own key.</returns>
    public BlockKey Publish(int block, BlockKey parent, ReadOnlySpan<int> tokens)
    {
        Debug.Assert(_references[block] > 0, "A block is published by its holder.");
        BlockKey key = parent.Next(tokens);
        if (_lengths[block] == 0 && _published.TryAdd(key, block))
        {
            _keys[block] = key;
            Remember(block, parent, tokens);
        }

        return key;
    }

    /// <summary>Makes what a block holds findable that its holder fills no further, unless a block with the same beginning is there.</summary>
    public void PublishTail(int block, BlockKey parent, ReadOnlySpan<int> tokens)
    {
        Debug.Assert(_references[block] > 0, "A block is published by its holder.");
        if (_lengths[block] == 0 && FindAlike(parent, tokens).Common < tokens.Length)
            Remember(block, parent, tokens);
    }

    /// <summary>Gives back one share.</summary>
    public void Release(int block)
    {
        Debug.Assert(_references[block] > 0, "A block is released once for each time it was taken.");
        if (--_references[block] > 0)
            return;
        if (_lengths[block] == 0)
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
        _firstOf.Clear();
        Array.Clear(_keys);
        Array.Clear(_lengths);
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

        int listed = 0;
        foreach ((BlockKey parent, int first) in _firstOf)
        {
            for (int block = first, before = None; block != None; before = block, block = _nextOf[block], listed++)
            {
                if (_parents[block] != parent || _previousOf[block] != before || _lengths[block] == 0)
                    return $"Block {block} is in a list that is not its own.";
            }
        }

        return listed == _lengths.Count(length => length > 0) ? null : $"{listed} blocks are listed, not all that hold something.";
    }

    private Span<int> Content(int block) => _tokens.AsSpan(block * BlockSize, _lengths[block]);

    private void Remember(int block, BlockKey parent, ReadOnlySpan<int> tokens)
    {
        _lengths[block] = tokens.Length;
        tokens.CopyTo(Content(block));
        _parents[block] = parent;
        int after = _firstOf.GetValueOrDefault(parent, None);
        (_nextOf[block], _previousOf[block]) = (after, None);
        if (after != None)
            _previousOf[after] = block;
        _firstOf[parent] = block;
    }

    private void Forget(int block)
    {
        if (_keys[block] is BlockKey key)
            _published.Remove(key);
        _keys[block] = null;
        _lengths[block] = 0;
        (int before, int after) = (_previousOf[block], _nextOf[block]);
        if (after != None)
            _previousOf[after] = before;
        if (before != None)
            _nextOf[before] = after;
        else if (after != None)
            _firstOf[_parents[block]] = after;
        else
            _firstOf.Remove(_parents[block]);
    }

    private void Unlink(int block)
    {
        (_next[_previous[block]], _previous[_next[block]]) = (_next[block], _previous[block]);
        _idle--;
    }
}
