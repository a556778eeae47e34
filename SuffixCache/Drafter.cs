namespace Agentic.SuffixCache;

/// <summary>Grows the trie of what may follow, best node first, by votes of the occurrences that agree with each node's path.</summary>
internal sealed class Drafter
{
    // Candidates that could still become nodes. More than a draft has nodes, since each node offers a few children.
    private const int MostCandidates = 4096;

    private readonly Votes _votes = new();
    private readonly Candidate[] _candidates = new Candidate[MostCandidates];
    private readonly PriorityQueue<int, float> _queue = new(MostCandidates);
    private int _count;

    /// <summary>Fills a continuation with up to so many nodes.</summary>
    public void Draft(Occurrences occurrences, VoteWeights weights, int maxNodes, int maxDepth, Continuation into)
    {
        into.Clear();
        _queue.Clear();
        _count = 0;
        maxNodes = Math.Min(maxNodes, into.Capacity);
        if (maxNodes == 0 || maxDepth == 0 || occurrences.Count == 0)
            return;
        Offer(occurrences, weights, new Candidate { Living = occurrences.All, Probability = 1 }, parent: -1);
        while (into.Count < maxNodes && _queue.TryDequeue(out int best, out _))
        {
            Candidate node = _candidates[best];
            int index = into.Add(node.TokenId, node.Parent, node.Depth, node.Probability, node.MatchLength);
            if (node.Depth < maxDepth)
                Offer(occurrences, weights, node, index);
        }
    }

    /// <summary>Learns from what the target wrote after the context that the occurrences match.</summary>
    public void Learn(Occurrences occurrences, VoteWeights weights, ReadOnlySpan<int> written)
    {
        ulong living = occurrences.All;
        for (int depth = 0; depth < written.Length && living != 0; depth++)
        {
            _votes.Take(occurrences, living, depth, weights);
            living = _votes.Learn(written[depth], occurrences, living, depth, weights);
        }
    }

    private void Offer(Occurrences occurrences, VoteWeights weights, in Candidate node, int parent)
    {
        _votes.Take(occurrences, node.Living, node.Depth, weights);
        for (int i = 0; i < _votes.Count && _count < MostCandidates; i++)
        {
            Candidate child = new()
            {
                TokenId = _votes.TokenId(i),
                Parent = parent,
                Depth = node.Depth + 1,
                Probability = node.Probability * _votes.Probability(i),
                Living = _votes.Voters(i),
                MatchLength = _votes.Longest(i),
            };
            _candidates[_count] = child;
            _queue.Enqueue(_count++, -child.Probability);
        }
    }

    private struct Candidate
    {
        public int TokenId, Parent, Depth, MatchLength;
        public float Probability;
        public ulong Living;
    }
}
