using System.Text.Json.Serialization;
using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary>What <c>agentic replay</c> found.</summary>
/// <param name="Budget">Most nodes a step.</param>
/// <param name="Mean">Nodes a step on average; null where all are taken.</param>
/// <param name="Files">Each from an empty cache.</param>
/// <param name="All">Counts and times of all files together.</param>
internal sealed record ReplayReport(int Budget, double? Mean, IReadOnlyList<ReplayRow> Files, ReplayRow All);

/// <summary>Figures of one file.</summary>
/// <param name="File">Its name.</param>
/// <param name="Calls">LLM calls.</param>
/// <param name="OutputTokens">Tokens they wrote.</param>
/// <param name="Steps">Forward passes for them.</param>
/// <param name="TokensPerStep">The bonus token included.</param>
/// <param name="DraftedPerStep">Nodes.</param>
/// <param name="Acceptance">Accepted of the drafted.</param>
/// <param name="PredictedOverActual">Accepted nodes as the drafts' probabilities foretold, by those that were.</param>
/// <param name="CalibrationError">Expected calibration error of a node's probability.</param>
/// <param name="DraftMicroseconds">Time of a draft.</param>
/// <param name="AppendNanosecondsPerToken">Learning from and indexing an output token.</param>
/// <param name="PromptNanosecondsPerToken">Recognising or indexing a prompt token.</param>
/// <param name="BytesPerToken">Index memory at the end.</param>
/// <param name="IndexTokens">Tokens in it.</param>
/// <param name="IndexBytes">Bytes of it.</param>
/// <param name="PromptTokens">Of all calls.</param>
/// <param name="Drafted">Nodes.</param>
/// <param name="Accepted">Of those, taken by the recording.</param>
internal sealed record ReplayRow(
    string File, long Calls, long OutputTokens, long Steps, double TokensPerStep, double DraftedPerStep, double Acceptance,
    double PredictedOverActual, double CalibrationError, DraftTime DraftMicroseconds, double AppendNanosecondsPerToken,
    double PromptNanosecondsPerToken, double BytesPerToken, long IndexTokens, long IndexBytes,
    long PromptTokens, long Drafted, long Accepted)
{
    public static ReplayRow Of(string file, ReplayResult result)
    {
        static double Ratio(double a, double b) => b == 0 ? 0 : Math.Round(a / b, 4);
        IReadOnlyList<TimeSpan> times = result.DraftTimes;
        double At(double quantile) => times.Count == 0 ? 0 : Math.Round(times[(int)(quantile * (times.Count - 1))].TotalMicroseconds, 2);
        return new ReplayRow(
            file, result.Calls, result.OutputTokens, result.Steps,
            Ratio(result.OutputTokens, result.Steps), Ratio(result.Drafted, result.Steps),
            Ratio(result.Accepted, result.Drafted), Ratio(result.Predicted, result.Accepted), Math.Round(result.CalibrationError, 4),
            new DraftTime(Ratio(times.Sum(time => time.TotalMicroseconds), times.Count), At(0.5), At(0.99)),
            Ratio(result.AppendTime.TotalNanoseconds, result.OutputTokens), Ratio(result.PromptTime.TotalNanoseconds, result.PromptTokens),
            Ratio(result.IndexBytes, result.IndexTokens), result.IndexTokens, result.IndexBytes,
            result.PromptTokens, result.Drafted, result.Accepted);
    }
}

/// <summary>Microseconds.</summary>
internal sealed record DraftTime(double Mean, double P50, double P99);

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ReplayReport))]
internal sealed partial class ReplayJson : JsonSerializerContext;
