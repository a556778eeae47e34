using Agentic.SuffixCache;

namespace Agentic.ModelRuntime;

/// <summary>Drafts from what was written before: the sequence itself, its conversation, and its namespace's history.</summary>
internal sealed class SuffixDrafter(SuffixHistory history, int maxNodes) : IDrafter
{
    private const float LeastClaim = 1e-6f;

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
            float reached = parent < 0 ? 1 : _continuation.Probabilities[parent];
            _placed[i] = tree.Add(
                _continuation.TokenIds[i], parent < 0 ? -1 : _placed[parent], Math.Max(_continuation.Probabilities[i] / reached, LeastClaim), DraftSource.Suffix);
        }
    }

    public void Observe(Sequence sequence, DraftTree verified, ReadOnlySpan<int> committed) =>
        Session(sequence).Append(committed, VerifiedOf(verified));

    public void End(Sequence sequence) => Session(sequence).Dispose();

    /// <summary>How many of the draft's nodes were verified before the first that was not: it is the first source, and so its nodes come first.</summary>
    private static int VerifiedOf(DraftTree verified)
    {
        int count = 0;
        while (count < verified.Count && verified.Origin(count) == count && verified.Claim(count, DraftSource.Suffix) > 0)
            count++;
        return count;
    }

    private static SuffixSession Session(Sequence sequence) => (SuffixSession)sequence.DrafterState!;
}
