using Agentic.SuffixCache;

namespace Agentic.ModelRuntime;

/// <summary>Drafts from what was written before: the sequence itself, its conversation, and its namespace's history.</summary>
internal sealed class SuffixDrafter(SuffixHistory history, int maxNodes) : IDrafter
{
    private readonly Continuation _continuation = new(maxNodes);
    private readonly int[] _placed = new int[maxNodes];

    public DraftSource Source => DraftSource.Suffix;

    public void Begin(Sequence sequence) => sequence.DrafterState = history.BeginSession(sequence.Generation.Request.Namespace, sequence.Tokens);

    public void Propose(Sequence sequence, DraftTree tree, int maxNodes, int maxDepth)
    {
        Session(sequence).Draft(Math.Min(maxNodes, _continuation.Capacity), maxDepth, _continuation);
        for (int i = 0; i < _continuation.Count; i++)
        {
            int parent = _continuation.Parents[i];
            _placed[i] = tree.Add(
                _continuation.TokenIds[i], parent < 0 ? -1 : _placed[parent], _continuation.Probabilities[i], DraftSource.Suffix);
        }
    }

    public void Observe(Sequence sequence, DraftTree verified, ReadOnlySpan<int> committed) =>
        Session(sequence).Append(committed, VerifiedOf(verified));

    public void End(Sequence sequence) => Session(sequence).Dispose();

    /// <summary>How many of the draft's nodes, which fall in probability, were verified before the first that was not. Another source's word
    /// for a node can bring in later ones too; about those the session is not told.</summary>
    private static int VerifiedOf(DraftTree verified)
    {
        int count = 0;
        for (int node = 0; node < verified.Count; node++)
            count += verified.Claim(node, DraftSource.Suffix) > verified.BestDropped ? 1 : 0;
        return count;
    }

    private static SuffixSession Session(Sequence sequence) => (SuffixSession)sequence.DrafterState!;
}
