using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Agentic.SuffixCache;

/// <summary>Finds where the end of a context occurred before: a suffix tree that is never built.</summary>
/// <remarks>
/// Beside the newest part of the log lies, for each position, the previous position with the same last 1, 2, 5 and 16 tokens: 16 bytes a
/// token, and up to 7 for the heads of these chains. Adding a token is four table writes, so order of insertion, splits and nodes do not
/// arise. A chain may hold collisions and dropped positions; each candidate is compared with the log, so they cost time and never a wrong
/// token. Older parts are sealed: sorted segments of 5.5 bytes a token take the place of the chains.
/// One writer; readers beside it, lock-free, once they have entered the reclaimer.
/// </remarks>
internal sealed unsafe class SuffixIndex : IDisposable
{
    /// <summary>Whole chunks of shared history: 2¹⁶ tokens, 1.3 MB with their links.</summary>
    public const int SharedChunkBits = 16;

    /// <summary>Occurrences that one order takes from the chains, and from each segment.</summary>
    public const int TakenPerOrder = 24;

    // Table slots are asked for this many tokens ahead: 45 ns a token instead of 110.
    private const int Ahead = 16;

    private readonly TokenLog _log;
    private readonly ChunkRing<Links> _links;
    private readonly HeadTable _heads1, _heads2, _heads5, _heads16;
    private readonly Reclaimer? _reclaimer;
    private SortedSegment[] _segments = [];

    /// <param name="vocabularySize">Token ids are below it.</param>
    /// <param name="chunkBits">Tokens that are allocated, and dropped, at a time: 2 to this power.</param>
    /// <param name="reclaimer">Of the readers beside the writer; null where there are none.</param>
    public SuffixIndex(int vocabularySize, int chunkBits = SharedChunkBits, Reclaimer? reclaimer = null)
    {
        const int MostBits = 30;
        _reclaimer = reclaimer;
        _log = new TokenLog(chunkBits, reclaimer);
        _links = new ChunkRing<Links>(chunkBits, reclaimer);
        _heads1 = new HeadTable(Math.Min(MostBits, System.Numerics.BitOperations.Log2((uint)vocabularySize) + 1), reclaimer);
        _heads2 = new HeadTable(MostBits, reclaimer);
        _heads5 = new HeadTable(MostBits, reclaimer);
        _heads16 = new HeadTable(MostBits, reclaimer);
        VocabularySize = vocabularySize;
    }

    public int VocabularySize { get; }

    public TokenLog Log => _log;

    /// <summary>Native bytes held.</summary>
    public long Bytes => _log.Bytes + _links.Bytes + _heads1.Bytes + _heads2.Bytes + _heads5.Bytes + _heads16.Bytes + SegmentBytes;

    /// <summary>Sealed segments, the oldest first.</summary>
    public ReadOnlySpan<SortedSegment> Segments => _segments;

    /// <summary>Position of the oldest token that is not sealed.</summary>
    public uint HotStart => _links.Start;

    /// <summary>Tokens in whole chunks that are written and not sealed.</summary>
    public uint Sealable => (_log.End - HotStart) / _log.ChunkLength * _log.ChunkLength;

    private long SegmentBytes
    {
        get
        {
            long bytes = 0;
            foreach (SortedSegment segment in _segments)
                bytes += segment.Bytes;
            return bytes;
        }
    }

    /// <summary>Adds <c>sequence[start..]</c>, so that each of its tokens can be found by what precedes it.</summary>
    /// <param name="sequence">Token ids below the vocabulary's size, from the sequence's very start.</param>
    /// <param name="start">How many of them are context only.</param>
    /// <param name="context">How many of those are repeated in the log, for matches to reach into; 0 where the log already ends in
    /// them.</param>
    /// <param name="continues">The log's last token is <c>sequence[start − 1]</c>: go on there rather than open a document.</param>
    /// <param name="kind">Who wrote what is added.</param>
    /// <returns>Position of <c>sequence[start]</c>.</returns>
    public uint Append(ReadOnlySpan<int> sequence, int start, int context, bool continues, TokenKind kind = TokenKind.Prompt)
    {
        int count = sequence.Length - start;
        uint end = _log.End + (uint)(count + context + 1);
        _log.Reserve(end);
        _links.Reserve(end);
        FitHeads(end - HotStart);

        if (!continues)
        {
            _log.Add(TokenLog.Separator);
            foreach (int token in sequence.Slice(start - context, context))
                _log.Add(token | TokenLog.Repeated);
        }

        uint first = _log.End;
        fixed (int* tokens = sequence)
            Add(tokens, start, sequence.Length, TokenLog.MarkOf(kind));
        return first;
    }

    /// <summary>Where the newest position lies that one order of a context's hashes leads to; asked for.</summary>
    public uint* Newest(int order, in ContextHashes hashes)
    {
        uint* slot = order switch
        {
            0 => _heads1.Now.Slot(hashes.Last1),
            1 => _heads2.Now.Slot(hashes.Last2),
            2 => _heads5.Now.Slot(hashes.Last5),
            _ => _heads16.Now.Slot(hashes.Last16),
        };
        if (Sse.IsSupported)
            Sse.Prefetch0(slot);
        return slot;
    }

    /// <summary>The one before it in the order's chain; anything where the chain ends.</summary>
    public uint Older(int order, uint position) => ((uint*)_links[position])[order];

    /// <summary>Asks for a position's links and so many tokens before it.</summary>
    public void Prefetch(uint position, int tokens)
    {
        if (!Sse.IsSupported)
            return;
        Sse.Prefetch0(_links[position]);
        _log.Prefetch(position - 1);
        _log.Prefetch(position - (uint)tokens);
    }

    /// <summary>Puts a sorted segment, of the oldest tokens not sealed or of adjacent segments, in their place.</summary>
    /// <returns>False where they are no longer there; it is freed.</returns>
    public bool Install(SortedSegment segment)
    {
        SortedSegment[] old = _segments;
        int from = Array.FindIndex(old, s => s.Start == segment.Start), to = Array.FindIndex(old, s => s.End == segment.End);
        bool hot = segment.Start == HotStart && _log.Holds(segment.Start);
        if (!hot && (from < 0 || to < from))
        {
            segment.Free(reclaimer: null);
            return false;
        }

        if (hot)
        {
            _segments = [.. old, segment];
            while (HotStart != segment.End)
                _links.DropOldest();
            FitHeads(_log.End - HotStart);
            return true;
        }

        _segments = [.. old[..from], segment, .. old[(to + 1)..]];
        foreach (SortedSegment replaced in old[from..(to + 1)])
            replaced.Free(_reclaimer);
        return true;
    }

    /// <summary>Whether there is something older than the chunk being written.</summary>
    public bool CanDropOldest => _segments.Length > 0 || _log.Chunks > 1;

    /// <summary>One past the last position that <see cref="DropOldest"/> drops.</summary>
    public uint OldestEnd => _segments is [SortedSegment oldest, ..] ? oldest.End : _log.Start + _log.ChunkLength;

    /// <summary>Frees the oldest segment; where none is sealed, the oldest chunk.</summary>
    public void DropOldest()
    {
        Debug.Assert(CanDropOldest, "The chunk being written stays.");
        if (_segments is [SortedSegment oldest, ..])
        {
            _segments = _segments[1..];
            while (_log.Start != oldest.End)
                _log.DropOldestChunk();
            oldest.Free(_reclaimer);
            return;
        }

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
        foreach (SortedSegment segment in _segments)
            segment.Free(_reclaimer);
    }

    private void Add(int* tokens, int start, int end, int mark)
    {
        Slots* slots = stackalloc Slots[Ahead];
        Heads heads = new() { Order1 = _heads1.Now, Order2 = _heads2.Now, Order5 = _heads5.Now, Order16 = _heads16.Now };
        ContextHashes hashes = ContextHashes.Before(tokens + start, start);
        for (int i = start, asked = start; i < end;)
        {
            uint position = _log.End;
            Links* links = _links[position];
            int* log = _log.Next(out int room);
            for (int last = i + Math.Min(room, end - i); i < last; i++, position++, links++, log++)
            {
                for (; asked < end && asked < i + Ahead; asked++)
                {
                    slots[asked % Ahead] = heads.Ask(hashes);
                    hashes.Roll(tokens + asked, asked);
                }

                ref Slots at = ref slots[i % Ahead];
                if (i >= 1)
                    links->Order1 = Exchange(at.Order1, position);
                if (i >= 2)
                    links->Order2 = Exchange(at.Order2, position);
                if (i >= 5)
                    links->Order5 = Exchange(at.Order5, position);
                if (i >= ContextHashes.Longest)
                    links->Order16 = Exchange(at.Order16, position);
                *log = tokens[i] | mark;
                _log.Added();
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Exchange(uint* slot, uint position)
    {
        uint previous = *slot;
        *slot = position;
        return previous;
    }

    private void FitHeads(uint contexts)
    {
        // Between one and two contexts a slot; half as many slots for 16 tokens, which mostly occurred once or in a copy.
        _heads1.Fit(contexts / 2, _log.End);
        _heads2.Fit(contexts / 2, _log.End);
        _heads5.Fit(contexts / 2, _log.End);
        _heads16.Fit(contexts / 4, _log.End);
    }

    private struct Slots
    {
        public uint* Order1, Order2, Order5, Order16;
    }

    private struct Heads
    {
        public HeadTable.View Order1, Order2, Order5, Order16;

        /// <summary>A context's slots; asked for.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly Slots Ask(in ContextHashes hashes)
        {
            Slots slots = new()
            {
                Order1 = Order1.Slot(hashes.Last1),
                Order2 = Order2.Slot(hashes.Last2),
                Order5 = Order5.Slot(hashes.Last5),
                Order16 = Order16.Slot(hashes.Last16),
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
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Links
    {
        public uint Order1, Order2, Order5, Order16;
    }
}
