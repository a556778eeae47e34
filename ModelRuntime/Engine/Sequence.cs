using System.Diagnostics;
using Agentic.Kernels;

namespace Agentic.ModelRuntime;

/// <summary>One choice of a request: its tokens, its blocks, its sampler. Touched by the engine's thread only.</summary>
internal sealed class Sequence
{
    private readonly int _firstOutput;
    private int[] _tokens;
    private int[] _blockTable = [];
    private BlockKey _publishedKey;
    private int _published;

    public Sequence(Generation generation, int choice, int maxOutputTokens, TimeSpan arrival)
    {
        GenerationRequest request = generation.Request;
        Generation = generation;
        Choice = choice;
        MaxOutputTokens = maxOutputTokens;
        Arrival = arrival;
        _tokens = new int[request.PromptIds.Length + Math.Min(maxOutputTokens, 256)];
        request.PromptIds.CopyTo(_tokens, 0);
        Count = _firstOutput = request.PromptIds.Length;
        ITokenConstraint? constraint = choice == 0 ? request.Constraint : request.Constraint?.Restart();
        Sampler = new SamplerState(request.Sampling, choice, request.PromptIds, constraint);
    }

    public Generation Generation { get; }

    public int Choice { get; }

    public int MaxOutputTokens { get; }

    /// <summary>Since the engine's clock started.</summary>
    public TimeSpan Arrival { get; }

    public SamplerState Sampler { get; }

    /// <summary>Prompt and output, final.</summary>
    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, Count);

    public int Count { get; private set; }

    /// <summary>Tokens whose keys and values are in the cache; always fewer than <see cref="Count"/>.</summary>
    public int KvLength { get; private set; }

    /// <summary>Tokens still to run: the last is decoded, those before it are prefilled.</summary>
    public int Pending => Count - KvLength;

    public int OutputCount => Count - _firstOutput;

    public int RemainingTokens => MaxOutputTokens - OutputCount;

    /// <summary>The last committed token: root of the draft tree.</summary>
    public int LastToken => _tokens[Count - 1];

    public int[] BlockTable => _blockTable;

    public int BlockCount { get; private set; }

    /// <summary>A drafter's own state for this sequence.</summary>
    public object? DrafterState { get; set; }

    /// <summary>How its drafts have fared.</summary>
    public DraftRecord Record { get; } = new();

    /// <summary>Drafts in a row of which no node paid its row.</summary>
    public int UnpaidDrafts { get; set; }

    /// <summary>Of how many steps one is worth looking for a draft.</summary>
    public int LookEvery { get; set; } = 1;

    /// <summary>Whether it was ever running, so that drafters know it.</summary>
    public bool Admitted { get; set; }

    /// <summary>When its first token came, by the engine's clock.</summary>
    public TimeSpan? FirstToken { get; set; }

    /// <summary>Whether a token ends the sequence.</summary>
    public bool IsStop(int token)
    {
        IReadOnlyList<int> stops = Generation.Request.StopTokenIds;
        for (int i = 0; i < stops.Count; i++)
        {
            if (stops[i] == token)
                return true;
        }

        return false;
    }

    /// <summary>Appends a final token.</summary>
    public void Append(int token)
    {
        if (Count == _tokens.Length)
            Array.Resize(ref _tokens, Count * 2);
        _tokens[Count++] = token;
        Sampler.Advance(token);
    }

    /// <summary>Takes what the prefix cache has of the tokens before the last, which must be run to be scored.</summary>
    public void TakeCached(KvBlockPool pool)
    {
        Debug.Assert(BlockCount == 0 && KvLength == 0, "Only a sequence without blocks looks for cached ones.");
        _publishedKey = BlockKey.Root(Generation.Request.Namespace);
        _published = 0;
        while (KvLength + pool.BlockSize < Count)
        {
            BlockKey key = _publishedKey.Next(Tokens.Slice(KvLength, pool.BlockSize));
            int block = pool.TakeShared(key);
            if (block < 0)
                return;
            AddBlock(block);
            _publishedKey = key;
            _published++;
            KvLength += pool.BlockSize;
        }
    }

    /// <summary>Takes what a cached block begins with of the tokens after the shared ones, by copying it into the block held for them.</summary>
    /// <param name="pool">The pool.</param>
    /// <param name="copies">Added to; to be done before the step's pass.</param>
    public void CopyCached(KvBlockPool pool, List<KvMove> copies)
    {
        ReadOnlySpan<int> wanted = Tokens[KvLength..^1];
        (int block, int common) = pool.FindAlike(_publishedKey, wanted[..Math.Min(wanted.Length, pool.BlockSize)]);
        for (int i = 0; i < common; i++)
            copies.Add(new KvMove((block * pool.BlockSize) + i, (_blockTable[_published] * pool.BlockSize) + i));
        KvLength += common;
    }

    /// <summary>Holds blocks for so many slots.</summary>
    /// <returns>Whether all could be had; those that could are held either way.</returns>
    public bool Extend(KvBlockPool pool, int slots)
    {
        for (int needed = pool.BlocksFor(slots); BlockCount < needed;)
        {
            int block = pool.Take();
            if (block < 0)
                return false;
            AddBlock(block);
        }

        return true;
    }

    /// <summary>Takes note that the next tokens' keys and values are in place, and makes full blocks findable.</summary>
    public void Advance(KvBlockPool pool, int tokens)
    {
        KvLength += tokens;
        for (; (_published + 1) * pool.BlockSize <= KvLength; _published++)
            _publishedKey = pool.Publish(_blockTable[_published], _publishedKey, Tokens.Slice(_published * pool.BlockSize, pool.BlockSize));
    }

    /// <summary>Gives back blocks beyond the next token's slot.</summary>
    public void Trim(KvBlockPool pool)
    {
        for (int needed = pool.BlocksFor(KvLength + 1); BlockCount > needed;)
            pool.Release(_blockTable[--BlockCount]);
    }

    /// <summary>Gives back all blocks, the last first, so that the prefix cache forgets tails before heads.</summary>
    public void Release(KvBlockPool pool)
    {
        if (KvLength > _published * pool.BlockSize)
            pool.PublishTail(_blockTable[_published], _publishedKey, Tokens[(_published * pool.BlockSize)..KvLength]);
        while (BlockCount > 0)
            pool.Release(_blockTable[--BlockCount]);
        KvLength = 0;
        _published = 0;
    }

    private void AddBlock(int block)
    {
        if (BlockCount == _blockTable.Length)
            Array.Resize(ref _blockTable, Math.Max(8, BlockCount * 2));
        _blockTable[BlockCount++] = block;
    }
}
