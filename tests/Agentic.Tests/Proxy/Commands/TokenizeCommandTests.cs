using System.Text.Json.Nodes;

namespace Agentic.Tests;

/// <summary><c>agentic tokenize</c> as a child process.</summary>
public sealed class TokenizeCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Texts_HaveTheReferencesIds()
    {
        JsonNode[] cases = [.. File.ReadLines(TestFiles.Golden("tokenizers", "llama3", "cases.jsonl")).Select(
            line => JsonNode.Parse(line)!)];

        JsonNode[] answers = await RunAsync(TestFiles.Golden("tokenizers", "llama3"),
            cases.Select(c => new JsonObject { ["text"] = c["text"]!.DeepClone() }));

        Assert.Equal(cases.Length, answers.Length);
        foreach ((JsonNode expected, JsonNode actual) in cases.Zip(answers))
        {
            Assert.Equal(expected["ids"]!.ToJsonString(), actual["ids"]!.ToJsonString());
            Assert.Equal((string)expected["decoded"]!, (string)actual["decoded"]!);
        }
    }

    [Fact]
    public async Task Conversations_AreRenderedAndEncodedWithoutMoreSpecialTokens()
    {
        File.Copy(TestFiles.Golden("templates", "alternating.jinja"), _directory["chat_template.jinja"]);
        foreach (string file in (ReadOnlySpan<string>)["tokenizer.model", "tokenizer_config.json"])
            File.Copy(TestFiles.Golden("tokenizers", "sentencepiece-bpe", file), _directory[file]);
        JsonNode[] cases = [.. File.ReadLines(TestFiles.Golden("templates", "alternating.jsonl")).Select(line => JsonNode.Parse(line)!)];

        JsonNode[] answers = await RunAsync(_directory.Path, cases.Select(c => (JsonObject)c["variables"]!.DeepClone()));

        Assert.Equal(cases.Length, answers.Length);
        foreach ((JsonNode expected, JsonNode actual) in cases.Zip(answers))
        {
            Assert.Equal((string?)expected["rendered"], (string?)actual["rendered"]);
            Assert.Equal(expected["rendered"] is null, actual["error"] is not null);
            if (actual["rendered"] is { } rendered)
                Assert.Equal(rendered.GetValue<string>().StartsWith("<s>", StringComparison.Ordinal)
                    ? 1 : 0, actual["ids"]!.AsArray().Take(2).Count(id => (int)id! == 1));
        }
    }

    [Fact]
    public async Task LinesThatFail_SayWhyAndEndNothing()
    {
        File.WriteAllLines(_directory["in"], ["{\"text\": 5}", "no JSON", "{}", "{\"messages\": 7}", "{\"text\": \"\\ud800\"}", "[]",
            "{\"text\": \"fine\"}"]);

        JsonNode[] answers = await RunAsync(Path.Combine(TestFiles.Root, "models", "agentic-tiny"));

        Assert.Equal(7, answers.Length);
        Assert.All(answers[..^1], answer => Assert.NotEmpty((string)answer["error"]!));
        Assert.Equal("fine", (string)answers[^1]["decoded"]!);
    }

    [Fact]
    public async Task NoTokenizer_IsOneLine()
    {
        File.WriteAllText(_directory["in"], "");

        (await AgenticProcess.RunAsync("tokenize", "--model", _directory.Path, "--in", _directory["in"],
            "--out", _directory["out"])).AssertOneLine("tokenizer");
    }

    [Fact]
    public async Task NoInput_IsOneLine() =>
        (await AgenticProcess.RunAsync(
            "tokenize", "--model", Path.Combine(TestFiles.Root, "models", "agentic-tiny"), "--in", _directory["none"],
            "--out", _directory["out"])).AssertOneLine("none");

    private Task<JsonNode[]> RunAsync(string model, IEnumerable<JsonObject> lines)
    {
        File.WriteAllLines(_directory["in"], lines.Select(line => line.ToJsonString()));
        return RunAsync(model);
    }

    private async Task<JsonNode[]> RunAsync(string model)
    {
        AgenticProcess.Result result = await AgenticProcess.RunAsync(
            "tokenize", "--model", model, "--in", _directory["in"], "--out", _directory["out"]);
        Assert.Equal((0, "", ""), (result.ExitCode, result.Output, result.Error));
        return [.. File.ReadLines(_directory["out"]).Select(line => JsonNode.Parse(line)!)];
    }
}
