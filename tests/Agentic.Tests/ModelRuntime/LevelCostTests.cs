using Agentic.ModelRuntime;

namespace Agentic.Tests;

public sealed class LevelCostTests
{
    private const int Catch = 100;

    /// <summary>Levels of one row take 1, the first of a step 1.5 more and a pair caught up with 0.05: each is learned from its own levels, whatever was
    /// believed before and whichever come more often.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(0.2)]
    public void RowsPairsAndFirstLevels_AreToldApart(double pairBefore)
    {
        var cost = new LevelCost(new VerifyCost([2], 0), pairBefore);
        for (int step = 0; step < 800; step++)
        {
            cost.Observe(1, step % 10 == 0 ? Catch : 2, 0, isFirst: true, 2.5 + (0.05 * (step % 10 == 0 ? Catch : 2)));
            for (int level = 0; level < 3; level++)
                cost.Observe(1, 0, 0, isFirst: false, 1);
        }

        Assert.Equal(1, cost.Seconds(1, 0, 0, isFirst: false), 0.05);
        Assert.Equal(2.6, cost.Seconds(1, 2, 0, isFirst: true), 0.2);
        Assert.Equal(2.5 + (0.05 * Catch), cost.Seconds(1, Catch, 0, isFirst: true), 0.5);
    }

    [Fact]
    public void LevelsThatWereDisturbed_ChangeNothing()
    {
        var cost = new LevelCost(new VerifyCost([1], 0), 0.1);
        cost.Observe(1, 0, 0, isFirst: false, 10);
        cost.Observe(1, 2, 0, isFirst: true, 10);
        cost.Observe(1, Catch, 0, isFirst: true, 100);

        Assert.Equal(1, cost.Seconds(1, 0, 0, isFirst: true), 9);
        Assert.Equal(0.1 * Catch, cost.PairSeconds(Catch), 9);
    }

    /// <summary>Measured on a machine that did something else at the time.</summary>
    [Theory]
    [InlineData(0.01)]
    [InlineData(100)]
    public void AllAreFarFromWhatWasMeasured_IsLearned(double measured)
    {
        var cost = new LevelCost(new VerifyCost([measured], 0), measured);
        for (int step = 0; step < 800; step++)
        {
            cost.Observe(1, step % 2 == 0 ? Catch : 2, 0, isFirst: true, 1 + (0.1 * (step % 2 == 0 ? Catch : 2)));
            cost.Observe(1, 0, 0, isFirst: false, 1);
        }

        Assert.Equal(1, cost.Seconds(1, 0, 0, isFirst: false), 0.1);
        Assert.Equal(1 + (0.1 * Catch), cost.Seconds(1, Catch, 0, isFirst: true), 1.0);
    }

    [Fact]
    public void LevelsWereDearForAWhile_AreBelievedAsCheapAsUsualAgain()
    {
        var cost = new LevelCost(new VerifyCost([1], 0), 0.1);
        for (int i = 0; i < 200; i++)
        {
            cost.Observe(1, 0, 0, isFirst: false, 2.5);
            cost.Observe(1, 2, 0, isFirst: true, 5);
            cost.Observe(1, Catch, 0, isFirst: true, 5 + (0.25 * Catch));
        }

        Assert.Equal(5 + (0.25 * Catch), cost.Seconds(1, Catch, 0, isFirst: true), 3.0);
        for (int i = 0; i < 10_000; i++)
            cost.Fade();

        Assert.Equal(1.5 * (1 + (0.1 * Catch)), cost.Seconds(1, Catch, 0, isFirst: true), 0.2);
    }

    /// <summary>A pass that takes a tenth of a millisecond a pair and a millisecond a scored row, of many more or less: what pairs take is not
    /// reckoned from that.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(1.1)]
    [InlineData(0.7)]
    public void Measured_PairsCostWhatTheyTake(double power)
    {
        var clock = new ManualClock();
        LevelCost cost = LevelCost.Measure(
            rows => clock.Advance(1e-3 * (Math.Pow(rows.LogitRows.Length, power) + (0.1 * (rows.RowCount - rows.LogitRows.Length)))),
            16, 256, clock, TimeSpan.FromSeconds(10));

        Assert.Equal(1e-3, cost.Seconds(1, 0, 0, isFirst: false), 1e-9);
        Assert.Equal(1e-4, cost.PairSeconds(1), 1e-7);
    }
}
