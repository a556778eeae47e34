using System.Globalization;
using System.Text;
using System.Text.Json.Serialization;

namespace Agentic.Proxy;

/// <summary>One mode on one workload over all rounds.</summary>
/// <param name="Workload">The calls.</param>
/// <param name="Mode">plain, suffix, ….</param>
/// <param name="Calls">Of one pass.</param>
/// <param name="OutputTokens">Of one pass.</param>
/// <param name="TokensPerSecond">Median over the rounds, prompts included in the time.</param>
/// <param name="Speedup">Median over the rounds of plain seconds / this mode's seconds in the same round.</param>
/// <param name="DecodeSpeedup">The same for decoding alone: steps less what rows of prompts took of them.</param>
/// <param name="TokensPerStep">Output tokens a decode step.</param>
/// <param name="DraftedPerStep">Nodes verified a decode step.</param>
/// <param name="Acceptance">Accepted nodes / verified nodes.</param>
/// <param name="PredictedToActual">Expected accepted nodes / accepted nodes; 1 is calibrated.</param>
/// <param name="SameTokens">Whether every pass of every mode wrote the same tokens.</param>
internal sealed record BenchResult(
    string Workload, string Mode, int Calls, long OutputTokens, double TokensPerSecond, double Speedup, double DecodeSpeedup,
    double TokensPerStep, double DraftedPerStep, double Acceptance, double? PredictedToActual, bool SameTokens)
{
    /// <summary>Each source of drafts, summed over the rounds.</summary>
    public IReadOnlyList<BenchSource> Sources { get; init; } = [];

    /// <summary>Tokens of one pass's prompts.</summary>
    public long PromptTokens { get; init; }

    /// <summary>Those whose keys and values were in the cache.</summary>
    public long CachedPromptTokens { get; init; }

    /// <summary>Median over the rounds of the median of |predicted − actual| / actual step time.</summary>
    public double? StepPredictionError { get; init; }

    /// <summary>Levels that the draft head ran a step.</summary>
    public double HeadLevelsPerStep { get; init; }

    /// <summary>Share of the time that it ran.</summary>
    public double HeadTimeShare { get; init; }

    /// <summary>Groups passes by workload and mode; each mode's n-th pass is compared with plain decoding's n-th.</summary>
    public static List<BenchResult> Summarize(IReadOnlyList<BenchPass> passes) =>
    [
        .. from workload in passes.Concat(BenchPass.Total(passes)).GroupBy(pass => pass.Workload)
           let plain = workload.Where(pass => pass.Mode == BenchSettings.Plain).ToArray()
           let sameTokens = workload.Select(pass => pass.Digest).Distinct().Count() == 1
           from mode in workload.GroupBy(pass => pass.Mode)
           select Of([.. mode], plain, sameTokens),
    ];

    /// <summary>The results as aligned text, a row a mode.</summary>
    public static string Table(IReadOnlyList<BenchResult> results)
    {
        int width = results.Max(result => result.Workload.Length), mode = results.Max(result => result.Mode.Length);
        var text = new StringBuilder();
        text.Append("workload".PadRight(width)).Append(' ').Append("mode".PadRight(mode)).AppendLine(
            "  calls  tokens  tokens/s  speed-up   decode  tokens/step  drafted/step  acceptance  predicted");
        foreach (BenchResult result in results)
        {
            text.Append(result.Workload.PadRight(width)).Append(' ').Append(result.Mode.PadRight(mode)).Append(
                CultureInfo.InvariantCulture, $" {result.Calls,6} {result.OutputTokens,7} {result.TokensPerSecond,9:0}").Append(
                CultureInfo.InvariantCulture, $" {result.Speedup,8:0.00}× {result.DecodeSpeedup,7:0.00}× {result.TokensPerStep,12:0.00}").AppendLine(
                CultureInfo.InvariantCulture, $" {result.DraftedPerStep,13:0.0} {result.Acceptance,11:0.00} {result.PredictedToActual,10:0.00}");
        }

        return text.ToString();
    }

    private static BenchResult Of(List<BenchPass> own, BenchPass[] plain, bool sameTokens)
    {
        long accepted = own.Sum(pass => pass.Accepted), drafted = own.Sum(pass => pass.Drafted), steps = Math.Max(1, own.Sum(pass => pass.Steps));
        return new BenchResult(
            own[0].Workload, own[0].Mode, own[0].Calls, own[0].OutputTokens,
            Median(own.Select(pass => pass.TokensPerSecond)),
            Median(own.Zip(plain, (a, b) => b.Seconds / a.Seconds)),
            Median(own.Zip(plain, (a, b) => b.DecodeSeconds / a.DecodeSeconds)),
            (double)own.Sum(pass => pass.OutputTokens) / steps,
            (double)drafted / steps,
            drafted == 0 ? 0 : (double)accepted / drafted,
            accepted == 0 ? null : own.Sum(pass => pass.Expected) / accepted,
            sameTokens)
        {
            Sources = BenchSource.Of(own, steps),
            PromptTokens = own[0].PromptTokens.All,
            CachedPromptTokens = own[0].PromptTokens.Cached,
            StepPredictionError = own.All(pass => pass.Report is not null) ? Median(own.Select(pass => pass.Report!.StepPredictionError)) : null,
            HeadLevelsPerStep = (double)own.Sum(pass => pass.Report?.HeadLevels ?? 0) / steps,
            HeadTimeShare = own.Sum(pass => pass.Report?.HeadSeconds ?? 0) / own.Sum(pass => pass.Seconds),
        };
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}

/// <summary>One source of drafts in one mode on one workload.</summary>
/// <param name="Source">Its name.</param>
/// <param name="Drafted">Nodes it named that were verified.</param>
/// <param name="Accepted">Those taken.</param>
/// <param name="PredictedToActual">Expected / taken; 1 is calibrated.</param>
/// <param name="MicrosecondsPerStep">Spent on it a decode step: proposing and learning, its prompts' and answers' share included.</param>
internal sealed record BenchSource(string Source, long Drafted, long Accepted, double? PredictedToActual, double MicrosecondsPerStep)
{
    public static IReadOnlyList<BenchSource> Of(IEnumerable<BenchPass> passes, long steps) =>
    [
        .. passes.SelectMany(pass => pass.Report?.Sources ?? []).GroupBy(source => source.Source).Select(group => new BenchSource(
            group.Key, group.Sum(s => s.Drafted), group.Sum(s => s.Accepted),
            group.Sum(s => s.Accepted) == 0 ? null : group.Sum(s => s.Expected) / group.Sum(s => s.Accepted),
            1e6 * group.Sum(s => s.Seconds) / steps)),
    ];
}

/// <summary>What <c>bench --json</c> prints.</summary>
internal sealed record BenchReport(string Model, int Rounds, int Concurrency, int Threads, IReadOnlyList<BenchResult> Results);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(BenchReport))]
internal sealed partial class BenchJson : JsonSerializerContext;
