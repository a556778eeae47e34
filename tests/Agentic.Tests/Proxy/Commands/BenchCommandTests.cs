using System.Text.Json.Nodes;
using Agentic.Proxy;

namespace Agentic.Tests;

/// <summary><c>agentic bench</c>: all modes, turn by turn.</summary>
public sealed class BenchCommandTests
{
    /// <summary>How often the head is worth asking is a matter of this machine's speed at the moment, but for the rule that asks it always.</summary>
    [Theory]
    [InlineData("rate", 0)]
    [InlineData("depth", 1)]
    public async Task AllModes_RunTheSameCalls(string stop, double leastLevels)
    {
        string head = Path.Combine(BundledModel.Directory!, "..", "agentic-tiny-eagle3");

        AgenticProcess.Result result = await AgenticProcess.RunAsync(
            "bench", "--draft", head, "--draft-stop", stop, "--sources", "suffix,eagle,suffix+schema+eagle", "--workloads", "store", "--rounds", "2",
            "--max-calls", "5", "--json");

        Assert.Equal(0, result.ExitCode);
        JsonNode report = JsonNode.Parse(result.Output)!;
        JsonNode[] modes = [.. report["results"]!.AsArray().Where(row => (string)row!["workload"]! == "store").Select(row => row!)];
        Assert.Equal(["plain", "suffix", "eagle", "suffix+schema+eagle"], modes.Select(row => (string)row["mode"]!));
        Assert.All(modes, row => Assert.True((bool)row["same_tokens"]!));
        Assert.All(modes, row => Assert.Equal((5, (long)modes[0]["output_tokens"]!), ((int)row["calls"]!, (long)row["output_tokens"]!)));
        Assert.All(modes, row => Assert.InRange((double)row["speedup"]!, 0.1, 10));
        Assert.Equal((1, 0), ((double)modes[0]["tokens_per_step"]!, (double)modes[0]["drafted_per_step"]!));
        Assert.All(modes[2..], row => Assert.InRange((double)row["head_levels_per_step"]!, leastLevels, 16));
        Assert.All(modes[1..], row => Assert.InRange((double)row["tokens_per_step"]!, leastLevels > 0 ? 1.05 : 1, 33));
    }

    [Theory]
    [InlineData("line.jsonl", "{\"messages\": []}\nnonsense", "line 2", "one JSON object a line")]
    [InlineData("call.jsonl", "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}], \"calls\": [3]}", "line 1", "\"calls\" names message 3")]
    [InlineData("plain.jsonl.gz", "{\"messages\": []}", "plain.jsonl.gz", "gzip")]
    public async Task DamagedFile_IsNamedWithTheRemedy(string name, string content, params string[] mentions)
    {
        using var directory = new TemporaryDirectory();
        await File.WriteAllTextAsync(directory[name], content, TestContext.Current.CancellationToken);

        (await AgenticProcess.RunAsync("bench", "--traces", directory[name])).AssertOneLine([name, .. mentions]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Turns_GiveEachModeEachPlaceAsOften(int modes)
    {
        int[,] times = new int[modes, modes];
        for (int turn = 0; turn < 2 * modes; turn++)
        {
            foreach ((int place, int mode) in BenchRunner.Order(turn, modes).Index())
                times[place, mode]++;
        }

        Assert.All(times.Cast<int>(), count => Assert.Equal(2, count));
    }
}
