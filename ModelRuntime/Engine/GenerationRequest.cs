using Agentic.SuffixCache;

namespace Agentic.ModelRuntime;

/// <summary>What a caller wants generated: token ids in, token ids out.</summary>
public sealed record GenerationRequest
{
    /// <summary>Unique among the running requests; appears in logs.</summary>
    public required string Id { get; init; }

    /// <summary>At least one token.</summary>
    public required int[] PromptIds { get; init; }

    /// <summary>Who wrote which of the prompt's tokens, as far as that is known: drafts weigh it.</summary>
    public IReadOnlyList<TokenRun> PromptRuns { get; init; } = [];

    /// <summary>Nothing cached or drafted crosses it.</summary>
    public required NamespaceKey Namespace { get; init; }

    /// <summary>How tokens are drawn.</summary>
    public SamplingParameters Sampling { get; init; } = new();

    /// <summary>Most tokens of each choice, at least 1.</summary>
    public required int MaxOutputTokens { get; init; }

    /// <summary>Tokens that end a choice; the token itself is emitted with <see cref="FinishReason.Stop"/>.</summary>
    public IReadOnlyList<int> StopTokenIds { get; init; } = [];

    /// <summary>Completions of the same prompt, 1 … 128. They share the prompt's blocks.</summary>
    public int Choices { get; init; } = 1;

    /// <summary>False decodes plainly. The tokens are the same.</summary>
    public bool Speculation { get; init; } = true;

    /// <summary>What the answer is expected to be, or null: drafted as far as it is right. The tokens are the same.</summary>
    public int[]? PredictionIds { get; init; }

    /// <summary>Calls that the answer may contain, laid out as far as they are known: drafted like the prediction.</summary>
    public IReadOnlyList<CallSkeleton> CallSkeletons { get; init; } = [];

    /// <summary>Restricts what may be generated, or null.</summary>
    public ITokenConstraint? Constraint { get; init; }
}

/// <summary>Why a choice ended.</summary>
public enum FinishReason
{
    /// <summary>The model wrote a stop token, or the caller has found the end in the text.</summary>
    Stop,

    /// <summary>The token budget or the model's context is used up.</summary>
    Length,

    /// <summary>The caller left.</summary>
    Cancelled,

    /// <summary>The engine failed; the log says why.</summary>
    Error,
}

/// <summary>One token of one choice, or, with a negative id, only the news that the choice ended.</summary>
/// <param name="Choice">0 … n − 1.</param>
/// <param name="TokenId">The token, or −1.</param>
/// <param name="Logprobs">Present when they were asked for.</param>
/// <param name="Finish">Set on the choice's last output.</param>
public readonly record struct TokenOutput(int Choice, int TokenId, TokenLogprobs? Logprobs, FinishReason? Finish);

/// <summary>Natural log-probabilities of the model's own distribution (temperature and filters left out, as vLLM reports them).</summary>
/// <param name="Logprob">Of the drawn token.</param>
/// <param name="Top">The most likely tokens, falling; without the drawn token unless it is among them.</param>
public sealed record TokenLogprobs(float Logprob, IReadOnlyList<(int TokenId, float Logprob)> Top);
