namespace Agentic.ModelRuntime;

/// <summary>How position frequencies are scaled beyond the length a model was trained on.</summary>
internal enum RopeScaling
{
    /// <summary>Not at all. "dynamic" reads as this too: it scales only past max_position_embeddings, where no sequence gets here.</summary>
    None,

    /// <summary>All by one factor (position interpolation).</summary>
    Linear,

    /// <summary>Long wavelengths by the factor, short ones not, a smooth way between (Llama 3.1).</summary>
    Llama3,

    /// <summary>By rotations within the trained length, cosine and sine scaled too (YaRN, arXiv 2309.00071).</summary>
    Yarn,
}

/// <summary>Rotary position embedding as the configuration has it.</summary>
internal sealed record RopeConfig(RopeScaling Scaling, double Theta)
{
    public double Factor { get; init; } = 1;

    /// <summary>Positions the model was trained on before scaling.</summary>
    public int OriginalPositions { get; init; }

    public double LowFrequencyFactor { get; init; }

    public double HighFrequencyFactor { get; init; }

    public double BetaFast { get; init; } = 32;

    public double BetaSlow { get; init; } = 1;

    public bool Truncate { get; init; } = true;

    /// <summary>Multiplied to cosine and sine.</summary>
    public double AttentionFactor { get; init; } = 1;

    /// <summary>Reads the newer spelling (rope_parameters) and the older one (rope_theta beside rope_scaling), which goes first where both stand.</summary>
    public static RopeConfig Read(JsonFile config, int maxPositions)
    {
        JsonFile? scaling = config.Object("rope_scaling") is { IsEmpty: false } older ? older : config.Object("rope_parameters");
        double theta = scaling?.Number("rope_theta") ?? config.Number("rope_theta") ?? 10_000;
        if (theta <= 1)
            throw new ModelLoadException($"{config.Path}: rope_theta is {theta:R} and should be above 1");
        if ((scaling?.Number("partial_rotary_factor") ?? config.Number("partial_rotary_factor") ?? 1) != 1)
            throw new ModelLoadException($"{config.Path}: partial_rotary_factor other than 1 is not supported; no model of a supported architecture has it");
        if (scaling is not { } rope)
            return new RopeConfig(RopeScaling.None, theta);

        string type = rope.String("rope_type") ?? rope.String("type") ?? "default";
        int original = config.Int("original_max_position_embeddings") ?? rope.Size("original_max_position_embeddings", maxPositions);
        switch (type)
        {
            case "default" or "dynamic":
                return new RopeConfig(RopeScaling.None, theta);
            case "linear":
                return new RopeConfig(RopeScaling.Linear, theta) { Factor = Required("factor") };
            case "llama3":
                return new RopeConfig(RopeScaling.Llama3, theta)
                {
                    Factor = Required("factor"),
                    LowFrequencyFactor = Required("low_freq_factor"),
                    HighFrequencyFactor = Required("high_freq_factor"),
                    OriginalPositions = original,
                };
            case "yarn":
                double factor = rope.Number("factor") ?? (double)maxPositions / original;
                return new RopeConfig(RopeScaling.Yarn, theta)
                {
                    Factor = factor,
                    OriginalPositions = original,
                    BetaFast = rope.Number("beta_fast") is { } fast and not 0 ? fast : 32,
                    BetaSlow = rope.Number("beta_slow") is { } slow and not 0 ? slow : 1,
                    Truncate = rope.Bool("truncate") ?? true,
                    AttentionFactor = rope.Number("attention_factor") ?? YarnAttentionFactor(rope, factor),
                };
            default:
                throw new ModelLoadException(
                    $"{config.Path}: rope type \"{type}\" is not supported; supported are default, linear, dynamic, llama3 and yarn");
        }

        double Required(string key)
        {
            double value = rope.Number(key) ?? throw new ModelLoadException($"{config.Path}: rope type \"{type}\" lacks \"{key}\"");
            return value > 0 ? value : throw new ModelLoadException($"{config.Path}: \"{key}\" of rope type \"{type}\" is {value:R} and should be above 0");
        }
    }

    private static double YarnAttentionFactor(JsonFile rope, double factor)
    {
        double scale = rope.Number("mscale") ?? 0, allDimensions = rope.Number("mscale_all_dim") ?? 0;
        return scale != 0 && allDimensions != 0 ? Attention(scale) / Attention(allDimensions) : Attention(1);

        double Attention(double weight) => factor <= 1 ? 1 : (0.1 * weight * Math.Log(factor)) + 1;
    }
}
