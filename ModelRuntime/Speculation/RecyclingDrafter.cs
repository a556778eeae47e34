using Agentic.SuffixCache;

namespace Agentic.ModelRuntime;

/// <summary>Token Recycling: drafts what the target itself thought likely after each token when it last scored one (arXiv 2408.08696).</summary>
/// <remarks>
/// Knows one token of context, and is heard beside what others say. A
/// namespace has its own table: what one tenant's texts made likely is not seen in another's drafts.
/// </remarks>
internal sealed class RecyclingDrafter : IDrafter
{
    private const int MostNamespaces = 256;
    private const float LeastProbability = 0.03f;
    private const int MostCandidates = 512;

    // Shares in halves: above 1/2, 1/4, … each at depth 1, 2 and more.
    private const int Shares = 8, Depths = 3;

    private static readonly float[] Priors = [.. Enumerable.Repeat(0.5f, Shares * Depths)];

    private readonly int _vocabularySize;
    private readonly long _byteBudget;
    private readonly NamespaceStates<Memory> _memories;
    private readonly Dictionary<Sequence, State> _states = [];
    private readonly PriorityQueue<Candidate, float> _queue = new(MostCandidates);

    /// <param name="vocabularySize">Of the target.</param>
    /// <param name="byteBudget">Of all tables. Beyond it the namespace unused for longest loses its table.</param>
    public RecyclingDrafter(int vocabularySize, long byteBudget)
    {
        _vocabularySize = vocabularySize;
        _byteBudget = byteBudget;
        _memories = new NamespaceStates<Memory>(MostNamespaces, () => new Memory(_vocabularySize));
    }

    public DraftSource Source => DraftSource.Recycling;

    /// <summary>Of all tables.</summary>
    public long Bytes => _memories.States.Sum(memory => memory.Table.Bytes);

    public void Begin(Sequence sequence)
    {
        if (!sequence.Generation.Request.Speculation)
            return;
        while (Bytes > _byteBudget && _memories.Count > 1)
            _memories.ForgetOldest();
        _states.Add(sequence, new State(_memories.Of(sequence.Generation.Request.Namespace)));
    }

    public void Propose(Sequence sequence, DraftTree tree, int maxNodes, int maxDepth)
    {
        if (!_states.TryGetValue(sequence, out State? state))
            return;
        state.Proposal.Clear();
        _queue.Clear();
        Offer(state, new Candidate(sequence.LastToken, -1, -1, 0, 0, 1, 1, 1), maxDepth);
        while (state.Proposal.Count < maxNodes && _queue.TryDequeue(out Candidate best, out _))
        {
            int node = tree.Add(best.TokenId, best.Parent, best.Claim, Source);
            int own = state.Proposal.Add(best.TokenId, best.OwnParent, best.Kind, best.Share);
            Offer(state, best with { Parent = node, OwnParent = own }, maxDepth);
        }
    }

    public void Scored(Sequence sequence, DraftTree verified, StepLogits logits, int firstRow)
    {
        if (!_states.TryGetValue(sequence, out State? state))
            return;
        state.Memory.Table.Learn(sequence.LastToken, logits[firstRow]);
        for (int node = 0; node < verified.Count; node++)
            state.Memory.Table.Learn(verified.TokenIds[node], logits[firstRow + node + 1]);
    }

    public void Observe(Sequence sequence, DraftTree verified, ReadOnlySpan<int> committed)
    {
        if (_states.TryGetValue(sequence, out State? state))
            state.Proposal.Learn(committed, state.Memory.Calibrator);
    }

    public void Forget(Predicate<NamespaceKey> whose) => _memories.Forget(whose);

    public void End(Sequence sequence) => _states.Remove(sequence);

    private void Offer(State state, in Candidate node, int maxDepth)
    {
        if (node.Depth == maxDepth)
            return;
        ReadOnlySpan<int> successors = state.Memory.Table.Of(node.TokenId, out ReadOnlySpan<float> shares);
        for (int i = 0; i < successors.Length && node.Probability * shares[i] >= LeastProbability && _queue.Count < MostCandidates; i++)
        {
            int depth = node.Depth + 1;
            int kind = ((Math.Min(depth, Depths) - 1) * Shares) + Math.Min(Shares - 1, (int)-MathF.Log2(shares[i]));
            float claim = state.Memory.Calibrator.Probability(kind, shares[i]), probability = node.Probability * claim;
            if (probability >= LeastProbability)
                _queue.Enqueue(new Candidate(successors[i], node.Parent, node.OwnParent, depth, kind, shares[i], claim, probability), -probability);
        }
    }

    /// <param name="TokenId">To be proposed.</param>
    /// <param name="Parent">Node of the tree.</param>
    /// <param name="OwnParent">Node of the proposal.</param>
    /// <param name="Depth">1 below the root.</param>
    /// <param name="Kind">For the calibrator.</param>
    /// <param name="Share">Among its siblings.</param>
    /// <param name="Claim">From its parent.</param>
    /// <param name="Probability">From the root.</param>
    private readonly record struct Candidate(int TokenId, int Parent, int OwnParent, int Depth, int Kind, float Share, float Claim, float Probability);

    private sealed class Memory(int vocabularySize)
    {
        public SuccessorTable Table { get; } = new(vocabularySize);

        public EdgeCalibrator Calibrator { get; } = new(Priors);
    }

    private sealed record State(Memory Memory)
    {
        public Proposal Proposal { get; } = new();
    }
}
