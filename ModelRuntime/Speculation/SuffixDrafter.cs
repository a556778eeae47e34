using Agentic.SuffixCache;

namespace Agentic.ModelRuntime;

/// <summary>Drafts from what was written before: the sequence itself, its conversation, and its namespace's history.</summary>
internal sealed class SuffixDrafter(SuffixHistory history, int maxNodes) : IDrafter
{
    private const float LeastClaim = 1e-6f;

    private readonly DraftBatch _batch = new();
    private readonly int[] _placed = new int[maxNodes];

    public DraftSource Source => DraftSource.Suffix;

    public void Begin(Sequence sequence) => sequence.DrafterState = new State(
        history.BeginSession(sequence.Generation.Request.Namespace, sequence.Tokens, sequence.Generation.Request.PromptRuns),
        new Continuation(maxNodes));

    /// <summary>Drafts for all of them, on as many threads as pay.</summary>
    public void Prepare(IReadOnlyList<(Sequence Sequence, int MaxDepth)> asked, int maxNodes)
    {
        foreach ((Sequence sequence, int maxDepth) in asked)
        {
            State state = StateOf(sequence);
            _batch.Add(state.Session, maxNodes, maxDepth, state.Draft);
            state.IsDrafted = true;
        }

        _batch.Run();
    }

    public void Propose(Sequence sequence, DraftTree tree, int maxNodes, int maxDepth)
    {
        State state = StateOf(sequence);
        Continuation draft = state.Draft;
        if (!state.IsDrafted)
            state.Session.Draft(maxNodes, maxDepth, draft);
        state.IsDrafted = false;
        for (int i = 0; i < draft.Count; i++)
        {
            int parent = draft.Parents[i];
            float reached = parent < 0 ? 1 : draft.Probabilities[parent];
            _placed[i] = tree.Add(
                draft.TokenIds[i], parent < 0 ? -1 : _placed[parent], Math.Max(draft.Probabilities[i] / reached, LeastClaim), DraftSource.Suffix);
        }
    }

    public void Observe(Sequence sequence, DraftTree verified, ReadOnlySpan<int> committed) =>
        StateOf(sequence).Session.Append(committed, VerifiedOf(verified));

    public void End(Sequence sequence) => StateOf(sequence).Session.Dispose();

    /// <summary>How many of the draft's nodes were verified before the first that was not: it is the first source, and so its nodes come first.</summary>
    private static int VerifiedOf(DraftTree verified)
    {
        int count = 0;
        while (count < verified.Count && verified.Origin(count) == count && verified.Claim(count, DraftSource.Suffix) > 0)
            count++;
        return count;
    }

    private static State StateOf(Sequence sequence) => (State)sequence.DrafterState!;

    private sealed record State(SuffixSession Session, Continuation Draft)
    {
        /// <summary>The draft is this step's.</summary>
        public bool IsDrafted { get; set; }
    }
}
