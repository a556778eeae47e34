namespace Agentic.SuffixCache;

/// <summary>Makes a node's probability the frequency with which nodes like it were taken.</summary>
/// <remarks>
/// Votes are calibrated token by token, and yet a draft picks the likeliest of many nodes, which is to pick the overrated ones. So nodes
/// are
/// counted in half-octaves of probability: how many were expected to be taken, and how many were.
/// </remarks>
internal sealed class Calibration
{
    public const int Classes = 24;

    // As if so many nodes of each class had been taken as expected.
    private const float Prior = 8;

    // Counts halve here, so that the last few hundred taken nodes of a class decide.
    public const float MostTaken = 400;

    private readonly float[] _expected = new float[Classes];
    private readonly float[] _taken = new float[Classes];
    private readonly float[] _factors = new float[Classes];

    public Calibration() => Array.Fill(_factors, 1);

    public float Correct(float probability) => Math.Min(1, probability * _factors[Class(probability)]);

    /// <summary>A node was drafted, and the target's text decided about it.</summary>
    public void Learn(float probability, bool taken)
    {
        int c = Class(probability);
        _expected[c] += probability;
        if (taken && ++_taken[c] > MostTaken)
        {
            _expected[c] /= 2;
            _taken[c] /= 2;
        }

        _factors[c] = (_taken[c] + Prior) / (_expected[c] + Prior);
    }

    /// <summary>How many nodes of a class were expected to be taken, and how many were.</summary>
    public (float Expected, float Taken) this[int c]
    {
        get => (_expected[c], _taken[c]);
        set
        {
            (_expected[c], _taken[c]) = value;
            _factors[c] = (value.Taken + Prior) / (value.Expected + Prior);
        }
    }

    /// <summary>As it is now, for another thread.</summary>
    public Calibration Copy()
    {
        Calibration copy = new();
        for (int c = 0; c < Classes; c++)
            copy[c] = this[c];
        return copy;
    }

    /// <summary>⌊−2 log₂ p⌋, read off the number's exponent and where its mantissa lies against √2.</summary>
    private static int Class(float probability)
    {
        const int MantissaBits = 23, Bias = 127, SquareRootOfTwo = 0x3504F3;
        int bits = BitConverter.SingleToInt32Bits(probability), mantissa = bits & ((1 << MantissaBits) - 1);
        int within = mantissa == 0 ? 0 : mantissa <= SquareRootOfTwo ? 1 : 2;
        return Math.Clamp((2 * (Bias - (bits >> MantissaBits))) - within, 0, Classes - 1);
    }
}
