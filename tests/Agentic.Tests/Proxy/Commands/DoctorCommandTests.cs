using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace Agentic.Tests;

/// <summary><c>agentic doctor</c> as a child process.</summary>
public sealed class DoctorCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task SoundMachine_NothingStops()
    {
        AgenticProcess.Result result = await AgenticProcess.RunAsync("doctor", "--json", "--port", "0", "--data", _directory.Path);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        JsonArray findings = JsonNode.Parse(result.Output)!.AsArray();
        Assert.DoesNotContain(findings, finding => (string)finding!["level"]! == "stops");
        Assert.Contains("agentic-tiny", Found(findings, "model"), StringComparison.Ordinal);
        Assert.Contains("cores", Found(findings, "processor"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Table_ShowsEachFinding()
    {
        AgenticProcess.Result result = await AgenticProcess.RunAsync("doctor", "--port", "0", "--data", _directory.Path);

        Assert.Equal(0, result.ExitCode);
        foreach (string name in (ReadOnlySpan<string>)["processor", "memory", "libtorch", "CUDA driver", "model", "data directory",
            "address", "store"])
            Assert.Contains(name, result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PortInUse_StopsWithTheRemedy()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        string port = ((IPEndPoint)taken.LocalEndpoint).Port.ToString(System.Globalization.CultureInfo.InvariantCulture);

        JsonNode finding = await StopAsync("address", "--port", port, "--data", _directory.Path);

        Assert.Contains(port, (string)finding["found"]!, StringComparison.Ordinal);
        Assert.Contains("--port", (string)finding["remedy"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DataBelowAFile_Stops()
    {
        File.WriteAllText(_directory["file"], "");

        Assert.Contains("--data", (string)(await StopAsync(
            "data directory", "--port", "0", "--data", Path.Combine(_directory["file"], "data")))["remedy"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ModelWithoutWeights_Stops()
    {
        File.WriteAllText(_directory["config.json"], "{}");

        JsonNode finding = await StopAsync("model", "--port", "0", "--data", _directory["data"], "--model", _directory.Path);

        Assert.Contains("safetensors", (string)finding["found"]!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("config.json", "{\"architectures\": [\"GemmaForCausalLM\"]}", "GemmaForCausalLM")]
    [InlineData("model.safetensors", "short", "model.safetensors")]
    [InlineData("chat_template.jinja", "{{", "chat_template.jinja")]
    public async Task ModelThatCannotBeServed_Stops(string file, string content, string mention)
    {
        foreach (string path in Directory.EnumerateFiles(Path.Combine(TestFiles.Root, "models", "agentic-tiny")))
            File.Copy(path, _directory[Path.GetFileName(path)]);
        File.WriteAllText(_directory[file], content);

        JsonNode finding = await StopAsync("model", "--port", "0", "--data", _directory["data"], "--model", _directory.Path);

        Assert.Contains(mention, (string)finding["found"]!, StringComparison.Ordinal);
        Assert.Contains("--model", (string)finding["remedy"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task UnknownRedis_IsSaidAndStopsNothing()
    {
        AgenticProcess.Result result = await AgenticProcess.RunAsync(
            "doctor", "--json", "--port", "0", "--data", _directory.Path, "--redis", "127.0.0.1:1");

        Assert.Equal(0, result.ExitCode);
        Assert.Contains("cannot be reached", Found(JsonNode.Parse(result.Output)!.AsArray(), "store"), StringComparison.Ordinal);
    }

    private static string Found(JsonArray findings, string name) =>
        (string)findings.Single(finding => (string)finding!["name"]! == name)!["found"]!;

    private static async Task<JsonNode> StopAsync(string name, params string[] options)
    {
        AgenticProcess.Result result = await AgenticProcess.RunAsync(["doctor", "--json", .. options]);
        Assert.Equal((1, ""), (result.ExitCode, result.Error));
        JsonNode finding = JsonNode.Parse(result.Output)!.AsArray().Single(finding => (string)finding!["name"]! == name)!;
        Assert.Equal("stops", (string)finding["level"]!);
        return finding;
    }
}
