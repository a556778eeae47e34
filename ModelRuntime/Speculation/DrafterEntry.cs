namespace Agentic.ModelRuntime;

/// <summary>A source as the policy keeps it: counted, timed, and left out while it does not pay.</summary>
/// <remarks>The suffix cache is always asked: it is the source that others are measured against, and sequences pace it themselves. A draft head
/// is paced by <see cref="LevelGrowth"/>.</remarks>
internal sealed class DrafterEntry(IDraftSource source)
{
    private readonly SourcePace? _pace = source.Source is DraftSource.Suffix or DraftSource.Eagle ? null : new SourcePace();

    public IDraftSource Source => source;

    public SourceStatistics Statistics { get; } = new(source.Source);

    public void Begin(Sequence sequence, TimeProvider clock)
    {
        long start = clock.GetTimestamp();
        source.Begin(sequence);
        AddSeconds(clock.GetElapsedTime(start));

        // What comes with a request has not been heard before.
        GenerationRequest request = sequence.Generation.Request;
        if ((source.Source == DraftSource.Prediction && request.PredictionIds is not null)
            || (source.Source == DraftSource.Schema && request.CallSkeletons.Count > 0))
            _pace?.Resume();
    }

    public void End(Sequence sequence, TimeProvider clock)
    {
        long start = clock.GetTimestamp();
        source.End(sequence);
        AddSeconds(clock.GetElapsedTime(start));
    }

    /// <summary>Tells what will be asked.</summary>
    public void Prepare(IReadOnlyList<(Sequence Sequence, int MaxDepth)> asked, int maxNodes, TimeProvider clock)
    {
        if (source is not IDrafter drafter)
            return;
        long start = clock.GetTimestamp();
        drafter.Prepare(asked, maxNodes);
        AddSeconds(clock.GetElapsedTime(start));
    }

    /// <summary>Asks a source that is asked for one sequence at a time.</summary>
    public void Propose(Sequence sequence, DraftTree tree, int maxNodes, int maxDepth, TimeProvider clock)
    {
        if (source is not IDrafter drafter || _pace?.IsDue() == false)
            return;
        long start = clock.GetTimestamp();
        drafter.Propose(sequence, tree, maxNodes, maxDepth);
        AddSeconds(clock.GetElapsedTime(start));
        int proposed = 0;
        for (int node = 0; node < tree.Count; node++)
            proposed += tree.Claim(node, source.Source) > 0 ? 1 : 0;
        Statistics.AddProposed(proposed);
        _pace?.Asked();
    }

    public void Scored(Sequence sequence, DraftTree verified, StepLogits logits, int firstRow, TimeProvider clock)
    {
        if (_pace is not { IsPaused: false })
            return;
        long start = clock.GetTimestamp();
        source.Scored(sequence, verified, logits, firstRow);
        AddSeconds(clock.GetElapsedTime(start));
    }

    public void Observe(Sequence sequence, DraftTree verified, ReadOnlySpan<int> committed, TimeProvider clock)
    {
        long start = clock.GetTimestamp();
        source.Observe(sequence, verified, committed);
        AddSeconds(clock.GetElapsedTime(start));
    }

    /// <summary>Counts the source's nodes of a verified tree, by the probability that all sources together gave them.</summary>
    public void Count(DraftTree verified, IReadOnlyList<int> path, double stepSeconds, double rowSeconds)
    {
        for (int node = 0, accepted = 0; node < verified.Count; node++)
        {
            bool taken = accepted < path.Count && path[accepted] == node;
            accepted += taken ? 1 : 0;
            if (verified.Claim(node, source.Source) == 0)
                continue;
            Statistics.AddDrafted(verified.Probabilities[node], taken);
            if (verified.IsOnly(node, source.Source))
                _pace?.AddNode(taken, stepSeconds, rowSeconds);
        }
    }

    private void AddSeconds(TimeSpan elapsed)
    {
        Statistics.AddSeconds(elapsed.TotalSeconds);
        _pace?.AddCost(elapsed.TotalSeconds);
    }
}
