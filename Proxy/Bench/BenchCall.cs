using Agentic.ModelRuntime;
using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary>One call of an agent: the prompt it sends and, in a forced run, the output it got.</summary>
/// <param name="Workload">What the figures are grouped by.</param>
/// <param name="PromptIds">Token ids.</param>
/// <param name="OutputIds">Recorded token ids, or null where the model writes freely.</param>
internal sealed record BenchCall(string Workload, int[] PromptIds, int[]? OutputIds)
{
    /// <summary>Whose messages the prompt's tokens are.</summary>
    public IReadOnlyList<TokenRun> PromptRuns { get; init; } = [];

    /// <summary>The call's tools as a server lays them out.</summary>
    public IReadOnlyList<CallSkeleton> CallSkeletons { get; init; } = [];
}

/// <summary>One pass over a workload in one mode.</summary>
/// <param name="Workload">The calls.</param>
/// <param name="Mode">plain, suffix, ….</param>
/// <param name="Round">Which of the mode's passes.</param>
/// <param name="Calls">Calls made.</param>
/// <param name="OutputTokens">Tokens generated.</param>
/// <param name="Seconds">From the first submission to the last token.</param>
/// <param name="DecodeSeconds">Of that, steps less what rows of prompts took of them: drafting and verifying included.</param>
/// <param name="Steps">Decode steps.</param>
/// <param name="Drafted">Nodes verified.</param>
/// <param name="Accepted">Nodes accepted.</param>
/// <param name="Expected">Nodes that the policy expected to be accepted.</param>
/// <param name="Digest">Hash of all tokens: equal between modes, or speculation changed something.</param>
internal sealed record BenchPass(
    string Workload, string Mode, int Round, int Calls, long OutputTokens, double Seconds, double DecodeSeconds, long Steps, long Drafted, long Accepted,
    double Expected, ulong Digest)
{
    /// <summary>What the engine says of it; null of a total.</summary>
    public SpeculationReport? Report { get; init; }

    /// <summary>Tokens of all prompts, and those of them whose keys and values were in the cache.</summary>
    public (long All, long Cached) PromptTokens { get; init; }

    public double TokensPerSecond => OutputTokens / Seconds;

    /// <summary>For each mode and round, all workloads but the control and the mixture as one.</summary>
    public static IEnumerable<BenchPass> Total(IEnumerable<BenchPass> passes) =>
        passes.Where(pass => pass.Workload is not (BenchWorkload.Control or BenchWorkload.Mixture)).GroupBy(pass => (pass.Mode, pass.Round)).Select(group => group.Aggregate(
            new BenchPass("all", group.Key.Mode, group.Key.Round, 0, 0, 0, 0, 0, 0, 0, 0, 0),
            (sum, pass) => sum with
            {
                Calls = sum.Calls + pass.Calls,
                OutputTokens = sum.OutputTokens + pass.OutputTokens,
                Seconds = sum.Seconds + pass.Seconds,
                DecodeSeconds = sum.DecodeSeconds + pass.DecodeSeconds,
                Steps = sum.Steps + pass.Steps,
                Drafted = sum.Drafted + pass.Drafted,
                Accepted = sum.Accepted + pass.Accepted,
                Expected = sum.Expected + pass.Expected,
                PromptTokens = (sum.PromptTokens.All + pass.PromptTokens.All, sum.PromptTokens.Cached + pass.PromptTokens.Cached),
                Digest = (sum.Digest * 31) ^ pass.Digest,
            }));
}
