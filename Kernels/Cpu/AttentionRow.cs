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
        int node = sequence.EarlierRows + row;
        for (int word = 0; sequence.Ancestors is not null && word <= node / 32; word++)
        {
            uint bits = sequence.Ancestors[(long)row * sequence.AncestorWords + word];
            if (trunk == 32 * word)
                trunk += BitOperations.TrailingZeroCount(~bits);
            seen += BitOperations.PopCount(bits);
        }
        if (sequence.Ancestors is null)
            trunk = seen = row + 1;
        Debug.Assert(seen > 0 && sequence.Sees(row, node) && (sequence.Ancestors is null || node < 32 * sequence.AncestorWords));
        Identity = sequence.ContextLength + trunk;
        End = sequence.ContextLength + seen;
        // Its keys lie at consecutive positions, the context's and then one a level.
        First = args.SlidingWindow > 0 ? Math.Max(0, End - args.SlidingWindow) : 0;
        Number = row;
    }

    /// <summary>The next node after <paramref name="node"/> that row <paramref name="of"/> sees. There must be one.</summary>
    public static int NextAncestor(in SequenceRows sequence, int of, int node)
    {
        int next = node + 1;
        if (sequence.Ancestors is null)
            return next;
        uint* words = sequence.Ancestors + (long)of * sequence.AncestorWords;
        for (; words[next / 32] >> (next % 32) == 0; next = (next / 32 + 1) * 32)
        {
        }
        return next + BitOperations.TrailingZeroCount(words[next / 32] >> (next % 32));
    }
}
