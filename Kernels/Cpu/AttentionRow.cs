using System.Diagnostics;
using System.Numerics;

namespace Agentic.Kernels;

/// <summary>
/// The keys one row sees, by logical index: committed positions come first, then its ancestors in row order, which is order of position.
/// Up to <see cref="Identity"/> the index is the logical slot too (context, and the trunk of a tree); from there on it skips siblings.
/// </summary>
internal unsafe struct AttentionRow
{
    /// <summary>The row within its sequence.</summary>
    public int Number;

    /// <summary>First index inside the sliding window.</summary>
    public int First;

    /// <summary>Indices below it are logical slots.</summary>
    public int Identity;

    /// <summary>One past the row's own index.</summary>
    public int End;

    public AttentionRow(in TreeAttentionArgs args, in SequenceRows sequence, int row)
    {
        int trunk = 0, seen = 0;
        for (int word = 0; sequence.Ancestors is not null && word <= row / 32; word++)
        {
            uint bits = sequence.Ancestors[(long)row * sequence.AncestorWords + word];
            if (trunk == 32 * word)
                trunk += BitOperations.TrailingZeroCount(~bits);
            seen += BitOperations.PopCount(bits);
        }
        if (sequence.Ancestors is null)
            trunk = seen = row + 1;
        Debug.Assert(seen > 0 && sequence.Sees(row, row) && (sequence.Ancestors is null || row < 32 * sequence.AncestorWords));
        Identity = sequence.ContextLength + trunk;
        End = sequence.ContextLength + seen;
        First = args.SlidingWindow > 0 ? FirstInWindow(args, sequence, row) : 0;
        Number = row;
    }

    /// <summary>The next row after <paramref name="row"/> that row <paramref name="of"/> sees. There must be one.</summary>
    public static int NextAncestor(in SequenceRows sequence, int of, int row)
    {
        int next = row + 1;
        if (sequence.Ancestors is null)
            return next;
        uint* words = sequence.Ancestors + (long)of * sequence.AncestorWords;
        for (; words[next / 32] >> (next % 32) == 0; next = (next / 32 + 1) * 32)
        {
        }
        return next + BitOperations.TrailingZeroCount(words[next / 32] >> (next % 32));
    }

    private static int FirstInWindow(in TreeAttentionArgs args, in SequenceRows sequence, int row)
    {
        int* positions = args.Positions + sequence.RowStart;
        int lowest = positions[row] - args.SlidingWindow + 1;
        if (lowest <= sequence.ContextLength)
            return Math.Max(0, lowest);
        int index = sequence.ContextLength;
        for (int ancestor = NextAncestor(sequence, row, -1); positions[ancestor] < lowest; ancestor = NextAncestor(sequence, row, ancestor))
            index++;
        return index;
    }
}
