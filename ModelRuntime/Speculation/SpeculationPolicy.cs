using Agentic.SuffixCache;

namespace Agentic.ModelRuntime;

/// <summary>Merges what the drafters propose into one tree a sequence, and keeps the nodes that pay.</summary>
/// <remarks>
/// With sample-and-descend a node adds its probability to the expected tokens whatever else is in the tree, so the best tree of n nodes is the
/// n most probable ones, and the best n over the whole batch maximises (sequences + Σ probabilities) / (T_draft + T_verify(rows + n)): every n is
/// tried, since the cost curve has steps (docs/design.md, "One tree, calibrated nodes, measured cost"). n = 0 is plain decoding.
/// </remarks>
internal sealed class SpeculationPolicy
{
    private readonly DrafterEntry[] _drafters;
    private readonly VerifyCost _cost;
    private readonly EngineOptions _options;
    private readonly int _maxPositions;
    private readonly TimeProvider _clock;
    private readonly DraftForest _forest = new();
    private float[] _keys = new float[64];
    private (int Tree, int Node)[] _nodes = new (int, int)[64];
    private bool[] _marked = new bool[64];
    private double _draftSeconds;

    public SpeculationPolicy(IReadOnlyList<IDrafter> drafters, VerifyCost cost, EngineOptions options, int maxPositions, TimeProvider clock)
    {
        _drafters = [.. drafters.Select(drafter => new DrafterEntry(drafter))];
        _cost = cost;
        _options = options;
        _maxPositions = maxPositions;
        _clock = clock;
    }

    /// <summary>How each source fares.</summary>
    public IEnumerable<SourceStatistics> Sources => _drafters.Select(entry => entry.Statistics);

    public void Begin(Sequence sequence)
    {
        foreach (DrafterEntry entry in _drafters)
            entry.Begin(sequence);
    }

    public void End(Sequence sequence)
    {
        foreach (DrafterEntry entry in _drafters)
            entry.Drafter.End(sequence);
    }

    /// <summary>The trees of a step: what was proposed, cut to what is worth its rows.</summary>
    public DraftForest Draft(Step step)
    {
        _forest.Reset(step.Decoding.Count);
        int most = _options.MaxDraftNodes, rowsLeft = _options.MaxStepTokens - step.Rows;
        if (most == 0 || rowsLeft <= 0 || _drafters.Length == 0)
            return _forest;

        long start = _clock.GetTimestamp();
        for (int i = 0; i < step.Decoding.Count; i++)
            Propose(step.Decoding[i], _forest[i], Math.Min(most, rowsLeft));
        double drafting = _clock.GetElapsedTime(start).TotalSeconds;
        _draftSeconds += 0.05 * (Math.Min(drafting, (4 * _draftSeconds) + 1e-5) - _draftSeconds);

        KeepWhatPays(step, rowsLeft);
        return _forest;
    }

    /// <summary>A tree was scored, and nothing drawn from it yet.</summary>
    public void Scored(Sequence sequence, DraftTree verified, StepLogits logits, int firstRow)
    {
        if (!sequence.Generation.Request.Speculation)
            return;
        foreach (DrafterEntry entry in _drafters)
            entry.Scored(sequence, verified, logits, firstRow, _clock);
    }

    /// <summary>Namespaces were erased.</summary>
    public void Forget(Predicate<NamespaceKey> whose)
    {
        foreach (DrafterEntry entry in _drafters)
            entry.Drafter.Forget(whose);
    }

    /// <summary>Tokens became final: drafters learn.</summary>
    public void Observe(Sequence sequence, DraftTree verified, IReadOnlyList<int> path, ReadOnlySpan<int> committed)
    {
        double stepSeconds = _cost.Seconds(1, 0), rowSeconds = (_cost.Seconds(16, 0) - stepSeconds) / 15;
        foreach (DrafterEntry entry in _drafters)
        {
            entry.Count(verified, path, stepSeconds, rowSeconds);
            entry.Observe(sequence, verified, committed, _clock);
        }
    }

    /// <summary>A step took place: the cost curve learns.</summary>
    public void ObserveCost(int rows, long attendedKeys, TimeSpan elapsed) => _cost.Observe(rows, attendedKeys, elapsed.TotalSeconds);

    private void Propose(Sequence sequence, DraftTree tree, int maxNodes)
    {
        // The bonus token needs no node, so the deepest useful node leaves room for it in the budget and in the context.
        int maxDepth = Math.Min(sequence.RemainingTokens - 1, _maxPositions - sequence.Count - 1);
        if (!sequence.Generation.Request.Speculation || maxDepth <= 0 || sequence.DraftPause-- > 0)
            return;
        foreach (DrafterEntry entry in _drafters)
            entry.Propose(sequence, tree, maxNodes, maxDepth, _clock);

        // What the grammar forbids will not be drawn.
        if (sequence.Sampler.Constraint is { IsActive: true } constraint)
        {
            Span<bool> allowed = stackalloc bool[tree.Count];
            for (int i = 0; i < tree.Count; i++)
                allowed[i] = tree.Parents[i] < 0 ? constraint.Allows(tree.TokenIds[i]) : allowed[tree.Parents[i]];
            tree.Keep(allowed);
        }

        // Each source fills a tree of its own; together they share one.
        if (tree.Count > maxNodes)
            KeepLikeliest(tree, maxNodes);
    }

    private void KeepLikeliest(DraftTree tree, int most)
    {
        for (int node = 0; node < tree.Count; node++)
        {
            if (node == _keys.Length)
                Grow();
            (_keys[node], _nodes[node]) = (-tree.Probabilities[node], (0, node));
        }

        _keys.AsSpan(0, tree.Count).Sort(_nodes.AsSpan(0, tree.Count));
        Span<bool> marked = MarkedFor(tree.Count);
        marked.Clear();
        for (int i = 0; i < most; i++)
            marked[_nodes[i].Node] = true;
        tree.Keep(marked);
    }

    private void KeepWhatPays(Step step, int rowsLeft)
    {
        int count = 0;
        for (int tree = 0; tree < _forest.Count; tree++)
        {
            ReadOnlySpan<float> probabilities = _forest[tree].Probabilities;
            for (int node = 0; node < probabilities.Length; node++)
            {
                if (count == _keys.Length)
                    Grow();
                _keys[count] = -probabilities[node];
                _nodes[count++] = (tree, node);
            }
        }

        _keys.AsSpan(0, count).Sort(_nodes.AsSpan(0, count));
        int kept = BestCount(step, Math.Min(count, rowsLeft));
        for (int tree = 0, at = 0; tree < _forest.Count; tree++, at = 0)
        {
            Span<bool> marked = MarkedFor(_forest[tree].Count);
            marked.Clear();
            for (; at < kept; at++)
            {
                if (_nodes[at].Tree == tree)
                    marked[_nodes[at].Node] = true;
            }

            _forest[tree].Keep(marked);
            Pace(step.Decoding[tree], paid: _forest[tree].Count > 0);
        }
    }

    /// <summary>Where memory has nothing to say, looking costs a few percent of a small model's step: after a run of drafts that did not pay,
    /// only every second step is looked at, then every fourth. One that pays ends it.</summary>
    private static void Pace(Sequence sequence, bool paid)
    {
        if (sequence.DraftPause >= 0)
            return;
        sequence.UnpaidDrafts = paid ? 0 : sequence.UnpaidDrafts + 1;
        sequence.DraftPause = sequence.UnpaidDrafts switch { < 4 => 0, < 8 => 1, _ => 3 };
    }

    /// <summary>The number of best nodes that maximises expected tokens per second. The time of prompt rows is spent either way: measured by a
    /// whole prefill step's rate, nearly every node would seem to pay.</summary>
    private int BestCount(Step step, int most)
    {
        long decoding = 0, attended = 0;
        foreach (Sequence sequence in step.Decoding)
            decoding += sequence.Count;
        foreach ((Sequence sequence, int tokens) in step.Prefilling)
            attended += (long)tokens * (sequence.KvLength + (tokens / 2));
        attended += decoding;
        double decode = _cost.Seconds(step.Decoding.Count, decoding), prefill = _cost.Seconds(step.Rows, attended) - decode;

        double expected = step.Decoding.Count, bestRate = expected / (_draftSeconds + decode);
        int best = 0;
        for (int n = 1; n <= most; n++)
        {
            Sequence sequence = step.Decoding[_nodes[n - 1].Tree];
            expected -= _keys[n - 1];
            attended += sequence.Count;
            double rate = expected / (_draftSeconds + Math.Max(decode, _cost.Seconds(step.Rows + n, attended) - prefill));
            if (rate > bestRate)
                (best, bestRate) = (n, rate);
        }

        return best;
    }

    private Span<bool> MarkedFor(int count)
    {
        if (_marked.Length < count)
            _marked = new bool[count * 2];
        return _marked.AsSpan(0, count);
    }

    private void Grow()
    {
        Array.Resize(ref _keys, _keys.Length * 2);
        Array.Resize(ref _nodes, _nodes.Length * 2);
    }
}
