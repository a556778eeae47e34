using System.Text.Json.Nodes;

namespace Agentic.Tests;

/// <summary><c>agentic replay</c> as a child process, on logs as users have them.</summary>
public sealed class ReplayCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task LoggedRequests_HaveAllFiguresAsJson()
    {
        string file = _directory["requests.jsonl"];
        await File.WriteAllLinesAsync(file, Enumerable.Range(0, 4).Select(_ => new JsonObject
        {
            ["request"] = new JsonObject { ["messages"] = new JsonArray(Message("user", "How many legs has a spider?")) },
            ["response"] = new JsonObject { ["choices"] = new JsonArray(new JsonObject { ["message"] = Message("assistant", "A spider has eight legs.") }) },
        }.ToJsonString()), TestContext.Current.CancellationToken);

        AgenticProcess.Result result = await AgenticProcess.RunAsync("replay", file, "--json");

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        JsonNode row = JsonNode.Parse(result.Output)!["files"]![0]!;
        Assert.Equal(4, (int)row["calls"]!);
        Assert.InRange((double)row["tokens_per_step"]!, 1.5, 100);
        foreach (string figure in (ReadOnlySpan<string>)["steps", "drafted", "accepted", "prompt_tokens", "output_tokens", "index_tokens", "index_bytes",
            "acceptance", "append_nanoseconds_per_token", "bytes_per_token", "drafted_per_step", "predicted_over_actual"])
            Assert.InRange((double)row[figure]!, double.Epsilon, double.MaxValue);
        Assert.Equal(JsonNode.Parse(result.Output)!["all"]!["drafted"]!.ToJsonString(), row["drafted"]!.ToJsonString());
    }

    [Fact]
    public async Task FirstTrials_LeaveOutLaterSessionsOfAGroup()
    {
        string file = _directory["trials.jsonl"];
        string[] sessions = ["a", "b", "a", "c"], groups = ["task", "task", "task", "other"];
        await File.WriteAllLinesAsync(file, sessions.Zip(groups, (session, group) => new JsonObject
        {
            ["session"] = session,
            ["group"] = group,
            ["messages"] = new JsonArray(Message("user", "How many legs has a spider?"), Message("assistant", "A spider has eight legs.")),
        }.ToJsonString()), TestContext.Current.CancellationToken);

        Assert.Equal(4, await Calls());
        Assert.Equal(3, await Calls("--first-trials"));
        (await AgenticProcess.RunAsync("replay", _directory["x.seg.gz"], "--first-trials")).AssertOneLine("x.seg.gz", "names of sessions");

        async Task<int> Calls(params string[] options)
        {
            AgenticProcess.Result result = await AgenticProcess.RunAsync(["replay", file, "--json", .. options]);
            return (int)JsonNode.Parse(result.Output)!["all"]!["calls"]!;
        }
    }

    [Theory]
    [InlineData("empty.jsonl", "")]
    [InlineData("empty.jsonl.gz", "")]
    [InlineData("questions.jsonl", "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}")]
    public async Task FileWithoutAnswers_IsOneLineThatNamesIt(string name, string content)
    {
        await File.WriteAllTextAsync(_directory[name], content, TestContext.Current.CancellationToken);

        (await AgenticProcess.RunAsync("replay", _directory[name])).AssertOneLine(name, "answer");
    }

    [Fact]
    public async Task LineOfAnotherKind_IsOneLineThatNamesIt()
    {
        string file = _directory["log.jsonl"];
        await File.WriteAllTextAsync(file, """{"event":"start"}""", TestContext.Current.CancellationToken);
        (await AgenticProcess.RunAsync("replay", file)).AssertOneLine("log.jsonl, line 1", "messages");
        (await AgenticProcess.RunAsync("replay", file, "--model", _directory["none"])).AssertOneLine("none", "not a directory");
        (await AgenticProcess.RunAsync("replay", _directory["absent.jsonl"])).AssertOneLine("absent.jsonl");
        (await AgenticProcess.RunAsync("replay", file, "--mean", "nan")).AssertOneLine("mean: NaN");
        await File.WriteAllTextAsync(
            file, "\n" + """{"messages":[{"role":"user","content":"\ud800"},{"role":"assistant","content":"a"}]}""", TestContext.Current.CancellationToken);
        (await AgenticProcess.RunAsync("replay", file)).AssertOneLine("log.jsonl, line 2", "surrogate");
        await File.WriteAllTextAsync(_directory["x.seg.gz"], "SEG1", TestContext.Current.CancellationToken);
        (await AgenticProcess.RunAsync("replay", _directory["x.seg.gz"])).AssertOneLine("x.seg.gz", "no gzip file");
    }

    private static JsonObject Message(string role, string content) => new() { ["role"] = role, ["content"] = content };
}
