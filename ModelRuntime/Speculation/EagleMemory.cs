namespace Agentic.ModelRuntime;

/// <summary>What a namespace has taught about a draft head: how its scores are to be taken, and what asking it is good for.</summary>
internal sealed class EagleMemory
{
    // Claims: rank 1, 2, 3, more; share in halves down to 2⁻⁸ (or, of coupled ones, the lead of the first); depth 1, 2, more; and temperature 0,
    // to 0.7, more, and coupled.
    private const int Ranks = 4, Shares = 8, Depths = 3, Temperatures = 4, CoupledTemperature = 3;

    // Gains: depth 1, 2, 3–4, more; and what share of the next token's probability other sources account for.
    private const int GainDepths = 4, Covers = 6;

    private static readonly float[] CoupledPriors = [0.6f, 0.12f, 0.05f, 0.03f];
    private static readonly float[] GainPriors = [0.55f, 0.12f, 0.05f, 0.03f];

    /// <summary>How often the target takes a candidate, of its share.</summary>
    public EdgeCalibrator Claims { get; } = new(ClaimPriors());

    /// <summary>How often it takes one that no other source named.</summary>
    public EdgeCalibrator Gains { get; } = new(GainPriorsOfAll());

    /// <summary>The kind of a candidate with a share of the head's own distribution.</summary>
    public static int Kind(int rank, float share, int depth, float temperature) =>
        Kind(rank, Math.Clamp((int)-MathF.Log2(Math.Max(share, 1e-9f)), 0, Shares - 1), depth, temperature == 0 ? 0 : temperature <= 0.7f ? 1 : 2);

    /// <summary>The kind of a candidate chosen with the target's noise.</summary>
    /// <param name="rank">0 for the first.</param>
    /// <param name="lead">Of the first's noisy score over the second's.</param>
    /// <param name="depth">1 below the root.</param>
    public static int CoupledKind(int rank, float lead, int depth) =>
        Kind(rank, Math.Clamp((int)(2 * lead), 0, Shares - 1), depth, CoupledTemperature);

    /// <summary>The kind of a gain.</summary>
    /// <param name="rank">0 for the first candidate.</param>
    /// <param name="depth">Of the candidates, 1 below the root.</param>
    /// <param name="covered">What share of the next token's probability other sources account for.</param>
    public static int GainKind(int rank, int depth, float covered)
    {
        int deep = depth <= 2 ? depth - 1 : depth <= 4 ? 2 : 3;
        int cover = covered switch { <= 0 => 0, < 0.25f => 1, < 0.5f => 2, < 0.75f => 3, < 0.9f => 4, _ => 5 };
        return (((deep * Covers) + cover) * Ranks) + Math.Min(rank, Ranks - 1);
    }

    private static int Kind(int rank, int share, int depth, int temperature) =>
        (((((temperature * Depths) + Math.Min(depth, Depths) - 1) * Shares) + share) * Ranks) + Math.Min(rank, Ranks - 1);

    private static float[] ClaimPriors()
    {
        float[] priors = new float[Ranks * Shares * Depths * Temperatures];
        Array.Fill(priors, 1);
        for (int kind = priors.Length / Temperatures * CoupledTemperature; kind < priors.Length; kind++)
            priors[kind] = CoupledPriors[kind % Ranks];
        return priors;
    }

    private static float[] GainPriorsOfAll()
    {
        ReadOnlySpan<float> left = [1, 0.85f, 0.6f, 0.35f, 0.18f, 0.07f];
        float[] priors = new float[Ranks * GainDepths * Covers];
        for (int kind = 0; kind < priors.Length; kind++)
            priors[kind] = GainPriors[kind % Ranks] * left[kind / Ranks % Covers];
        return priors;
    }
}
