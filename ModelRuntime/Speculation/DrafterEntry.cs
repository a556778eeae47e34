namespace Agentic.ModelRuntime;

/// <summary>A drafter as the policy keeps it: counted, timed, and left out while it does not pay.</summary>
/// <remarks>The suffix cache is always asked: it is the source that others are measured against, and sequences pace it themselves.</remarks>
internal sealed class DrafterEntry(IDrafter drafter)
{
    private readonly SourcePace? _pace = drafter.Source == DraftSource.Suffix ? null : new SourcePace();

    public IDrafter Drafter => drafter;

    public SourceStatistics Statistics { get; } = new(drafter.Source);

    public void Begin(Sequence sequence)
    {
        drafter.Begin(sequence);

        // What comes with a request has not been heard before.
        GenerationRequest request = sequence.Generation.Request;
        if ((drafter.Source == DraftSource.Prediction && request.PredictionIds is not null)
            || (drafter.Source == DraftSource.Schema && request.CallSkeletons.Count > 0))
            _pace?.Resume();
    }

    public void Propose(Sequence sequence, DraftTree tree, int maxNodes, int maxDepth, TimeProvider clock)
    {
        if (_pace?.IsDue() == false)
            return;
        long start = clock.GetTimestamp();
        drafter.Propose(sequence, tree, maxNodes, maxDepth);
        AddSeconds(clock.GetElapsedTime(start));
        int proposed = 0;
        for (int node = 0; node < tree.Count; node++)
            proposed += tree.Claim(node, drafter.Source) > 0 ? 1 : 0;
        Statistics.AddProposed(proposed);
        _pace?.Asked();
    }

    public void Scored(Sequence sequence, DraftTree verified, StepLogits logits, int firstRow, TimeProvider clock)
    {
        if (_pace is not { IsPaused: false })
            return;
        long start = clock.GetTimestamp();
        drafter.Scored(sequence, verified, logits, firstRow);
        AddSeconds(clock.GetElapsedTime(start));
    }

    public void Observe(Sequence sequence, DraftTree verified, ReadOnlySpan<int> committed, TimeProvider clock)
    {
        long start = clock.GetTimestamp();
        drafter.Observe(sequence, verified, committed);
        AddSeconds(clock.GetElapsedTime(start));
    }

    /// <summary>Counts the source's nodes of a verified tree.</summary>
    public void Count(DraftTree verified, IReadOnlyList<int> path, double stepSeconds, double rowSeconds)
    {
        for (int node = 0, accepted = 0; node < verified.Count; node++)
        {
            bool taken = accepted < path.Count && path[accepted] == node;
            accepted += taken ? 1 : 0;
            float claim = verified.Claim(node, drafter.Source);
            if (claim == 0)
                continue;
            Statistics.AddDrafted(claim, taken);
            if (verified.IsOnly(node, drafter.Source))
                _pace?.AddNode(taken, stepSeconds, rowSeconds);
        }
    }

    private void AddSeconds(TimeSpan elapsed)
    {
        Statistics.AddSeconds(elapsed.TotalSeconds);
        _pace?.AddCost(elapsed.TotalSeconds);
    }
}
