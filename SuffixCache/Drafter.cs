namespace Agentic.SuffixCache;

/// <summary>Grows the trie of what may follow, best node first, by votes of the occurrences that agree with each node's path.</summary>
internal sealed class Drafter
{
    [ThreadStatic]
    private static Drafter? _ofThread;

    private readonly Votes _votes = new();
    private readonly Frontier _frontier = new(Continuation.MostNodes);

    /// <summary>The current thread's: it holds nothing from one call to the next but memory.</summary>
    public static Drafter OfThread => _ofThread ??= new Drafter();

    /// <summary>Fills a continuation with up to so many nodes.</summary>
    public void Draft(Occurrences occurrences, VoteWeights weights, Calibration calibration, int maxNodes, int maxDepth, Continuation into)
    {
        into.Clear();
        maxNodes = Math.Min(maxNodes, into.Capacity);
        _frontier.Clear(maxNodes);
        if (maxNodes == 0 || maxDepth == 0 || occurrences.Count == 0)
            return;
        Offer(occurrences, weights, calibration, new Candidate { Living = occurrences.All, Voted = 1, Probability = 1 }, parent: -1);
        while (into.Count < maxNodes && _frontier.TryTake(out Candidate node))
        {
            int index = into.Add(node.TokenId, node.Parent, node.Depth, node.Probability, node.Voted, node.MatchLength);
            if (node.Depth < maxDepth)
                Offer(occurrences, weights, calibration, node, index);
        }
    }

    /// <summary>Learns which of a draft's nodes the target took.</summary>
    /// <param name="draft">What was proposed.</param>
    /// <param name="written">What came; a node it says nothing about is left out.</param>
    /// <param name="verified">How many of the first nodes the target was asked about. A node whose parent was not among them is left out:
    /// of those only the failures would be known, and counting them makes every draft look worse than it is.</param>
    /// <param name="calibration">Of the namespace.</param>
    public static void Learn(Continuation draft, ReadOnlySpan<int> written, int verified, Calibration calibration)
    {
        Span<bool> taken = stackalloc bool[draft.Count];
        for (int i = 0; i < draft.Count; i++)
        {
            int parent = draft.Parents[i], depth = draft.Depths[i];
            bool reached = parent < 0 || taken[parent];
            if (parent >= verified || (reached && depth > written.Length))
                continue;
            taken[i] = reached && draft.TokenIds[i] == written[depth - 1];
            calibration.Learn(draft.Voted[i], taken[i]);
        }
    }

    /// <summary>Learns from what the target wrote after the context that the occurrences match.</summary>
    /// <param name="occurrences">As drafted from.</param>
    /// <param name="living">Those that agree with what was written so far.</param>
    /// <param name="depth">How much that is.</param>
    /// <param name="written">What came then; <see cref="Occurrence.Ended"/> for nothing more.</param>
    /// <param name="weights">Of the namespace.</param>
    /// <param name="last">The last that agreed with anything.</param>
    /// <param name="agreed">With how many tokens those agreed.</param>
    /// <returns>Those that still agree.</returns>
    public ulong Learn(
        Occurrences occurrences, ulong living, int depth, ReadOnlySpan<int> written, VoteWeights weights, out ulong last, out int agreed)
    {
        (last, agreed) = (living, depth);
        for (int i = 0; i < written.Length && living != 0; i++)
        {
            _votes.Take(occurrences, living, depth + i, weights);
            living = _votes.Learn(written[i], occurrences, weights);
            if (living != 0)
                (last, agreed) = (living, depth + i + 1);
        }

        occurrences.Learn(weights);
        return living;
    }

    private void Offer(Occurrences occurrences, VoteWeights weights, Calibration calibration, in Candidate node, int parent)
    {
        _votes.Take(occurrences, node.Living, node.Depth, weights);
        for (int i = 0; i < _votes.Count; i++)
        {
            float voted = node.Voted * _votes.Probability(i), probability = Math.Min(node.Probability, calibration.Correct(voted));
            ref Candidate child = ref _frontier.Add(probability);
            if (System.Runtime.CompilerServices.Unsafe.IsNullRef(ref child))
                continue;
            child = new Candidate
            {
                TokenId = _votes.TokenId(i),
                Parent = parent,
                Depth = node.Depth + 1,
                Voted = voted,
                Probability = probability,
                Living = _votes.Voters(i),
                MatchLength = _votes.Longest(i),
            };
        }
    }
}
