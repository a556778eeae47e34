using Agentic.ModelRuntime;

namespace Agentic.Tests;

public sealed class VerifyCostTests
{
    [Fact]
    public void BetweenPoints_IsInterpolated_BeyondThem_IsProportional()
    {
        var cost = new VerifyCost([1, 2, 3, 4, 8], 0);

        Assert.Equal(1, cost.Seconds(1, 0));
        Assert.Equal(6, cost.Seconds(5, 0), 9);
        Assert.Equal(8.0 * 1024 / 6, cost.Seconds(1024, 0), 6);
    }

    [Fact]
    public void EveryNumberOfRows_LiesBetweenTheTwoPointsAroundIt()
    {
        Random random = new(3);
        var cost = new VerifyCost([.. Enumerable.Range(0, 18).Select(_ => 1 + random.NextDouble())], 0);
        (int Rows, double Seconds)[] points = [.. cost.Points];

        Assert.Equal(512, points[^1].Rows);
        foreach (((int rows, double seconds), (int next, double later)) in points.Zip(points.Skip(1)))
        {
            for (int between = rows; between <= next; between++)
                Assert.Equal(seconds + ((later - seconds) * (between - rows) / (next - rows)), cost.Seconds(between, 0), 9);
        }
    }

    [Fact]
    public void CurveWithASag_KeepsIt()
    {
        var cost = new VerifyCost([5, 9, 9, 6], 0);

        Assert.True(cost.Seconds(4, 0) < cost.Seconds(2, 0));
    }

    [Fact]
    public void Context_CostsByTheKeysLookedAt()
    {
        var cost = new VerifyCost([1], 1e-3);

        Assert.Equal(1.5, cost.Seconds(1, 500), 9);
    }

    [Fact]
    public void RepeatedObservations_MoveThePointsThere_OutliersDoNot()
    {
        var cost = new VerifyCost([1, 1, 1, 1, 1, 1], 0);
        for (int i = 0; i < 400; i++)
        {
            cost.Observe(1, 0, 1);
            cost.Observe(4, 0, 1.5);
            cost.Observe(4, 0, 50);
        }

        Assert.Equal(1.5, cost.Seconds(4, 0), 2);
        Assert.Equal(1, cost.Seconds(1, 0), 2);
    }

    /// <summary>Measured while the machine did something else, or on a faster one: what is far off is not believed once, but when all is.</summary>
    [Theory]
    [InlineData(0.1)]
    [InlineData(10)]
    public void AllPassesAreFarOff_IsLearned(double seconds)
    {
        var cost = new VerifyCost([1, 1, 1, 1], 0);
        for (int i = 0; i < 8; i++)
            cost.Observe(1, 0, seconds);
        Assert.Equal(1, cost.Seconds(1, 0), 9);

        for (int i = 0; i < 400; i++)
            cost.Observe(1, 0, seconds);
        Assert.Equal(seconds, cost.Seconds(1, 0), 0.05 * seconds);
    }

    /// <summary>A clock too coarse for a pass says nothing about it.</summary>
    [Fact]
    public void PassesTakeNoTime_NothingIsLearned()
    {
        var cost = new VerifyCost([1], 0);
        for (int i = 0; i < 100; i++)
            cost.Observe(1, 0, 0);

        Assert.Equal(1, cost.Seconds(1, 0), 9);
    }

    [Fact]
    public void MachineIsSlowerForAWhile_AllPointsFollowTheOneThatIsSeen()
    {
        var cost = new VerifyCost([1, 1.2, 1.4, 1.6, 2, 2.4], 0);
        for (int i = 0; i < 60; i++)
            cost.Observe(1, 0, 1.5);

        Assert.Equal(1.5, cost.Seconds(1, 0), 1);
        Assert.InRange(cost.Seconds(8, 0), 2.6, 3.6);
    }

    /// <summary>Two of three passes take as long as said, one is disturbed: the median is what is foretold.</summary>
    [Fact]
    public void SomePassesAreDisturbed_TheMedianIsForetold()
    {
        var random = new Random(1);
        var cost = new VerifyCost([2], 0);
        List<double> errors = [];
        for (int i = 0; i < 2000; i++)
        {
            double seconds = (0.97 + (0.06 * random.NextDouble())) * (random.Next(3) == 0 ? 1.8 : 1);
            errors.Add(Math.Abs((cost.Seconds(1, 0) / seconds) - 1));
            cost.Observe(1, 0, seconds);
        }

        Assert.InRange(errors.Skip(200).Order().ElementAt(900), 0, 0.15);
    }

    /// <summary>Prompts turn out to take half of what scored rows do: that is learned, and nothing of scored rows is forgotten.</summary>
    [Fact]
    public void PromptsTakeLess_ScoredRowsKeepTheirCost()
    {
        var cost = new VerifyCost([.. Enumerable.Range(0, 18).Select(_ => 1.0)], 0);
        double scored = cost.Seconds(100, 0);
        for (int i = 0; i < 200; i++)
            cost.Observe(100, 0, scored / 2, unscored: 100);

        Assert.Equal(scored / 2, cost.Seconds(100, 0, 100), 0.05 * scored);
        Assert.Equal(scored, cost.Seconds(100, 0), 1e-9);
        Assert.True(cost.Seconds(100, 0, 100_000) > 0);
    }

    /// <summary>A few rows of a prompt beside many that are scored: the pass tells of the machine.</summary>
    [Fact]
    public void FewRowsAreOfAPrompt_TheCurveFollows()
    {
        var cost = new VerifyCost([.. Enumerable.Range(0, 18).Select(_ => 1.0)], 0);
        for (int i = 0; i < 200; i++)
            cost.Observe(16, 0, 1.5, unscored: 2);

        Assert.Equal(1.5, cost.Seconds(16, 0), 0.05);
    }

    [Fact]
    public void Measured_CoversTheGridAndLeavesTheModelUsable()
    {
        using var model = new ScriptedModel(blockSize: 4, maxPositions: 128);
        model.AllocateKv(32);

        VerifyCost cost = VerifyCost.Measure(model, 32, TimeProvider.System, TimeSpan.FromSeconds(2));

        Assert.All(cost.Points, point => Assert.True(point.Seconds > 0));
    }
}
