namespace Agentic.ModelRuntime;

/// <summary>How one source of drafts fared.</summary>
/// <param name="Source">Its name.</param>
/// <param name="Proposed">Nodes it named, whoever else did.</param>
/// <param name="Drafted">Those of them that the target was asked about.</param>
/// <param name="Accepted">Those of them that it took.</param>
/// <param name="Expected">How many were expected to be taken.</param>
/// <param name="CalibrationError">Mean distance of probability and share taken, over tenths of probability; 0 is calibrated.</param>
/// <param name="Seconds">Spent on proposing and learning.</param>
public sealed record SourceReport(
    string Source, long Proposed, long Drafted, long Accepted, double Expected, double CalibrationError, double Seconds);

/// <summary>Steps that decoded about as many sequences: what they were expected to take and to accept, and did.</summary>
/// <param name="Sequences">The fewest; steps of up to twice as many count here. 0: prompts alone.</param>
/// <param name="Steps">How many there were.</param>
/// <param name="PredictedSeconds">Time that they were expected to take.</param>
/// <param name="ActualSeconds">Time that they took.</param>
/// <param name="PromptSeconds">Of that, what rows of prompts took beside those that decode; the rest is decoding.</param>
/// <param name="Drafted">Nodes verified.</param>
/// <param name="Expected">Nodes that were expected to be accepted.</param>
/// <param name="Accepted">Nodes that were.</param>
public sealed record BatchReport(
    int Sequences, long Steps, double PredictedSeconds, double ActualSeconds, double PromptSeconds, long Drafted, double Expected, long Accepted);

/// <summary>A draft tree that the target scored, for whoever wants to look at one.</summary>
/// <param name="Context">The sequence's tokens before it.</param>
/// <param name="Nodes">All that were proposed, parents first.</param>
/// <param name="Committed">The tokens that became final: those accepted, and one more.</param>
public sealed record DraftTrace(int[] Context, IReadOnlyList<DraftTraceNode> Nodes, int[] Committed)
{
    /// <param name="context">The sequence's tokens before it.</param>
    /// <param name="proposed">All nodes.</param>
    /// <param name="verified">Those that were worth a row.</param>
    /// <param name="path">Those of them that were accepted.</param>
    /// <param name="committed">The tokens that became final.</param>
    internal static DraftTrace Of(
        ReadOnlySpan<int> context, DraftTree proposed, DraftTree verified, IReadOnlyList<int> path, ReadOnlySpan<int> committed)
    {
        var kept = Enumerable.Range(0, verified.Count).Select(verified.Origin).ToHashSet();
        var taken = path.Select(verified.Origin).ToHashSet();
        var nodes = new DraftTraceNode[proposed.Count];
        for (int node = 0; node < nodes.Length; node++)
        {
            int at = node, origin = proposed.Origin(node);
            (DraftSource, float)[] claims =
                [.. Enum.GetValues<DraftSource>().Select(source => (source, proposed.Claim(at, source))).Where(claim => claim.Item2 > 0)];
            nodes[node] = new DraftTraceNode(
                proposed.TokenIds[node], proposed.Parents[node], proposed.Probabilities[node], claims, kept.Contains(origin), taken.Contains(origin));
        }

        return new DraftTrace(context.ToArray(), nodes, committed.ToArray());
    }
}

/// <summary>A node of it.</summary>
/// <param name="TokenId">Its token.</param>
/// <param name="Parent">Index of its parent, −1 below the last token of the context.</param>
/// <param name="Probability">That the target would come to it, as all sources together said.</param>
/// <param name="Claims">What each said, given that it comes to the parent.</param>
/// <param name="IsVerified">Whether it was worth a row.</param>
/// <param name="IsAccepted">Whether the target took it.</param>
public sealed record DraftTraceNode(
    int TokenId, int Parent, float Probability, IReadOnlyList<(DraftSource Source, float Claim)> Claims, bool IsVerified, bool IsAccepted);

/// <summary>How an engine's speculation fared since it began.</summary>
/// <param name="Sources">One each.</param>
/// <param name="StepPredictionError">Median of |predicted − actual| / actual step time over the last 4,096 steps.</param>
/// <param name="HeadSteps">Steps in which the draft head ran.</param>
/// <param name="HeadLevels">Levels that it ran.</param>
/// <param name="HeadSeconds">Time that they took.</param>
/// <param name="Batches">Steps by the number of sequences.</param>
public sealed record SpeculationReport(
    IReadOnlyList<SourceReport> Sources, double StepPredictionError, long HeadSteps, long HeadLevels, double HeadSeconds,
    IReadOnlyList<BatchReport> Batches)
{
    /// <summary>Time of all steps but what prompts took of it: what speculation can shorten.</summary>
    public double DecodeSeconds => Batches.Sum(batch => batch.ActualSeconds - batch.PromptSeconds);
}
