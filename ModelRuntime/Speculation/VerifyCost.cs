using System.Numerics;

namespace Agentic.ModelRuntime;

/// <summary>What a forward pass costs, by rows and by how far they look back: measured at start, corrected as it runs.</summary>
/// <remarks>The curve is kept as measured, steps and all: more rows can cost less than fewer, so whoever chooses a number of rows scans them all. It is of
/// scored rows; a prompt's, which but for the last are not, take less.</remarks>
public sealed class VerifyCost
{
    /// <summary>Of a prompt by which it is measured what a row less to score saves.</summary>
    internal const int PromptRows = 64;

    private static readonly int[] Grid = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512];

    // A pass that took longer than was said moves its point of the curve, and the whole curve: machines are slower at times. Neither moves
    // further for a pass twice as long, so that the curve follows the median of what is seen and not the few that were disturbed.
    private const double PointShare = 0.2, CurveShare = 0.2, MostSurprise = 0.1;
    private const int MostDisturbed = 8;

    // What is left of a pass at the least where few of its rows are scored.
    private const double LeastShare = 0.05;

    private readonly double[] _seconds;
    private readonly double _secondsPerAttendedKey;
    private double _pace = 1, _savedPerUnscored;
    private int _disturbed;

    /// <summary>A curve over the first grid points, and the cost of one row looking at one more key.</summary>
    /// <param name="seconds">Seconds of 1, 2, 3, 4, 6, 8, … rows without context; as many points as were measured, at least one.</param>
    /// <param name="secondsPerAttendedKey">Seconds.</param>
    public VerifyCost(ReadOnlySpan<double> seconds, double secondsPerAttendedKey)
    {
        ArgumentOutOfRangeException.ThrowIfZero(seconds.Length);
        _seconds = new double[Grid.Length];
        for (int i = 0; i < Grid.Length; i++)
        {
            // Beyond what was measured the last slope goes on.
            _seconds[i] = i < seconds.Length ? seconds[i] : _seconds[i - 1] * Grid[i] / Grid[i - 1];
        }

        _secondsPerAttendedKey = secondsPerAttendedKey;
    }

    /// <summary>The same curve, to be corrected on its own.</summary>
    public VerifyCost Copy() => new(_seconds, _secondsPerAttendedKey) { _pace = _pace, _savedPerUnscored = _savedPerUnscored };

    /// <summary>Measured or corrected points: rows, and seconds without context.</summary>
    public IEnumerable<(int Rows, double Seconds)> Points => Grid.Zip(_seconds, (rows, seconds) => (rows, _pace * seconds));

    /// <summary>Expected seconds of a pass.</summary>
    /// <param name="rows">At least 1.</param>
    /// <param name="attendedKeys">Sum over rows of the keys each looks at.</param>
    /// <param name="unscored">Of the rows: a prompt's.</param>
    public double Seconds(int rows, long attendedKeys, int unscored = 0)
    {
        (int at, double share) = Locate(rows);
        double flat = at + 1 < Grid.Length
            ? (_seconds[at] * (1 - share)) + (_seconds[at + 1] * share)
            : _seconds[at] * rows / Grid[at];
        return _pace * (Math.Max(LeastShare * flat, flat - (unscored * _savedPerUnscored)) + (attendedKeys * _secondsPerAttendedKey));
    }

    /// <summary>Learns from a pass that took place. Passes that were plainly disturbed are not believed, unless all are like that.</summary>
    /// <param name="rows">At least 1.</param>
    /// <param name="attendedKeys">As for <see cref="Seconds"/>.</param>
    /// <param name="seconds">That it took.</param>
    /// <param name="unscored">Of the rows. Where they are most of them, the pass tells what they save and nothing of scored ones.</param>
    public void Observe(int rows, long attendedKeys, double seconds, int unscored = 0)
    {
        double expected = Seconds(rows, attendedKeys, unscored), ratio = seconds / expected;
        if (!IsBelieved(ratio, ref _disturbed))
            return;
        double surprise = Math.Clamp(ratio - 1, -MostSurprise, MostSurprise);
        if (2 * unscored > rows)
        {
            _savedPerUnscored = Math.Max(0, _savedPerUnscored - (PointShare * surprise * expected / _pace / unscored));
            return;
        }

        _pace *= 1 + (CurveShare * surprise);
        (int at, double share) = Locate(rows);
        _seconds[at] *= 1 + (PointShare * (1 - share) * surprise);
        if (at + 1 < Grid.Length)
            _seconds[at + 1] *= 1 + (PointShare * share * surprise);
    }

    /// <summary>Whether what something took tells of what it costs.</summary>
    /// <param name="ratio">By what was expected.</param>
    /// <param name="disturbed">So many in a row were as far off.</param>
    internal static bool IsBelieved(double ratio, ref int disturbed)
    {
        disturbed = ratio is > 0.33 and < 3 ? 0 : disturbed + 1;
        return ratio > 0 && (disturbed is 0 or > MostDisturbed);   // of less than the clock tells, nothing is known
    }

    /// <summary>Believes all passes to be shorter, by a share.</summary>
    public void Shorten(double share) => _pace *= 1 - share;

    /// <summary>Times forward passes of a model whose KV pool nobody uses yet.</summary>
    /// <param name="model">With its pool allocated.</param>
    /// <param name="kvBlocks">Blocks of the pool.</param>
    /// <param name="clock">Time.</param>
    /// <param name="limit">A fifth of it is spent warming up. No further point is begun after this long; the rest of the curve is extended from the last.</param>
    public static VerifyCost Measure(ITargetModel model, int kvBlocks, TimeProvider clock, TimeSpan limit) =>
        Measure(rows => model.Forward(rows), model.BlockSize, Math.Min(kvBlocks * model.BlockSize, model.MaxPositions), clock, limit);

    /// <summary>Times passes over a KV pool that nobody uses yet.</summary>
    /// <param name="pass">Runs rows.</param>
    /// <param name="blockSize">Positions of a block.</param>
    /// <param name="capacity">Positions that the pool, and a sequence, can have.</param>
    /// <param name="clock">Time.</param>
    /// <param name="limit">As above.</param>
    public static VerifyCost Measure(Action<StepRows> pass, int blockSize, int capacity, TimeProvider clock, TimeSpan limit)
    {
        int[] blockTable = [.. Enumerable.Range(0, (capacity + blockSize - 1) / blockSize)];
        var rows = new StepRows();
        long start = clock.GetTimestamp();

        // A fresh process runs code that is not optimised yet: without this one row seemed dearer than four.
        for (int warm = Math.Min(8, capacity); clock.GetElapsedTime(start) < limit / 5;)
        {
            Time(warm, 0);
            TimePrompt(warm);
        }

        List<double> seconds = [];
        foreach (int count in Grid)
        {
            if (count > capacity || (seconds.Count > 0 && clock.GetElapsedTime(start) > limit))
                break;
            seconds.Add(Time(count, 0));
        }

        const int Rows = 8;
        int context = Math.Min(1024, capacity - Rows);
        double perKey = context > 0 ? Math.Max(0, (Time(Rows, context) - Time(Rows, 0)) / ((double)Rows * context)) : 0;
        var cost = new VerifyCost(seconds.ToArray(), perKey);
        int prompt = Math.Min(PromptRows, Grid[seconds.Count - 1]);
        if (prompt > 1)
            cost._savedPerUnscored = Math.Max(0, cost.Seconds(prompt, 0) - TimePrompt(prompt)) / (prompt - 1);
        return cost;

        double TimePrompt(int count) => Best(() => rows.AddChain(new int[count], 0, blockTable, blockSize, scoreLast: true));

        double Time(int count, int contextLength)
        {
            int[] tokens = new int[count - 1], parents = new int[count - 1], depths = new int[count - 1];
            for (int i = 0; i < count - 1; i++)
                (parents[i], depths[i]) = (i - 1, i + 1);
            return Best(() => rows.AddTree(0, tokens, parents, depths, contextLength, blockTable, blockSize));
        }

        double Best(Action lay)
        {
            double best = double.MaxValue;
            for (int run = 0; run < 5; run++)
            {
                rows.Clear();
                lay();
                long begin = clock.GetTimestamp();
                pass(rows);
                double elapsed = clock.GetElapsedTime(begin).TotalSeconds;

                // The first run warms up; the least of the others is the one that nothing disturbed.
                if (run > 0)
                    best = Math.Min(best, elapsed);
                if (run > 0 && clock.GetElapsedTime(start) > limit)
                    break;
            }

            return Math.Max(best, 1e-9);
        }
    }

    private static (int At, double Share) Locate(int rows)
    {
        int octave = BitOperations.Log2((uint)rows), at = rows == 1 ? 0 : (2 * octave) - (2 * rows < 3 << octave ? 1 : 0);
        at = Math.Min(at, Grid.Length - 1);
        return at + 1 < Grid.Length ? (at, (double)(rows - Grid[at]) / (Grid[at + 1] - Grid[at])) : (at, 0);
    }
}
