using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Agentic.SuffixCache;

/// <summary>Finds where the end of a context occurred before: a suffix tree that is never built.</summary>
/// <remarks>
/// Beside the log lies, for each position, the previous position with the same last 1, 2, 5 and 16 tokens: 16 bytes a token, and up to 14
/// for the
/// heads of these chains. Adding a token is four table writes, so order of insertion, splits and nodes do not arise. A chain may hold
/// collisions
/// and evicted positions; each candidate is compared with the log, so they cost time and never a wrong token.
/// One writer; readers may run beside each other between its calls.
/// </remarks>
internal sealed unsafe class SuffixIndex : IDisposable
{
    /// <summary>Chunks of shared history: 2¹⁶ tokens, 1.3 MB.</summary>
    public const int SharedChunkBits = 16;

    // Occurrences taken from one order's chain, and links followed to find them.
    private const int TakenPerOrder = 24;
    private const int WalkedPerOrder = 40;

    // Table slots are asked for this many tokens ahead: 45 ns a token instead of 110.
    private const int Ahead = 16;

    private readonly TokenLog _log;
    private readonly ChunkRing<Links> _links;
    private readonly HeadTable _heads1, _heads2, _heads5, _heads16;

    /// <param name="vocabularySize">Token ids are below it.</param>
    /// <param name="chunkBits">Tokens that are allocated, and dropped, at a time: 2 to this power.</param>
    public SuffixIndex(int vocabularySize, int chunkBits = SharedChunkBits)
    {
        const int MostBits = 30;
        int bits = Math.Max(8, chunkBits - 4);
        _log = new TokenLog(chunkBits);
        _links = new ChunkRing<Links>(chunkBits);
        _heads1 = new HeadTable(bits, Math.Min(MostBits, System.Numerics.BitOperations.Log2((uint)vocabularySize) + 1));
        _heads2 = new HeadTable(bits, MostBits);
        _heads5 = new HeadTable(bits, MostBits);
        _heads16 = new HeadTable(bits, MostBits);
        VocabularySize = vocabularySize;
    }

    public int VocabularySize { get; }

    public TokenLog Log => _log;

    /// <summary>Native bytes held.</summary>
    public long Bytes => _log.Bytes + _links.Bytes + _heads1.Bytes + _heads2.Bytes + _heads5.Bytes + _heads16.Bytes;

    /// <summary>Adds <c>sequence[start..]</c>, so that each of its tokens can be found by what precedes it.</summary>
    /// <param name="sequence">Token ids below the vocabulary's size, from the sequence's very start.</param>
    /// <param name="start">How many of them are context only.</param>
    /// <param name="context">How many of those are repeated in the log, for matches to reach into; 0 where the log already ends in
    /// them.</param>
    /// <param name="continues">The log's last token is <c>sequence[start − 1]</c>: go on there rather than open a document.</param>
    /// <returns>Position of <c>sequence[start]</c>.</returns>
    public uint Append(ReadOnlySpan<int> sequence, int start, int context, bool continues)
    {
        int count = sequence.Length - start;
        uint end = _log.End + (uint)(count + context + 1);
        _log.Reserve(end);
        _links.Reserve(end);
        GrowHeads((uint)(_log.Count + count));

        if (!continues)
        {
            _log.Add(TokenLog.Separator);
            foreach (int token in sequence.Slice(start - context, context))
                _log.Add(token);
        }

        uint first = _log.End;
        fixed (int* tokens = sequence)
            Add(tokens, start, sequence.Length);
        return first;
    }

    /// <summary>Collects occurrences of a context's end whose match is as long as one order and shorter than the next, the newest
    /// first.</summary>
    /// <param name="order">0 to 3; asked from the longest down, nothing is found twice.</param>
    /// <param name="contextEnd">One past the context's last token.</param>
    /// <param name="contextLength">Tokens of it.</param>
    /// <param name="hashes">Of the context.</param>
    /// <param name="found">Takes them, up to its capacity.</param>
    /// <param name="origin">What to note beside them.</param>
    public void Find(int order, int* contextEnd, int contextLength, in ContextHashes hashes, Occurrences found, Origin origin)
    {
        int atLeast = ContextHashes.Length(order);
        int below = order + 1 < ContextHashes.Orders ? ContextHashes.Length(order + 1) : int.MaxValue;
        if (contextLength < atLeast)
            return;
        uint newer = _log.End, position = *Head(order, hashes);
        for (int walked = 0, taken = 0; walked < WalkedPerOrder && taken < TakenPerOrder && Precedes(position, newer); walked++)
        {
            uint older = _links[position]->Of(order);
            if (Precedes(older, position))
                Prefetch(older);
            int length = _log.CommonSuffix(position, contextEnd, contextLength);
            if (length >= atLeast && length < below)
            {
                if (!found.Add(this, position, length, origin))
                    return;
                taken++;
            }

            (newer, position) = (position, older);
        }
    }

    /// <summary>Frees the oldest chunk of the log.</summary>
    public void DropOldestChunk()
    {
        Debug.Assert(_log.Chunks > 1, "The chunk being written stays.");
        _log.DropOldestChunk();
        _links.DropOldest();
    }

    public void Dispose()
    {
        _log.Dispose();
        _links.Dispose();
        _heads1.Dispose();
        _heads2.Dispose();
        _heads5.Dispose();
        _heads16.Dispose();
    }

    private void Add(int* tokens, int start, int end)
    {
        Slots* slots = stackalloc Slots[Ahead];
        ContextHashes hashes = ContextHashes.Before(tokens + start, start);
        int asked = start;
        for (int i = start; i < end; i++)
        {
            for (; asked < end && asked < i + Ahead; asked++)
            {
                slots[asked % Ahead] = Ask(hashes);
                hashes.Roll(tokens + asked, asked);
            }

            ref Slots at = ref slots[i % Ahead];
            ref Links links = ref *_links[_log.End];
            if (i >= 1)
                links.Order1 = Exchange(at.Order1, _log.End);
            if (i >= 2)
                links.Order2 = Exchange(at.Order2, _log.End);
            if (i >= 5)
                links.Order5 = Exchange(at.Order5, _log.End);
            if (i >= ContextHashes.Longest)
                links.Order16 = Exchange(at.Order16, _log.End);
            _log.Add(tokens[i]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Slots Ask(in ContextHashes hashes)
    {
        Slots slots = new()
        {
            Order1 = _heads1.Slot(hashes.Last1),
            Order2 = _heads2.Slot(hashes.Last2),
            Order5 = _heads5.Slot(hashes.Last5),
            Order16 = _heads16.Slot(hashes.Last16),
        };
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(slots.Order1);
            Sse.Prefetch0(slots.Order2);
            Sse.Prefetch0(slots.Order5);
            Sse.Prefetch0(slots.Order16);
        }

        return slots;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Exchange(uint* slot, uint position)
    {
        uint previous = *slot;
        *slot = position;
        return previous;
    }

    private uint* Head(int order, in ContextHashes hashes) => order switch
    {
        0 => _heads1.Slot(hashes.Last1),
        1 => _heads2.Slot(hashes.Last2),
        2 => _heads5.Slot(hashes.Last5),
        _ => _heads16.Slot(hashes.Last16),
    };

    /// <summary>Chains run strictly backwards within the log: what does not is a stale end.</summary>
    private bool Precedes(uint position, uint newer) => position != 0 && position - _log.Start < newer - _log.Start;

    private void Prefetch(uint position)
    {
        if (!Sse.IsSupported)
            return;
        _log.Prefetch(position - 1);
        Sse.Prefetch0(_links[position]);
    }

    private void GrowHeads(uint contexts)
    {
        // Between one and two contexts a slot; half as many slots for 16 tokens, which mostly occurred once or in a copy.
        _heads1.Grow(contexts / 2);
        _heads2.Grow(contexts / 2);
        _heads5.Grow(contexts / 2);
        _heads16.Grow(contexts / 4);
    }

    private struct Slots
    {
        public uint* Order1, Order2, Order5, Order16;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Links
    {
        public uint Order1, Order2, Order5, Order16;

        public readonly uint Of(int order) => order switch { 0 => Order1, 1 => Order2, 2 => Order5, _ => Order16 };
    }
}
