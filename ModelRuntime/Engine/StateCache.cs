using System.Runtime.InteropServices;
using Agentic.Kernels;

namespace Agentic.ModelRuntime;

/// <summary>The target's states of cached positions, beside their KV blocks, as far as its memory goes: what a draft head is fed with.</summary>
/// <remarks>
/// Because states lie where keys and values lie, a prefix found in the cache brings its states along, choices of one prompt share them, and a
/// head that was not asked for a while can be told later what it missed. Blocks that were written longest ago lose theirs first.
/// </remarks>
internal sealed unsafe class StateCache : IDisposable
{
    private const int None = -1;

    private readonly ITargetStates _source;
    private readonly int _blockSize;
    private readonly int _stateSize;
    private readonly NativeArray<float> _states;   // [entries, block size, state size]
    private readonly bool _ownsStates;
    private readonly int[] _entries;               // of each KV block, or None
    private readonly int[] _blocks;                // of each entry, or None
    private readonly bool[] _known;                // [entries, block size]
    private int _next;

    /// <param name="source">The target, with its boundaries chosen.</param>
    /// <param name="kvBlocks">Blocks of its KV pool.</param>
    /// <param name="blockSize">Positions of one.</param>
    /// <param name="byteBudget">Most memory.</param>
    /// <param name="memory">To lie in, and to stay the caller's; its own where it is null.</param>
    public StateCache(ITargetStates source, int kvBlocks, int blockSize, long byteBudget, NativeArray<float>? memory = null)
    {
        _source = source;
        _blockSize = blockSize;
        _stateSize = source.StateSize;
        int entries = (int)Math.Clamp(byteBudget / ((long)blockSize * _stateSize * sizeof(float)), 1, kvBlocks);
        (_states, _ownsStates) = (memory ?? new NativeArray<float>(), memory is null);
        _states.Reserve((long)entries * blockSize * _stateSize);
        _entries = new int[kvBlocks];
        _blocks = new int[entries];
        _known = new bool[entries * blockSize];
        Array.Fill(_entries, None);
        Array.Fill(_blocks, None);
    }

    /// <summary>Elements of one position's states.</summary>
    public int StateSize => _stateSize;

    /// <summary>Takes the states of a row of the step that was just run.</summary>
    /// <param name="row">The row.</param>
    /// <param name="slot">Where its position lies.</param>
    public void Keep(int row, int slot) => _source.CopyState(row, Claim(slot));

    /// <summary>Follows keys and values that are copied.</summary>
    public void Move(ReadOnlySpan<KvMove> moves)
    {
        foreach (KvMove move in moves)
        {
            float* from = Find(move.FromSlot);
            if (from == null)
                Drop(move.ToSlot);
            else
                NativeMemory.Copy(from, Claim(move.ToSlot), (nuint)_stateSize * sizeof(float));
        }
    }

    /// <summary>States of a slot, [<see cref="StateSize"/>], or null where they were given up.</summary>
    /// <remarks>Right for a slot whose position is in the KV cache: whoever wrote that last wrote this with it.</remarks>
    public float* Find(int slot)
    {
        (int block, int offset) = Math.DivRem(slot, _blockSize);
        int entry = _entries[block];
        return entry != None && _known[(entry * _blockSize) + offset] ? At(entry, offset) : null;
    }

    public void Dispose()
    {
        if (_ownsStates)
            _states.Dispose();
    }

    private void Drop(int slot)
    {
        (int block, int offset) = Math.DivRem(slot, _blockSize);
        if (_entries[block] is int entry and not None)
            _known[(entry * _blockSize) + offset] = false;
    }

    private float* Claim(int slot)
    {
        (int block, int offset) = Math.DivRem(slot, _blockSize);
        int entry = _entries[block];
        if (entry == None)
        {
            entry = _next;
            _next = (_next + 1) % _blocks.Length;
            if (_blocks[entry] != None)
                _entries[_blocks[entry]] = None;
            _known.AsSpan(entry * _blockSize, _blockSize).Clear();
            (_blocks[entry], _entries[block]) = (block, entry);
        }

        _known[(entry * _blockSize) + offset] = true;
        return At(entry, offset);
    }

    private float* At(int entry, int offset) => _states.Data + (((long)entry * _blockSize) + offset) * _stateSize;
}
