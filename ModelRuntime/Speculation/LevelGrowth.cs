namespace Agentic.ModelRuntime;

/// <summary>Grows the trees of a step by a draft head, a level at a time, each level as far as it raises the step's rate.</summary>
/// <remarks>
/// Before a level is run <see cref="LevelForecast"/> foretells the best rate with it, the head's time included, and that is compared with the rate
/// without: eagle.md §6.6. Nodes are taken in the order of what they promise, so that a batch's hopeless sequences, and a beam's, are left out.
/// </remarks>
internal sealed class LevelGrowth(EagleDrafter drafter, LevelCost cost, DraftCheck? check = null)
{
    // What is foretold is not worth a level for less: of what the sequences bring that are asked about.
    private const double LeastGain = 0.01;

    // Where the head does not pay, this share of the time is spent on seeing whether it would, and less the longer it does not: half of it after
    // so many probes, a third after twice as many.
    private const double ProbeShare = 0.005;
    private const int LeastBetweenProbes = 64, Patience = 8;

    // √(0.15 · H) above 0.3, and a beam that is unlikely as a whole: the published rules.
    private const float MostEntropy = 0.3f * 0.3f / 0.15f, LeastBeam = 0.4f;

    private readonly List<FrontierNode> _frontier = [];
    private float[] _promises = new float[64];
    private FrontierNode[] _sorted = new FrontierNode[64];
    private readonly LevelForecast _forecast = new(drafter);
    private double _probeSeconds;
    private int _sinceProbe, _probesInVain;
    private bool _isProbe;

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
        long since = clock.GetTimestamp();
        Begin(step, policy);
        double without = policy.Rate();
        for (int level = 0; ; level++)
        {
            _frontier.Clear();
            for (int i = 0; i < step.Decoding.Count; i++)
            {
                Sequence sequence = step.Decoding[i];
                if (!policy.IsLookedAt(sequence))
                    continue;
                if (level == 0)
                    drafter.AddRoot(sequence, forest[i], i, _frontier);
                else
                    drafter.AddFrontier(sequence, forest[i], i, policy.MaxDepth(sequence), _frontier);
            }

            int count = _frontier.Count == 0 ? 0 : Choose(level, step, forest, policy);
            if (count == 0)
            {
                if (level > 0)
                    LearnSaved(step, without, policy.Rate());
                else
                    cost.Fade();
                return;
            }

            Run(_sorted.AsSpan(0, count), step, forest, policy, clock, ref since);
            Steps += level == 0 ? 1 : 0;
        }
    }

    /// <summary>A step takes place without drafts.</summary>
    public void Rest(Step step, SpeculationPolicy policy)
    {
        Begin(step, policy);
        cost.Fade();
    }

    private void Begin(Step step, SpeculationPolicy policy)
    {
        drafter.BeginStep(step.Decoding);
        _probeSeconds += ProbeShare * policy.PlainSeconds * Patience / (Patience + _probesInVain);
        _sinceProbe++;
    }

    /// <param name="chosen">Of the frontier.</param>
    /// <param name="step">Its sequences.</param>
    /// <param name="forest">Their trees.</param>
    /// <param name="policy">Knows the nodes' worth.</param>
    /// <param name="clock">Time.</param>
    /// <param name="since">When the last level was done, then this one. To decide on a level and to take over an ended sequence's pairs is a part of its cost.</param>
    private void Run(Span<FrontierNode> chosen, Step step, DraftForest forest, SpeculationPolicy policy, TimeProvider clock, ref long since)
    {
        chosen.Sort(static (a, b) => a.Tree != b.Tree ? a.Tree - b.Tree : a.Node - b.Node);
        int pairs = 0;
        foreach (FrontierNode node in chosen)
            pairs += node.Rows - 1;
        bool isFirst = chosen[0].Node < 0;
        double charged = SecondsOf(chosen, step);
        long attended = drafter.Run(chosen, step.Decoding, forest);
        double expected = cost.Seconds(chosen.Length, pairs, attended, isFirst);
        policy.LevelAdded(chosen, drafter.LastProposed, Math.Min(charged, expected), expected);
        long now = clock.GetTimestamp();
        double actual = clock.GetElapsedTime(since, now).TotalSeconds;
        since = now;
        cost.Observe(chosen.Length, pairs, attended, isFirst, actual);
        if (_isProbe)
            (_isProbe, _probeSeconds) = (false, Math.Min(0, expected - actual));   // one that took longer puts off the next
        Seconds = (Seconds.Actual + actual, Seconds.Expected + expected);
        Levels++;
    }

    /// <summary>How many nodes of the frontier to go on from; they are the first of <see cref="_sorted"/>.</summary>
    private int Choose(int level, Step step, DraftForest forest, SpeculationPolicy policy)
    {
        Sort(step);
        if (drafter.Options.Stop != DraftStop.Rate)
            return GoesOn(level) ? _frontier.Count : 0;

        int chosen = Best(Promising(policy), step, forest, policy, out double rate);
        if (level > 0)
            return chosen;
        int kept = LeaveOut(chosen, rate, step, policy);
        if (kept < chosen)
            chosen = Best(kept, step, forest, policy, out _);
        if (chosen > 0)
            _probesInVain = 0;
        return chosen == 0 && Probes(step) ? 1 : chosen;
    }

    /// <summary>With how many of the first of <see cref="_sorted"/>, at most, the rate is best, and that rate; without the level where none is worth it.</summary>
    private int Best(int most, Step step, DraftForest forest, SpeculationPolicy policy, out double best)
    {
        double without = best = policy.Rate();
        int chosen = 0;
        for (int count = 1; count <= most; count = count < most ? Math.Min(most, 2 * count) : count + 1)
        {
            ReadOnlySpan<FrontierNode> asked = _sorted.AsSpan(0, count);
            double rate = _forecast.Rate(asked, step, forest, policy, SecondsOf(asked, step), cost.Seconds(count, 0, 0, isFirst: false));
            double least = 1 + (LeastGain * Math.Min(1, (double)count / step.Decoding.Count));
            if (rate > best && rate > least * without)
                (best, chosen) = (rate, count);
        }

        return chosen;
    }

    /// <summary>Leaves out sequences that are not worth the catch-up that they need, and says how many are left. What a level costs is shared by
    /// those that it is run for, and so is what it saves.</summary>
    /// <param name="chosen">Sequences that it would pay for, if the head knew them.</param>
    /// <param name="with">The rate then.</param>
    /// <param name="step">Its sequences.</param>
    /// <param name="policy">Knows the rate without.</param>
    private int LeaveOut(int chosen, double with, Step step, SpeculationPolicy policy)
    {
        int kept = 0;
        double saved = chosen == 0 ? 0 : step.Decoding.Count * ((1 / policy.Rate()) - (1 / with)) / chosen;
        double tokens = with * policy.PlainSeconds / step.Decoding.Count;
        for (int i = 0; i < _frontier.Count; i++)
        {
            FrontierNode node = _sorted[i];
            Sequence sequence = step.Decoding[node.Tree];
            if (drafter.Of(sequence).IsWorthCatchUp(sequence, node.Rows - 1, i < chosen ? saved : 0, tokens, cost) && i < chosen)
                _sorted[kept++] = node;
        }

        return kept;
    }

    /// <summary>How many nodes promise more than any row costs.</summary>
    private int Promising(SpeculationPolicy policy)
    {
        int count = 0;
        while (count < _frontier.Count && -_promises[count] >= policy.LeastReach)
            count++;
        return count;
    }

    private void LearnSaved(Step step, double without, double with)
    {
        int ran = step.Decoding.Count(sequence => sequence.Generation.Request.Speculation && drafter.Of(sequence).HasRun);
        double saved = Math.Max(0, step.Decoding.Count * ((1 / without) - (1 / with)) / Math.Max(1, ran));
        foreach (Sequence sequence in step.Decoding.Where(sequence => sequence.Generation.Request.Speculation))
            drafter.Of(sequence).Saved(saved);
    }

    /// <summary>Whether a share of the time that passed without the head is enough to try it: on the last pairs of the most promising sequence, which
    /// show whether it is of any use again.</summary>
    private bool Probes(Step step)
    {
        _sorted[0] = _sorted[0] with { Rows = Math.Min(_sorted[0].Rows, 1 + EagleSequence.FewPairs) };
        double needed = cost.Seconds(1, _sorted[0].Rows - 1, step.Decoding[_sorted[0].Tree].Count, isFirst: true);
        if (_probeSeconds < needed || _sinceProbe < LeastBetweenProbes)
            return false;
        (_isProbe, _sinceProbe, _probesInVain) = (true, 0, _probesInVain + 1);
        return true;
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
            _promises[i] = -_forecast.Promise(step.Decoding[_frontier[i].Tree], _frontier[i]);
        }

        _promises.AsSpan(0, _frontier.Count).Sort(_sorted.AsSpan(0, _frontier.Count));
    }

    /// <summary>What a level costs the step: a long catch-up, which serves later steps too, is left out.</summary>
    private double SecondsOf(ReadOnlySpan<FrontierNode> asked, Step step)
    {
        long attended = 0;
        int pairs = 0;
        foreach (FrontierNode node in asked)
        {
            attended += step.Decoding[node.Tree].Count;
            pairs += EagleSequence.PairsCharged(node.Rows - 1);
        }

        return cost.Seconds(asked.Length, pairs, attended, isFirst: asked[0].Node < 0);
    }
}
