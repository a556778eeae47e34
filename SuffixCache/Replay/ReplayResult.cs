namespace Agentic.SuffixCache;

/// <summary>What speculation would have given on recorded conversations.</summary>
public sealed record ReplayResult
{
    /// <summary>LLM calls.</summary>
    public long Calls { get; init; }

    /// <summary>Tokens they wrote.</summary>
    public long OutputTokens { get; init; }

    /// <summary>Forward passes that would have written them.</summary>
    public long Steps { get; init; }

    /// <summary>Nodes proposed.</summary>
    public long Drafted { get; init; }

    /// <summary>Of those, nodes that the recording took.</summary>
    public long Accepted { get; init; }

    /// <summary>Sum of the nodes' probabilities: what the drafts themselves expected to be accepted.</summary>
    public double Predicted { get; init; }

    /// <summary>Mean absolute difference of predicted and actual frequency over ten classes of nodes by probability, weighted by
    /// nodes.</summary>
    public double CalibrationError { get; init; }

    /// <summary>Prompt tokens of all calls.</summary>
    public long PromptTokens { get; init; }

    /// <summary>Time spent on them: recognising what is known, indexing what is new.</summary>
    public TimeSpan PromptTime { get; init; }

    /// <summary>Time spent learning from and indexing output.</summary>
    public TimeSpan AppendTime { get; init; }

    /// <summary>Time of a draft, ascending; one entry a step.</summary>
    public IReadOnlyList<TimeSpan> DraftTimes { get; init; } = [];

    /// <summary>Native bytes of the index at the end.</summary>
    public long IndexBytes { get; init; }

    /// <summary>Tokens in it.</summary>
    public long IndexTokens { get; init; }

    /// <summary>Output tokens a step, the bonus token included.</summary>
    public double TokensPerStep => (double)OutputTokens / Math.Max(1, Steps);

    /// <summary>Both together: counts and times add up.</summary>
    public static ReplayResult operator +(ReplayResult left, ReplayResult right) => new()
    {
        Calls = left.Calls + right.Calls,
        OutputTokens = left.OutputTokens + right.OutputTokens,
        Steps = left.Steps + right.Steps,
        Drafted = left.Drafted + right.Drafted,
        Accepted = left.Accepted + right.Accepted,
        Predicted = left.Predicted + right.Predicted,
        CalibrationError = ((left.CalibrationError * left.Drafted) + (right.CalibrationError * right.Drafted))
            / Math.Max(1, left.Drafted + right.Drafted),
        PromptTokens = left.PromptTokens + right.PromptTokens,
        PromptTime = left.PromptTime + right.PromptTime,
        AppendTime = left.AppendTime + right.AppendTime,
        DraftTimes = [.. left.DraftTimes.Concat(right.DraftTimes).Order()],
        IndexBytes = left.IndexBytes + right.IndexBytes,
        IndexTokens = left.IndexTokens + right.IndexTokens,
    };
}
