using Agentic.SuffixCache;

namespace Agentic.ModelRuntime;

/// <summary>The parts of a draft head's KV pool, one a sequence, and what ended sequences left in theirs: a prompt that begins as an ended
/// sequence did need not be run through the head again.</summary>
internal sealed class HeadWindows
{
    // Fewer pairs are run sooner than looked after.
    private const int LeastPairs = 8;

    private readonly Stack<int[]> _free = new();
    private readonly LinkedList<Ended> _ended = new();   // the latest last

    /// <param name="count">Windows.</param>
    /// <param name="blocks">Blocks of one.</param>
    public HeadWindows(int count, int blocks)
    {
        for (int window = count - 1; window >= 0; window--)
            _free.Push([.. Enumerable.Range(window * blocks, blocks)]);
    }

    /// <summary>Blocks that no running sequence holds, if need be of what ended longest ago.</summary>
    public int[]? Take()
    {
        if (_free.TryPop(out int[]? blocks))
            return blocks;
        if (_ended.First is not LinkedListNode<Ended> oldest)
            return null;
        Remove(oldest);
        return oldest.Value.Blocks;
    }

    /// <summary>A sequence is over, and left what <see cref="Ended"/> says.</summary>
    public void Keep(NamespaceKey owner, ReadOnlySpan<int> tokens, int[] blocks, int start)
    {
        if (tokens.Length - 1 - start < LeastPairs)
        {
            _free.Push(blocks);
            return;
        }

        // A conversation's last turn knows what its earlier ones knew.
        var ended = new Ended(owner, tokens.ToArray(), blocks, start);
        Drop(earlier => earlier.Owner == owner && earlier.Start >= start && ended.Tokens.AsSpan().StartsWith(earlier.Tokens));
        _ended.AddLast(ended);
    }

    /// <summary>What an ended sequence knew that a text begins with: a pair depends on all tokens before it and on its own.</summary>
    /// <param name="owner">Whose text it is.</param>
    /// <param name="tokens">The text.</param>
    /// <param name="pairs">In common, from its first on.</param>
    /// <returns>Its window, which stays here; or null.</returns>
    public Ended? Find(NamespaceKey owner, ReadOnlySpan<int> tokens, out int pairs)
    {
        LinkedListNode<Ended>? best = null;
        pairs = 0;
        for (LinkedListNode<Ended>? at = _ended.First; at is not null; at = at.Next)
        {
            Ended ended = at.Value;
            int common = ended.Owner == owner ? ended.Tokens.AsSpan().CommonPrefixLength(tokens) - 1 - ended.Start : 0;
            if (common >= Math.Max(LeastPairs, pairs))
                (best, pairs) = (at, common);
        }

        if (best is null)
            return null;
        _ended.Remove(best);
        _ended.AddLast(best);
        return best.Value;
    }

    /// <summary>What an erased namespace's sequences left is gone.</summary>
    public void Forget(Predicate<NamespaceKey> whose) => Drop(ended => whose(ended.Owner));

    private void Drop(Predicate<Ended> which)
    {
        for (LinkedListNode<Ended>? at = _ended.First, next; at is not null; at = next)
        {
            next = at.Next;
            if (!which(at.Value))
                continue;
            _free.Push(at.Value.Blocks);
            Remove(at);
        }
    }

    private void Remove(LinkedListNode<Ended> node)
    {
        _ended.Remove(node);
        node.Value.IsThere = false;
    }

    /// <summary>What an ended sequence left.</summary>
    /// <param name="Owner">Whose it was.</param>
    /// <param name="Tokens">All of its text before its pairs, and the pairs' own.</param>
    /// <param name="Blocks">Hold the pairs.</param>
    /// <param name="Start">Position of the first.</param>
    public sealed record Ended(NamespaceKey Owner, int[] Tokens, int[] Blocks, int Start)
    {
        /// <summary>Whether the blocks still hold them.</summary>
        public bool IsThere { get; set; } = true;
    }
}
