namespace Agentic.SuffixCache;

/// <summary>Which part of its sequence each stretch of a log is, and the hash of the blocks before it: so that a sequence whose earlier part
/// the log holds can be counted on from there, though nobody has that part at hand.</summary>
internal sealed class Stretches
{
    private readonly List<Stretch> _all = [];   // by their starts

    /// <summary>Managed bytes.</summary>
    public long Bytes => (long)_all.Capacity * 3 * sizeof(int);

    /// <summary>A stretch begins.</summary>
    /// <param name="log">Holds it, and before it the last block of its sequence as far as begun.</param>
    /// <param name="start">Position of its first token.</param>
    /// <param name="offset">Tokens before that in the sequence.</param>
    /// <param name="chain">Hash of the whole blocks among them.</param>
    public void Add(TokenLog log, uint start, int offset, uint chain)
    {
        int gone = 0;
        while (gone + 1 < _all.Count && (int)(_all[gone + 1].Start - log.Start) <= 0)
            gone++;
        if (gone > _all.Count / 2)
            _all.RemoveRange(0, gone);
        _all.Add(new Stretch(start, offset, chain));
    }

    /// <summary>Tokens before a position in its sequence, and the hash of the whole blocks among them; null where that is not
    /// known.</summary>
    public (int Offset, uint Chain)? At(TokenLog log, uint position)
    {
        int low = 0, high = _all.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if ((int)(_all[middle].Start - position) <= 0)
                low = middle + 1;
            else
                high = middle;
        }

        if (low == 0)
            return null;
        Stretch stretch = _all[low - 1];
        int offset = stretch.Offset + (int)(position - stretch.Start);
        uint from = stretch.Start - (uint)(stretch.Offset % PrefixBlocks.BlockTokens);
        if (!log.Holds(from))
            return null;
        uint chain = stretch.Chain;
        Span<int> block = stackalloc int[PrefixBlocks.BlockTokens];
        for (; position - from >= PrefixBlocks.BlockTokens; from += PrefixBlocks.BlockTokens)
        {
            log.CopyTo(from, block);
            chain = PrefixBlocks.Chain(chain, block);
        }

        return (offset, chain);
    }

    private readonly record struct Stretch(uint Start, int Offset, uint Chain);
}
