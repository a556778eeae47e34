namespace Agentic.ModelRuntime;

/// <summary>What a level of a draft head costs: the rows that it scores; of a step's first level, what finding and fusing the target's states takes; and
/// pairs of true states that it only catches up with, of which keys and values alone are computed. Measured at start, corrected as it runs.</summary>
/// <param name="rows">Of scored rows.</param>
/// <param name="secondsPerPair">Seconds.</param>
internal sealed class LevelCost(VerifyCost rows, double secondsPerPair)
{
    private const int UsualPairs = VerifyCost.PromptRows - 1;

    // By the median of what is seen and not the few levels that were disturbed, as scored rows are, but faster, since these come more rarely.
    private const double Share = 0.5, MostSurprise = 0.1;

    // While no level is run nothing is learned: dear levels are then believed cheaper, by so much a step, down to so many times what was measured,
    // which is usual after a pass of the target, when nothing lies in the caches.
    private const double Fading = 0.0005, Usual = 1.5;

    private readonly double _usualRow = Usual * rows.Seconds(1, 0), _usualPair = Usual * secondsPerPair;
    private double _secondsPerPair = secondsPerPair, _firstSeconds;
    private int _disturbedCatchUps, _disturbedFirsts;

    /// <summary>Expected seconds of catching up with so many.</summary>
    public double PairSeconds(int pairs) => pairs * _secondsPerPair;

    /// <summary>Expected seconds of a level.</summary>
    /// <param name="scored">Rows, at least 1.</param>
    /// <param name="pairs">Beside them.</param>
    /// <param name="attendedKeys">Sum over the rows of the keys that each looks at.</param>
    /// <param name="isFirst">Of its step.</param>
    public double Seconds(int scored, int pairs, long attendedKeys, bool isFirst) =>
        rows.Seconds(scored, attendedKeys) + PairSeconds(pairs) + (isFirst ? _firstSeconds : 0);

    /// <summary>Learns from a level that took place: from a long catch-up what a pair costs, from another first level what is its own, else what rows cost.</summary>
    public void Observe(int scored, int pairs, long attendedKeys, bool isFirst, double seconds)
    {
        double expected = Seconds(scored, pairs, attendedKeys, isFirst), ratio = seconds / expected;
        if (!isFirst)
        {
            rows.Observe(scored, attendedKeys, seconds);
            return;
        }

        bool isCatchUp = pairs > EagleSequence.FewPairs * scored;
        if (!VerifyCost.IsBelieved(ratio, ref isCatchUp ? ref _disturbedCatchUps : ref _disturbedFirsts))
            return;
        double surprise = expected * Share * Math.Clamp(ratio - 1, -MostSurprise, MostSurprise);
        if (isCatchUp)
            _secondsPerPair = Math.Max(0, _secondsPerPair + (surprise / pairs));
        else
            _firstSeconds = Math.Max(0, _firstSeconds + surprise);
    }

    /// <summary>A step took place in which no level was worth it. What was dear for a while, as all is to a process whose code is not optimised yet,
    /// is to be tried again; what is dear is soon found to be so.</summary>
    public void Fade()
    {
        if (rows.Seconds(1, 0) > _usualRow)
            rows.Shorten(Fading);
        _secondsPerPair -= Fading * Math.Max(0, _secondsPerPair - _usualPair);
        _firstSeconds -= Fading * _firstSeconds;
    }

    /// <summary>Times passes of a head whose KV pool nobody uses yet.</summary>
    /// <param name="pass">Runs rows, their states fused.</param>
    /// <param name="blockSize">Pairs of a block.</param>
    /// <param name="capacity">Pairs that the pool has room for.</param>
    /// <param name="clock">Time.</param>
    /// <param name="limit">As for <see cref="VerifyCost"/>.</param>
    public static LevelCost Measure(Action<StepRows> pass, int blockSize, int capacity, TimeProvider clock, TimeSpan limit)
    {
        VerifyCost cost = VerifyCost.Measure(pass, blockSize, capacity, clock, limit);
        return new LevelCost(cost, Math.Max(0, cost.Seconds(1 + UsualPairs, 0, UsualPairs) - cost.Seconds(1, 0)) / UsualPairs);
    }
}
