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
        _ended.Remove(oldest);
        return oldest.Value.Blocks;
    }

    /// <summary>A sequence is over.</summary>
    /// <param name="owner">Whose it was.</param>
    /// <param name="tokens">All of its text before its pairs, and the pairs' own.</param>
    /// <param name="blocks">Hold the pairs.</param>
    /// <param name="start">Position of the first.</param>
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
    /// <param name="start">Position of the first pair.</param>
    /// <param name="pairs">In common.</param>
    /// <returns>Blocks with the pairs, which stay here; or null.</returns>
    public int[]? Find(NamespaceKey owner, ReadOnlySpan<int> tokens, out int start, out int pairs)
    {
        LinkedListNode<Ended>? best = null;
        (start, pairs) = (0, 0);
        for (LinkedListNode<Ended>? at = _ended.First; at is not null; at = at.Next)
        {
            Ended ended = at.Value;
            int common = ended.Owner == owner ? ended.Tokens.AsSpan().CommonPrefixLength(tokens) - 1 - ended.Start : 0;
            if (common >= Math.Max(LeastPairs, pairs))
                (best, start, pairs) = (at, ended.Start, common);
        }

        if (best is null)
            return null;
        _ended.Remove(best);
        _ended.AddLast(best);
        return best.Value.Blocks;
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
            _ended.Remove(at);
        }
    }

    private sealed record Ended(NamespaceKey Owner, int[] Tokens, int[] Blocks, int Start);
}
