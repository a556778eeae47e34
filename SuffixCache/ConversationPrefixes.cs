namespace Agentic.SuffixCache;

/// <summary>Drops sequences that a later call of the same conversation repeats from its first token to its last.</summary>
/// <remarks>A server that has seen a conversation keeps only what a call adds. One that takes it over, after a restart or from another
/// server, keeps its whole prompt again, and so supersedes the calls before.</remarks>
internal static class ConversationPrefixes
{
    // Fewer may be the same by chance, and chance is evidence: how often something was said.
    private const int ShortestTokens = 64;

    /// <summary>The sequences without those that others repeat. Who wrote which token is kept of them too.</summary>
    /// <returns>In their order; what repeats others stands where the first of them stood, before whatever continues them.</returns>
    public static List<StoredSequence> Drop(IReadOnlyList<StoredSequence> sequences)
    {
        StoredSequence?[] kept = [.. sequences];
        int[] order = [.. Enumerable.Range(0, kept.Length)], places = [.. order];
        Array.Sort(order, (a, b) =>
            sequences[a].Tokens.Span.SequenceCompareTo(sequences[b].Tokens.Span) is not 0 and int compared ? compared : a.CompareTo(b));

        // Whatever begins with a sequence follows it in this order at once.
        for (int i = 0; i + 1 < order.Length; i++)
        {
            StoredSequence earlier = kept[order[i]]!, later = kept[order[i + 1]]!;
            if (!Repeats(later, earlier))
                continue;
            kept[order[i]] = null;
            kept[order[i + 1]] = later with { Runs = Join(earlier, later) };
            places[order[i + 1]] = Math.Min(places[order[i]], places[order[i + 1]]);
        }

        Array.Sort(places, kept);
        return [.. kept.OfType<StoredSequence>()];
    }

    /// <summary>Whether all of it is in the other's prompt: what was output then has become history.</summary>
    private static bool Repeats(StoredSequence later, StoredSequence earlier) =>
        earlier.Tokens.Length >= ShortestTokens
        && later.Runs.TakeWhile(run => run.Kind != TokenKind.Output).Sum(run => run.Length) >= earlier.Tokens.Length
        && earlier.Runs.Sum(run => run.Length) == earlier.Tokens.Length
        && later.Tokens.Span.StartsWith(earlier.Tokens.Span);

    private static TokenRun[] Join(StoredSequence earlier, StoredSequence later) =>
        [.. earlier.Runs, .. TokenRuns.From(later.Runs, earlier.Tokens.Length)];
}
