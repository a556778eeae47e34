using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary><c>agentic cache check</c>: shows on this machine that tenants do not see one another. Touches no store.</summary>
internal static class CacheCheck
{
    // Above what chance gives with so many probes, and far below what could be used.
    private const double GoodArea = 0.55;

    private static readonly Option<long> Tokens = new("--tokens")
    {
        HelpName = "N",
        Description = "Tokens to draft over tenants side by side.",
        DefaultValueFactory = _ => 10_000_000,
    };

    private static readonly Option<int> Probes = new("--probes")
    {
        HelpName = "N",
        Description = "Prompts of another tenant to be told from others by the clock.",
        DefaultValueFactory = _ => 5000,
    };

    private static readonly Option<int> Seed = new("--seed")
    {
        HelpName = "N",
        Description = "The same seed checks the same. Default: another each time.",
        DefaultValueFactory = _ => Random.Shared.Next(),
    };

    private static readonly Option<bool> Json = new("--json") { Description = "Write the figures as JSON." };

    public static Command Create()
    {
        var command = new Command("check", "Checks that no tenant drafts another's tokens, and that none can be told by the clock.")
        {
            Tokens, Probes, Seed, Json,
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        long tokens = parsed.GetValue(Tokens);
        int probes = parsed.GetValue(Probes), seed = parsed.GetValue(Seed);
        if (tokens < 1)
            throw new CommandException($"tokens: {tokens} is not a number to draft; give 1 or more");
        if (probes is < 100 or > 100_000)
            throw new CommandException($"probes: {probes} tell nothing or fill the memory; give 100 to 100000");
        IsolationCheck? isolation = null;
        TimingProbe? timing = null;
        Progress.Run("drafting", tokens, report => isolation = IsolationCheck.Run(tokens, seed, report));
        Progress.Run("timing", probes, report => timing = TimingProbe.Run(probes, seed, () => report(1)));
        bool isGood = isolation!.Foreign == 0 && timing!.Worst <= GoodArea;
        var report = new CheckReport(
            seed, isolation.Drafted, isolation.Foreign, isolation.Evicted, isolation.Erased, probes,
            Round(timing!.Prompt), Round(timing.Draft), Round(timing.Whole), Round(timing.Own), isGood);
        if (parsed.GetValue(Json))
            Console.WriteLine(JsonSerializer.Serialize(report, CacheJson.Default.CheckReport));
        else
            Draw(report);
        return isGood ? 0 : 1;
    }

    private static void Draw(CheckReport report) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"""
        drafted          {report.Drafted:N0} tokens of tenants side by side, {report.Evicted:N0} evicted and {report.Erased:N0} tenants erased meanwhile
        foreign          {report.Foreign:N0}
        timing           {report.Probes:N0} probes; chance of telling another tenant's prompt from a new one (0.5 is guessing):
                         by its prompt {report.AreaByPrompt:0.000}, by its draft {report.AreaByDraft:0.000}, by all of it {report.AreaByWhole:0.000}
                         one's own prompt {report.AreaOfOwn:0.000}
        {(report.Passed ? "passed" : "FAILED")}           seed {report.Seed}
        """));

    private static double Round(double area) => Math.Round(area, 4);
}

/// <summary>What a check found.</summary>
/// <param name="Seed">Of it.</param>
/// <param name="Drafted">Tokens.</param>
/// <param name="Foreign">Of those, tokens of another tenant, or erased ones.</param>
/// <param name="Evicted">Tokens evicted meanwhile.</param>
/// <param name="Erased">Tenants erased meanwhile.</param>
/// <param name="Probes">Prompts timed.</param>
/// <param name="AreaByPrompt">Area under the curve of telling another tenant's prompt by the time of taking it in.</param>
/// <param name="AreaByDraft">By the time of its first draft.</param>
/// <param name="AreaByWhole">By the time of the whole sequence.</param>
/// <param name="AreaOfOwn">As by prompt, for one's own: that the probe can see.</param>
/// <param name="Passed">Nothing foreign, and nothing told.</param>
internal sealed record CheckReport(
    int Seed, long Drafted, long Foreign, long Evicted, int Erased, int Probes, double AreaByPrompt, double AreaByDraft, double AreaByWhole,
    double AreaOfOwn, bool Passed);
