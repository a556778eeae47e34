using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using Spectre.Console;

namespace Agentic.Proxy;

/// <summary><c>agentic doctor</c>: what this machine offers, and what would stop a start, with the remedy.</summary>
internal static class DoctorCommand
{
    private const int WidthOfFiles = 200;
    private static readonly Option<bool> Json = new("--json") { Description = "Write findings as a JSON array." };

    public static Command Create()
    {
        var command = new Command("doctor", "Says what this machine offers, and what would stop a start (then the exit code is 1).")
        {
            Json,
        };
        foreach (Setting setting in ServeOptions.Settings)
            command.Add(setting.Option);
        command.SetAction(async (parsed, cancellation) =>
        {
            List<Finding> findings = await Diagnosis.RunAsync(parsed, cancellation);
            if (parsed.GetValue(Json))
                Console.WriteLine(JsonSerializer.Serialize(findings, FindingJson.Default.ListFinding));
            else
                Draw(findings);
            return findings.Any(finding => finding.Level == FindingLevel.Stops) ? 1 : 0;
        });
        return command;
    }

    private static void Draw(List<Finding> findings)
    {
        if (Console.IsOutputRedirected)
            AnsiConsole.Profile.Width = WidthOfFiles;
        var table = new Table().Border(TableBorder.Simple).AddColumns("", "what", "found", "remedy");
        foreach (Finding finding in findings)
        {
            string mark = finding.Level switch
            {
                FindingLevel.Good => "[green]ok[/]",
                FindingLevel.Absent => "[yellow]–[/]",
                _ => "[red]stops[/]",
            };
            table.AddRow(new Markup(mark), new Text(finding.Name), new Text(finding.Found), new Text(finding.Remedy ?? ""));
        }

        AnsiConsole.Write(table);
    }
}

/// <summary>How much a finding matters.</summary>
internal enum FindingLevel
{
    /// <summary>As it should be.</summary>
    [JsonStringEnumMemberName("ok")]
    Good,

    /// <summary>Not here, and serving does without.</summary>
    [JsonStringEnumMemberName("absent")]
    Absent,

    /// <summary>The server would not start.</summary>
    [JsonStringEnumMemberName("stops")]
    Stops,
}

/// <summary>One thing looked at.</summary>
/// <param name="Name">What.</param>
/// <param name="Level">How much it matters.</param>
/// <param name="Found">What it is like.</param>
/// <param name="Remedy">What to do about it, or null.</param>
internal sealed record Finding(string Name, FindingLevel Level, string Found, string? Remedy = null);

[JsonSourceGenerationOptions(
    WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
[JsonSerializable(typeof(List<Finding>))]
internal sealed partial class FindingJson : JsonSerializerContext;
