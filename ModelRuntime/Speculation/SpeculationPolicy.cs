using Agentic.SuffixCache;

namespace Agentic.ModelRuntime;

/// <summary>Merges what the sources propose into one tree a sequence, and keeps the nodes that pay.</summary>
/// <remarks>
/// With sample-and-descend a node adds its probability to the expected tokens whatever else is in the tree, so the best tree of n nodes is the
/// n most probable ones, and the best n over the whole batch maximises <see cref="StepRate"/> (docs/design.md, "One tree, calibrated nodes,
/// measured cost"). n = 0 is plain decoding. Cheap sources are asked first; a draft head then adds levels as far as they raise the same rate.
/// </remarks>
internal sealed class SpeculationPolicy : IDisposable
{
    private const int MostNamespaces = 1024;

    private readonly DrafterEntry[] _entries;
    private readonly LevelGrowth? _growth;
    private readonly DrafterEntry? _growthEntry;
    private readonly VerifyCost _cost;
    private readonly StepRate _rate;
    private readonly EngineOptions _options;
    private readonly int _maxPositions;
    private readonly TimeProvider _clock;
    private readonly DraftForest _forest = new();
    private readonly NamespaceStates<Consensus[]> _consensus = new(MostNamespaces, () => [new(), new(), new()]);
    private readonly LookPace _pace = new();
    private readonly List<(Sequence Sequence, int MaxDepth)> _asked = [];
    private List<Sequence> _sequences = [];
    private float[] _falling = new float[64];
    private (int Tree, int Node)[] _nodes = new (int, int)[64];
    private bool[] _marked = new bool[64];
    private int _count;
    private (long Drafted, double Expected, long Accepted) _step;

    /// <param name="drafters">Asked in this order for one sequence at a time.</param>
    /// <param name="growth">Of a draft head, or null.</param>
    /// <param name="cost">Of verifying.</param>
    /// <param name="options">Limits.</param>
    /// <param name="maxPositions">Of the target.</param>
    /// <param name="clock">Time.</param>
    public SpeculationPolicy(
        IReadOnlyList<IDrafter> drafters, LevelGrowth? growth, VerifyCost cost, EngineOptions options, int maxPositions, TimeProvider clock)
    {
        _growth = growth;
        _growthEntry = growth is null ? null : new DrafterEntry(growth.Drafter);
        _entries = [.. drafters.Select(drafter => new DrafterEntry(drafter)), .. _growthEntry is null ? [] : (DrafterEntry[])[_growthEntry]];
        _cost = cost;
        _rate = new StepRate(cost);
        _options = options;
        _maxPositions = maxPositions;
        _clock = clock;
    }

    /// <summary>How each source fares.</summary>
    public IEnumerable<SourceStatistics> Sources => _entries.Select(entry => entry.Statistics);

    /// <summary>Predicted and actual time of steps.</summary>
    public StepTimes Times { get; } = new();

    /// <summary>All of it for a reader.</summary>
    public SpeculationReport Report() => new(
        [.. Sources.Select(s => new SourceReport(s.Label, s.Proposed, s.Drafted, s.Accepted, s.Expected, s.CalibrationError, s.Seconds))],
        Times.MedianError, _growth?.Steps ?? 0, _growth?.Levels ?? 0, _growth?.Seconds.Actual ?? 0, [.. Times.Batches]);

    public void Begin(Sequence sequence)
    {
        foreach (DrafterEntry entry in _entries)
            entry.Begin(sequence, _clock);
    }

    public void End(Sequence sequence)
    {
        foreach (DrafterEntry entry in _entries)
            entry.End(sequence, _clock);
    }

    /// <summary>The trees of a step: what was proposed, cut to what is worth its rows.</summary>
    public DraftForest Draft(Step step)
    {
        _sequences = step.Decoding;
        _step = default;
        _pace.BeginStep();
        _forest.Reset(_sequences.Count);
        bool looks = _entries.Length > 0 && _sequences.Exists(IsLookedAt);
        int most = looks ? Math.Max(0, Math.Min(_options.MaxDraftNodes * _sequences.Count, _options.MaxStepTokens - step.Rows)) : 0;
        _count = 0;
        _rate.Begin(step, most);
        (_rate.DraftSeconds, _rate.InvestedSeconds) = (most == 0 ? 0 : _pace.StepSeconds, 0);
        if (most == 0)
        {
            _growth?.Rest(step, this);
            return _forest;
        }

        long start = _clock.GetTimestamp();
        Prepare();
        int looked = 0;
        for (int i = 0; i < _sequences.Count; i++)
            looked += Propose(_sequences[i], _forest[i]) ? 1 : 0;
        _pace.Took(_clock.GetElapsedTime(start).TotalSeconds, looked);

        Rank();
        if (_growth is not null)
        {
            start = _clock.GetTimestamp();
            _growth.Grow(step, _forest, this, _clock);
            _growthEntry!.Statistics.AddSeconds(_clock.GetElapsedTime(start).TotalSeconds);
        }

        KeepWhatPays(most);
        return _forest;
    }

    /// <summary>Deepest node worth proposing for a sequence: the bonus token needs none, so there must be room for it behind.</summary>
    public int MaxDepth(Sequence sequence) => sequence.Generation.Request.Speculation
        ? Math.Max(0, Math.Min(sequence.RemainingTokens - 1, _maxPositions - sequence.Count - 1))
        : 0;

    /// <summary>The best rate with the nodes there are.</summary>
    public double Rate() => Rate(_falling.AsSpan(0, _count), 0);

    /// <summary>The best rate with other nodes.</summary>
    /// <param name="falling">Their reach, falling.</param>
    /// <param name="moreSeconds">Of drafting them.</param>
    public double Rate(ReadOnlySpan<float> falling, double moreSeconds) => _rate.Best(falling, moreSeconds, out _);

    /// <summary>Below it no node of the step pays its row.</summary>
    public float LeastReach => _rate.LeastReach;

    /// <summary>Of the step without drafts.</summary>
    public double PlainSeconds => _rate.VerifySeconds(0);

    /// <summary>Whether there may be drafts for a sequence in this step: one for which they have not paid for a while mostly goes without.</summary>
    public bool IsLookedAt(Sequence sequence) => _pace.IsDue(sequence) && MaxDepth(sequence) > 0;

    /// <summary>A draft head added a level to some trees.</summary>
    /// <param name="frontier">What it went on from.</param>
    /// <param name="proposed">Nodes.</param>
    /// <param name="chargedSeconds">That the step has to pay for.</param>
    /// <param name="expectedSeconds">That it was to take.</param>
    public void LevelAdded(ReadOnlySpan<FrontierNode> frontier, int proposed, double chargedSeconds, double expectedSeconds)
    {
        for (int first = 0, end = 0; first < frontier.Length; first = end)
        {
            int tree = frontier[first].Tree;
            while (end < frontier.Length && frontier[end].Tree == tree)
                end++;
            ConsensusOf(_sequences[tree]).Settle(_forest[tree], frontier[first..end], _sequences[tree].Record);
        }

        _rate.DraftSeconds += chargedSeconds;
        _rate.InvestedSeconds += expectedSeconds - chargedSeconds;
        _growthEntry!.Statistics.AddProposed(proposed);
        Rank();
    }

    /// <summary>A pass was made: what a draft head needs of its prompts, the rows that are not scored, is kept.</summary>
    public void Passed(StepRows rows)
    {
        if (_growth is null)
            return;
        long start = _clock.GetTimestamp();
        for (int row = rows.LogitRows.Length; row < rows.RowCount; row++)
            _growth.Drafter.States.Keep(row, rows.Slots[row]);
        _growthEntry!.Statistics.AddSeconds(_clock.GetElapsedTime(start).TotalSeconds);
    }

    /// <summary>A tree was verified: what a draft head needs of its root and of its accepted nodes is kept, where their positions lie.</summary>
    /// <param name="rows">Of the pass.</param>
    /// <param name="root">The root's row; node i's is i + 1 rows below it.</param>
    /// <param name="tree">Of the sequence.</param>
    /// <param name="path">Accepted nodes.</param>
    public void Accepted(StepRows rows, int root, DraftTree tree, IReadOnlyList<int> path)
    {
        if (_growth is null)
            return;
        long start = _clock.GetTimestamp();
        _growth.Drafter.States.Keep(root, rows.Slots[root]);
        foreach (int node in path)
            _growth.Drafter.States.Keep(root + 1 + node, rows.Slots[root + tree.Depths[node]]);
        _growthEntry!.Statistics.AddSeconds(_clock.GetElapsedTime(start).TotalSeconds);
    }

    /// <summary>A tree was scored, and nothing drawn from it yet.</summary>
    public void Scored(Sequence sequence, DraftTree verified, StepLogits logits, int firstRow)
    {
        if (!sequence.Generation.Request.Speculation)
            return;
        foreach (DrafterEntry entry in _entries)
            entry.Scored(sequence, verified, logits, firstRow, _clock);
    }

    /// <summary>Namespaces were erased.</summary>
    public void Forget(Predicate<NamespaceKey> whose)
    {
        _consensus.Forget(whose);
        _pace.Forget(whose);
        foreach (DrafterEntry entry in _entries)
            entry.Source.Forget(whose);
    }

    /// <summary>Tokens became final: drafters learn.</summary>
    /// <param name="index">Of the sequence in the step.</param>
    /// <param name="path">Accepted nodes of its tree.</param>
    /// <param name="committed">Their tokens and the bonus token.</param>
    public void Observe(int index, IReadOnlyList<int> path, ReadOnlySpan<int> committed)
    {
        Sequence sequence = _sequences[index];
        DraftTree verified = _forest[index], proposed = _forest.Proposed(index);
        double expected = System.Numerics.Tensors.TensorPrimitives.Sum(verified.Probabilities);
        _step = (_step.Drafted + verified.Count, _step.Expected + expected, _step.Accepted + path.Count);
        if (verified.Count > 0)
        {
            double stepSeconds = _cost.Seconds(1, 0), rowSeconds = (_cost.Seconds(16, 0) - stepSeconds) / 15;
            foreach (DrafterEntry entry in _entries)
                entry.Count(verified, path, stepSeconds, rowSeconds);
        }

        foreach (DrafterEntry entry in _entries)
            entry.Observe(sequence, verified, committed, _clock);

        if (proposed.Count == 0)
            return;
        sequence.Record.Learn(verified, path, committed.Length);
        Consensus consensus = ConsensusOf(sequence);
        for (int i = 0, node = -1, chosen = -1; i < committed.Length && (i == 0 || node >= 0); i++)
        {
            consensus.Learn(proposed, node, committed[i], verified, chosen);
            node = proposed.ChildOf(node, committed[i]);
            int next = chosen == Consensus.NotChosen ? -1 : verified.ChildOf(chosen, committed[i]);
            chosen = next < 0 ? Consensus.NotChosen : next;
        }
    }

    /// <summary>The tree of a sequence of the step, as it was proposed and as it fared.</summary>
    public DraftTrace Trace(int index, IReadOnlyList<int> path, ReadOnlySpan<int> committed) =>
        DraftTrace.Of(_sequences[index].Tokens[..^committed.Length], _forest.Proposed(index), _forest[index], path, committed);

    /// <summary>A step took place: the cost curve learns.</summary>
    /// <param name="rows">Of the pass.</param>
    /// <param name="unscored">Those of them that only write keys and values.</param>
    /// <param name="attendedKeys">Over all rows.</param>
    /// <param name="drafting">Spent before the pass.</param>
    /// <param name="rest">Spent on the pass and after it.</param>
    public void ObserveCost(int rows, int unscored, long attendedKeys, TimeSpan drafting, TimeSpan rest)
    {
        double predicted = _rate.DraftSeconds + _rate.InvestedSeconds + _cost.Seconds(rows, attendedKeys, unscored);
        double prompt = _rate.PromptSeconds((int)_step.Drafted, rest.TotalSeconds);
        Times.Add(predicted, (drafting + rest).TotalSeconds, prompt, _rate.Sequences, _step.Drafted, _step.Expected, _step.Accepted);
        _cost.Observe(rows, attendedKeys, rest.TotalSeconds, unscored);
    }

    public void Dispose() => _growth?.Drafter.Dispose();

    private void Prepare()
    {
        if (_sequences.Count == 1)
            return;
        _asked.Clear();
        foreach (Sequence sequence in _sequences)
        {
            if (IsLookedAt(sequence))
                _asked.Add((sequence, MaxDepth(sequence)));
        }

        foreach (DrafterEntry entry in _entries)
            entry.Prepare(_asked, _options.MaxDraftNodes, _clock);
    }

    /// <returns>False for a sequence that is not looked at in this step.</returns>
    private bool Propose(Sequence sequence, DraftTree tree)
    {
        if (!IsLookedAt(sequence))
            return false;
        int maxDepth = MaxDepth(sequence);
        foreach (DrafterEntry entry in _entries)
            entry.Propose(sequence, tree, _options.MaxDraftNodes, maxDepth, _clock);

        // What the grammar forbids will not be drawn.
        if (sequence.Sampler.Constraint is { IsActive: true } constraint)
        {
            Span<bool> allowed = stackalloc bool[tree.Count];
            for (int i = 0; i < tree.Count; i++)
                allowed[i] = tree.Parents[i] < 0 ? constraint.Allows(tree.TokenIds[i]) : allowed[tree.Parents[i]];
            tree.Keep(allowed);
        }

        if (tree.Count > 0)
            ConsensusOf(sequence).Settle(tree, sequence.Record);
        return true;
    }

    private Consensus ConsensusOf(Sequence sequence) => _consensus.Of(sequence.Generation.Request.Namespace)[
        sequence.Sampler.Parameters.Temperature switch { 0 => 0, <= 0.7f => 1, _ => 2 }];

    /// <summary>Lists all nodes of the batch, the likeliest first. One that ends the sequence is worth nothing, though it is likely: its token is
    /// drawn from its parent's row, and nothing is wanted after it.</summary>
    private void Rank()
    {
        _count = 0;
        for (int tree = 0; tree < _forest.Count; tree++)
        {
            DraftTree own = _forest[tree];
            Span<bool> ended = MarkedFor(own.Count);
            for (int node = 0; node < own.Count; node++)
            {
                int parent = own.Parents[node];
                ended[node] = (parent >= 0 && ended[parent]) || _sequences[tree].IsStop(own.TokenIds[node]);
                if (ended[node])
                    continue;
                if (_count == _falling.Length)
                    Grow();
                _falling[_count] = -own.Probabilities[node];
                _nodes[_count++] = (tree, node);
            }
        }

        Span<float> falling = _falling.AsSpan(0, _count);
        falling.Sort(_nodes.AsSpan(0, _count));
        System.Numerics.Tensors.TensorPrimitives.Negate(falling, falling);
    }

    private void KeepWhatPays(int most)
    {
        ReadOnlySpan<float> falling = _falling.AsSpan(0, Math.Min(_count, most));
        _rate.Best(falling, 0, out int kept);
        double saved = _rate.SavedPerToken(falling[..kept]);
        for (int tree = 0; tree < _forest.Count; tree++)
        {
            DraftTree own = _forest[tree];
            _forest.Proposed(tree).CopyFrom(own);
            Span<bool> marked = MarkedFor(own.Count);
            marked.Clear();
            int left = _options.MaxDraftNodes;
            for (int at = 0; at < kept && left > 0; at++)
            {
                if (_nodes[at].Tree == tree)
                    (marked[_nodes[at].Node], left) = (true, left - 1);
            }

            own.Keep(marked);
            if (IsLookedAt(_sequences[tree]))
                _pace.Saved(_sequences[tree], own.Count == 0 ? 0 : saved * System.Numerics.Tensors.TensorPrimitives.Sum(own.Probabilities));
        }

        foreach (Sequence sequence in _sequences)
        {
            if (IsLookedAt(sequence))
                _pace.Set(sequence);
        }
    }

    private Span<bool> MarkedFor(int count)
    {
        if (_marked.Length < count)
            _marked = new bool[count * 2];
        return _marked.AsSpan(0, count);
    }

    private void Grow()
    {
        Array.Resize(ref _falling, _falling.Length * 2);
        Array.Resize(ref _nodes, _nodes.Length * 2);
    }
}
