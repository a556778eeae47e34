namespace Agentic.ModelRuntime;

/// <summary>How a head is made and trained. Whoever resumes gives the same.</summary>
public sealed record EagleTrainingOptions
{
    /// <summary>Layout and, with it, architecture.</summary>
    public HeadLayout Layout { get; init; }

    /// <summary>Stored in bfloat16; else in float32.</summary>
    public bool BFloat16 { get; init; }

    /// <summary>Width of the head's MLP; null for the target's.</summary>
    public int? IntermediateSize { get; init; }

    /// <summary>Where the target's states are taken, rising; null for the usual three.</summary>
    public IReadOnlyList<int>? Boundaries { get; init; }

    /// <summary>Draft steps that are unrolled.</summary>
    public int DraftSteps { get; init; } = 4;

    /// <summary>Weight of a draft step's loss by that of the one before.</summary>
    public double Decay { get; init; } = 0.8;

    /// <summary>Times the data is gone through.</summary>
    public double Epochs { get; init; } = 4;

    /// <summary>Sequences of an optimizer step.</summary>
    public int BatchSequences { get; init; } = 8;

    /// <summary>Highest learning rate; null for one by the target's width.</summary>
    public double? LearningRate { get; init; }

    /// <summary>Optimizer steps between evaluations; null for a twentieth of all.</summary>
    public int? EvaluationSteps { get; init; }

    /// <summary>Evaluations without a better one after which training ends.</summary>
    public int Patience { get; init; } = 5;

    /// <summary>Most tokens of a sequence; the rest is left out.</summary>
    public int MaxTokens { get; init; } = 2048;

    /// <summary>Tokens of an evaluated chain.</summary>
    public int ChainDepth { get; init; } = 8;

    /// <summary>Of weights and order.</summary>
    public int Seed { get; init; } = 1;
}

/// <summary>How training stands.</summary>
/// <param name="Step">Optimizer steps done.</param>
/// <param name="Steps">Of so many.</param>
/// <param name="Divergence">[draft steps] from the target's distribution over the draft vocabulary, nats a token, since the last report.</param>
/// <param name="Agreement">[draft steps] share of tokens where the head's first choice was the target's.</param>
/// <param name="TokensPerSecond">Tokens of sequences gone through a second, prompts included.</param>
/// <param name="HeldOut">Of texts that are not trained on.</param>
/// <param name="IsBest">Whether it is the best so far, and kept.</param>
/// <param name="Model"><see cref="ITargetModel.Fingerprint"/> of the target.</param>
public sealed record TrainingReport(
    int Step, int Steps, IReadOnlyList<double> Divergence, IReadOnlyList<double> Agreement, double TokensPerSecond, ChainAcceptance HeldOut,
    bool IsBest, string Model);

/// <summary>Why training ended.</summary>
public enum TrainingEnd
{
    /// <summary>All steps are done.</summary>
    Finished,

    /// <summary>The held-out texts showed no gain any more.</summary>
    NoGain,

    /// <summary>It was asked to; it can be resumed.</summary>
    Interrupted,
}
