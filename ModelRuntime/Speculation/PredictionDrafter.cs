using System.Numerics;
using Agentic.SuffixCache;

namespace Agentic.ModelRuntime;

/// <summary>Drafts the text that a request predicts, from where the answer has come in it.</summary>
internal sealed class PredictionDrafter : IDrafter
{
    private const int MostNamespaces = 1024;
    private const float LeastProbability = 0.02f;

    // Tokens agreed: 0, 1, 2, 3–4, 5–8, 9–16, 17–32, more; before the first departure and after one; and the answer's end.
    private const int Lengths = 8, AtEnd = 2 * Lengths;

    private static readonly float[] Priors =
    [
        0.6f, 0.8f, 0.85f, 0.9f, 0.95f, 0.97f, 0.98f, 0.99f,
        0.1f, 0.4f, 0.6f, 0.8f, 0.9f, 0.95f, 0.97f, 0.98f,
        0.7f,
    ];

    private readonly NamespaceStates<EdgeCalibrator> _calibrators = new(MostNamespaces, () => new EdgeCalibrator(Priors));
    private readonly Dictionary<Sequence, State> _states = [];

    public DraftSource Source => DraftSource.Prediction;

    public void Begin(Sequence sequence)
    {
        GenerationRequest request = sequence.Generation.Request;
        if (request.Speculation && request.PredictionIds is { Length: > 0 } prediction)
            _states.Add(sequence, new State(new PredictionCursor(prediction), _calibrators.Of(request.Namespace), new Proposal()));
    }

    public void Propose(Sequence sequence, DraftTree tree, int maxNodes, int maxDepth)
    {
        if (!_states.TryGetValue(sequence, out State? state) || state.Cursor.Next < 0)
            return;
        state.Proposal.Clear();
        PredictionCursor cursor = state.Cursor;
        ReadOnlySpan<int> rest = cursor.Rest;
        int most = Math.Min(maxNodes, maxDepth), node = -1, own = -1;
        float probability = 1;
        for (int depth = 0; depth < most && depth <= rest.Length; depth++)
        {
            if (depth == rest.Length && sequence.Generation.Request.StopTokenIds.Count == 0)
                return;
            int token = depth < rest.Length ? rest[depth] : sequence.Generation.Request.StopTokenIds[0];
            int kind = Kind(cursor, depth, rest.Length);
            float claim = state.Calibrator.Probability(kind, share: 1);
            probability *= claim;
            if (probability < LeastProbability)
                return;
            node = tree.Add(token, node, claim, DraftSource.Prediction);
            own = state.Proposal.Add(token, own, kind);
        }
    }

    public void Observe(Sequence sequence, DraftTree verified, ReadOnlySpan<int> committed)
    {
        if (!_states.TryGetValue(sequence, out State? state))
            return;
        state.Proposal.Learn(committed, state.Calibrator);
        foreach (int token in committed)
            state.Cursor.Advance(token);
    }

    public void Forget(Predicate<NamespaceKey> whose) => _calibrators.Forget(whose);

    public void End(Sequence sequence) => _states.Remove(sequence);

    private static int Kind(PredictionCursor cursor, int depth, int left) =>
        depth == left ? AtEnd : (cursor.Realigned ? Lengths : 0) + LengthKind(cursor.Agreed + depth);

    private static int LengthKind(int agreed) =>
        agreed <= 2 ? agreed : Math.Min(Lengths - 1, BitOperations.Log2((uint)agreed - 1) + 2);

    private sealed record State(PredictionCursor Cursor, EdgeCalibrator Calibrator, Proposal Proposal);
}
