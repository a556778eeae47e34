namespace Agentic.ModelRuntime;

/// <summary>Grows the trees of a step by a draft head, a level at a time, each level as far as it raises the step's rate.</summary>
/// <remarks>
/// Before a level is run its children are predicted from what such children were worth before; they are added to the nodes there are, and the
/// rate with them and with the head's time is compared with the rate without: eagle.md §6.6. Nodes are taken in the order of what they promise,
/// so that a batch's hopeless sequences, and a beam's, are left out.
/// </remarks>
internal sealed class LevelGrowth(EagleDrafter drafter, VerifyCost cost, DraftCheck? check = null)
{
    // Prediction is not worth a level for less.
    private const double LeastGain = 1.02;

    // Levels beyond the next one that are reckoned with, along the likeliest path: the first may pay only by those it leads to.
    private const int LookAhead = 3;

    // Of a pair that is only caught up with, keys and values are computed: a quarter of a row's time.
    private const int PairsOfARow = 4;

    // A longer catch-up serves later steps too: this share of its time is charged to the step.
    private const int FullyChargedPairs = 16;
    private const double InvestmentShare = 1.0 / 16;

    // Where the head does not pay it is asked so seldom, to see whether it would.
    private const int FirstProbe = 64, LastProbe = 1024;

    // √(0.15 · H) above 0.3, and a beam that is unlikely as a whole: the published rules.
    private const float MostEntropy = 0.3f * 0.3f / 0.15f, LeastBeam = 0.4f;

    private readonly List<FrontierNode> _frontier = [];
    private float[] _promises = new float[64];
    private FrontierNode[] _sorted = new FrontierNode[64];
    private float[] _predicted = new float[256];
    private int _probeAfter = FirstProbe, _sinceRun;

    public EagleDrafter Drafter => drafter;

    /// <summary>How the head did when it was loaded, where that was looked at.</summary>
    public DraftCheck? Check => check;

    /// <summary>Levels run.</summary>
    public long Levels { get; private set; }

    /// <summary>Steps in which the head ran.</summary>
    public long Steps { get; private set; }

    /// <summary>Seconds that levels took, and seconds that they were expected to take.</summary>
    public (double Actual, double Expected) Seconds { get; private set; }

    /// <summary>Adds levels to the step's trees.</summary>
    /// <param name="step">Its sequences.</param>
    /// <param name="forest">Their trees, with the nodes of other sources.</param>
    /// <param name="policy">Knows the nodes' worth.</param>
    /// <param name="clock">Time.</param>
    public void Grow(Step step, DraftForest forest, SpeculationPolicy policy, TimeProvider clock)
    {
        drafter.BeginStep(step.Decoding);
        for (int level = 0; ; level++)
        {
            _frontier.Clear();
            for (int i = 0; i < step.Decoding.Count; i++)
            {
                int maxDepth = policy.MaxDepth(step.Decoding[i]);
                if (level > 0)
                    drafter.AddFrontier(step.Decoding[i], forest[i], i, maxDepth, _frontier);
                else if (maxDepth > 0)
                    drafter.AddRoot(step.Decoding[i], forest[i], i, _frontier);
            }

            int count = _frontier.Count == 0 ? 0 : Choose(level, step, policy);
            if (count == 0)
                return;
            Run(_sorted.AsSpan(0, count), step, forest, policy, clock);
            Steps += level == 0 ? 1 : 0;
        }
    }

    private void Run(Span<FrontierNode> chosen, Step step, DraftForest forest, SpeculationPolicy policy, TimeProvider clock)
    {
        chosen.Sort(static (a, b) => a.Tree != b.Tree ? a.Tree - b.Tree : a.Node - b.Node);
        int pairs = 0;
        foreach (FrontierNode node in chosen)
            pairs += node.Rows - 1;
        int rows = RowsOf(chosen.Length, pairs);
        long start = clock.GetTimestamp();
        long attended = drafter.Run(chosen, step.Decoding, forest);
        double expected = cost.Seconds(rows, attended), actual = clock.GetElapsedTime(start).TotalSeconds;
        cost.Observe(rows, attended, actual);
        Seconds = (Seconds.Actual + actual, Seconds.Expected + expected);
        Levels++;
        policy.LevelAdded(chosen, drafter.LastProposed, expected, actual);
    }

    /// <summary>How many nodes of the frontier to go on from; they are the first of <see cref="_sorted"/>.</summary>
    private int Choose(int level, Step step, SpeculationPolicy policy)
    {
        Sort(step);
        if (drafter.Options.Stop != DraftStop.Rate)
            return GoesOn(level) ? _frontier.Count : 0;

        double without = policy.Rate([], 0), best = without * LeastGain;
        int chosen = 0;
        for (int count = 1; count <= _frontier.Count; count = count < _frontier.Count ? Math.Min(_frontier.Count, 2 * count) : count + 1)
        {
            double rate = RateWith(count, step, policy);
            if (rate > best)
                (best, chosen) = (rate, count);
        }

        if (level > 0)
            return chosen;
        _sinceRun++;
        if (chosen > 0)
            (_probeAfter, _sinceRun) = (FirstProbe, 0);
        else if (_sinceRun >= _probeAfter)
            (_probeAfter, _sinceRun, chosen) = (Math.Min(2 * _probeAfter, LastProbe), 0, 1);
        return chosen;
    }

    private bool GoesOn(int level) => level == 0 || drafter.Options.Stop switch
    {
        DraftStop.Entropy => drafter.LastEntropy <= MostEntropy,
        DraftStop.Beam => _frontier.Sum(node => node.Reach) >= LeastBeam,
        _ => true,
    };

    /// <summary>Orders the frontier by what it promises for its rows.</summary>
    private void Sort(Step step)
    {
        if (_sorted.Length < _frontier.Count)
        {
            _sorted = new FrontierNode[2 * _frontier.Count];
            _promises = new float[_sorted.Length];
        }

        for (int i = 0; i < _frontier.Count; i++)
        {
            _sorted[i] = _frontier[i];
            _promises[i] = -_frontier[i].Reach * drafter.Promise(step.Decoding[_frontier[i].Tree], 0, _frontier[i].Depth, _frontier[i].Covered);
        }

        _promises.AsSpan(0, _frontier.Count).Sort(_sorted.AsSpan(0, _frontier.Count));
    }

    /// <summary>The best rate if the head goes on from so many nodes, by as many further levels as are best.</summary>
    private double RateWith(int count, Step step, SpeculationPolicy policy)
    {
        int pairs = 0, most = (drafter.Options.Children + LookAhead) * count;
        long attended = 0;
        if (_predicted.Length < most)
            _predicted = new float[2 * most];
        int predicted = 0;
        for (int i = 0; i < count; i++)
        {
            FrontierNode node = _sorted[i];
            Sequence sequence = step.Decoding[node.Tree];
            pairs += node.Rows - 1;
            attended += sequence.Count;
            for (int rank = 0; rank < drafter.Options.Children; rank++)
                _predicted[predicted++] = node.Reach * drafter.Promise(sequence, rank, node.Depth, node.Covered);
        }

        double seconds = cost.Seconds(RowsOf(count, Math.Min(pairs, FullyChargedPairs)), attended);
        seconds += InvestmentShare * Math.Max(0, cost.Seconds(RowsOf(count, pairs), attended) - seconds);
        double best = policy.Rate(Falling(predicted), seconds);
        for (int ahead = 1; ahead <= LookAhead; ahead++)
        {
            for (int i = 0; i < count; i++)
            {
                FrontierNode node = _sorted[i];
                Sequence sequence = step.Decoding[node.Tree];
                float reach = node.Reach * drafter.Promise(sequence, 0, node.Depth, node.Covered);
                for (int depth = 1; depth <= ahead; depth++)
                    reach *= drafter.Gain(sequence, 0, node.Depth + depth, 0);
                _predicted[predicted++] = reach;
            }

            seconds += cost.Seconds(count, 0);
            best = Math.Max(best, policy.Rate(Falling(predicted), seconds));
        }

        return best;
    }

    private static int RowsOf(int scored, int pairs) => scored + ((pairs + PairsOfARow - 1) / PairsOfARow);

    private Span<float> Falling(int count)
    {
        Span<float> predicted = _predicted.AsSpan(0, count);
        predicted.Sort(static (a, b) => b.CompareTo(a));
        return predicted;
    }
}
