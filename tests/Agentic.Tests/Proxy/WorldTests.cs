using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Agentic.Tests;

/// <summary>Agents play the bundled model's world against a real server: as many tasks are solved as the reference library's generation solved.</summary>
public sealed class WorldTests : IDisposable
{
    // Where two logits all but tie, another order of summation may choose another token than the reference did.
    private const double NearTies = 0.01;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Agents_SolveWhatTheReferenceSolves_WithSpeculationAndWithout()
    {
        JsonNode measured = JsonNode.Parse(File.ReadAllText(Path.Combine(TestFiles.Root, "models", "agentic-tiny", "measured.json")))!;
        string[] seeds = [.. measured["seeds"]!.GetValue<string>().Split(" and ").Select(range => range.TrimEnd('.'))];
        int tasks = measured["tasks"]!.GetValue<int>(), solved = measured["solved"]!.GetValue<int>();

        (int plainSolved, string plain) = await PlayAsync("plain", seeds, tasks, "--draft-nodes", "0");
        (_, string speculating) = await PlayAsync("speculating", seeds, tasks);

        Assert.Equal(plain, speculating);
        Assert.True(plainSolved >= solved - (NearTies * tasks), $"{plainSolved} of {tasks} solved, and {solved} by the reference: {plain}");
    }

    /// <summary>Plays an equal share of the tasks from each first seed.</summary>
    /// <returns>Solved tasks, and all counts but the seconds.</returns>
    private async Task<(int Solved, string Counts)> PlayAsync(string name, string[] firstSeeds, int tasks, params string[] options)
    {
        await using RunningServer server = await RunningServer.StartAsync(_directory[name], options);
        int solved = 0;
        string counts = "";
        foreach (string seed in firstSeeds)
        {
            JsonObject report = JsonNode.Parse(await SolveAsync(server.Client.BaseAddress!, seed, tasks / firstSeeds.Length))!.AsObject();
            solved += report["solved"]!.GetValue<int>();
            report.Remove("seconds");
            report["kinds"] = new JsonObject(report["kinds"]!.AsObject().OrderBy(kind => kind.Key, StringComparer.Ordinal)
                .Select(kind => KeyValuePair.Create(kind.Key, kind.Value?.DeepClone())));
            counts += report.ToJsonString();
        }

        return (solved, counts);
    }

    private static async Task<string> SolveAsync(Uri server, string firstSeed, int tasks)
    {
        string[] arguments =
        [
            Path.Combine(TestFiles.Root, "loadtests", "world", "solve.mjs"), new Uri(server, "/v1").ToString(), "agentic-tiny", firstSeed,
            tasks.ToString(CultureInfo.InvariantCulture),
        ];
        Process? started = null;
        try
        {
            started = Process.Start(new ProcessStartInfo("node", arguments) { RedirectStandardOutput = true, RedirectStandardError = true });
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            Assert.Skip("Node is needed: " + exception.Message);
        }

        using Process process = started!;
        using CancellationTokenSource limit = new(TimeSpan.FromMinutes(4));
        Task<string> output = process.StandardOutput.ReadToEndAsync(limit.Token), error = process.StandardError.ReadToEndAsync(limit.Token);
        await process.WaitForExitAsync(limit.Token);
        Assert.True(process.ExitCode == 0, await error);
        return await output;
    }
}
