using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary>Frequencies of each scaling against the papers' formulas in double, and tables that grow without changing.</summary>
public sealed unsafe class RopeTableTests
{
    private const int HeadDim = 16;

    [Theory]
    [InlineData(10_000)]
    [InlineData(1_000_000)]
    public void Unscaled_FallsGeometrically(double theta) =>
        AssertNear(i => Math.Pow(theta, -2.0 * i / HeadDim), new RopeConfig(RopeScaling.None, theta));

    [Fact]
    public void Linear_DividesAll() =>
        AssertNear(i => Math.Pow(10_000, -2.0 * i / HeadDim) / 3, new RopeConfig(RopeScaling.Linear, 10_000) { Factor = 3 });

    [Theory]
    [InlineData(64)]
    [InlineData(8192)]
    public void Llama3_ScalesByWavelength(int original)
    {
        RopeConfig config = new(RopeScaling.Llama3, 500_000) { Factor = 8, LowFrequencyFactor = 1, HighFrequencyFactor = 4, OriginalPositions = original };
        AssertNear(Expected, config);

        double Expected(int i)
        {
            double frequency = Math.Pow(500_000, -2.0 * i / HeadDim), turns = original * frequency / (2 * Math.PI);
            double smooth = Math.Clamp((turns - 1) / (4 - 1), 0, 1);
            return ((1 - smooth) * frequency / 8) + (smooth * frequency);
        }
    }

    [Theory]
    [InlineData(4, 64, true)]
    [InlineData(8, 4096, false)]
    public void Yarn_RampsBetweenTheCorrectionDimensions(double factor, int original, bool truncate)
    {
        RopeConfig config = new(RopeScaling.Yarn, 10_000) { Factor = factor, OriginalPositions = original, Truncate = truncate };
        double low = Dimension(32), high = Dimension(1);
        if (truncate)
            (low, high) = (Math.Floor(low), Math.Ceiling(high));
        low = Math.Max(low, 0);
        AssertNear(Expected, config);

        double Dimension(double turns) => HeadDim * Math.Log(original / (turns * 2 * Math.PI)) / (2 * Math.Log(10_000));

        double Expected(int i)
        {
            double frequency = Math.Pow(10_000, -2.0 * i / HeadDim), ramp = Math.Clamp((i - low) / (high - low), 0, 1);
            return (frequency / factor * ramp) + (frequency * (1 - ramp));
        }
    }

    [Fact]
    public void GrownTable_KeepsItsValuesAndScalesThem()
    {
        RopeConfig config = new(RopeScaling.Yarn, 10_000) { Factor = 4, OriginalPositions = 64, AttentionFactor = 1.5 };
        using RopeTable grown = new(config, HeadDim), whole = new(config, HeadDim);
        int length = 5000 * HeadDim;
        Assert.Equal(1.5f, grown.Covering(1)[0]);
        grown.Covering(1500);

        Assert.Equal(new ReadOnlySpan<float>(whole.Covering(5000), length).ToArray(), new ReadOnlySpan<float>(grown.Covering(5000), length).ToArray());
        float* last = grown.Covering(5000) + ((4999 * HeadDim) + HeadDim - 2);
        Assert.Equal(1.5, Math.Sqrt((last[0] * last[0]) + (last[1] * last[1])), 5);
    }

    private static void AssertNear(Func<int, double> expected, RopeConfig config)
    {
        float[] frequencies = RopeTable.InverseFrequencies(config, HeadDim);
        Assert.Equal(HeadDim / 2, frequencies.Length);
        for (int i = 0; i < frequencies.Length; i++)
            Assert.InRange(frequencies[i] / expected(i), 1 - 1e-6, 1 + 1e-6);
    }
}
