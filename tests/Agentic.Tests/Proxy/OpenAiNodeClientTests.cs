using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Agentic.Tests;

/// <summary>OpenAI's own Node client against the endpoints; installed into artifacts/ on the first run.</summary>
public sealed class OpenAiNodeClientTests
{
    private const string CallText = "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>";

    [Fact]
    public async Task EverythingItAsks_IsUnderstood()
    {
        string source = Path.Combine(Root(), "tests", "clients", "openai-node");
        string installed = await InstallAsync(source);
        await using ProxyHost host = await ProxyHost.StartAsync(options => options.ApiKeys["key"] = "tenant");
        // A conversation with tools is answered by a call, one that ends with a tool's answer by text.
        host.Engine.Script = (request, _) => new FakeCodec().TextOf(request.PromptIds) is var prompt
            && prompt.Contains("weather", StringComparison.Ordinal) && !prompt.Contains("rain", StringComparison.Ordinal)
                ? FakeCodec.Ended(CallText)
                : FakeCodec.Ended("Hé 😀");

        (int status, string output, string error) = await RunAsync(
            installed, "node", Path.Combine(source, "client.mjs"), host.BaseAddress.ToString(), ProxyHost.Model, "key");

        Assert.True(status == 0, error);
        JsonObject report = JsonNode.Parse(output)!.AsObject();
        Assert.Equal("Hé 😀", report["chat"]!.GetValue<string>());
        Assert.StartsWith("req_", report["requestId"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal(8, report["logprobBytes"]!.GetValue<int>());
        Assert.Equal(2, report["cachedTokens"]!.GetValue<int>());
        Assert.Equal("""["Hé 😀","Hé 😀","stop",14]""", Compact(report["stream"]!));
        Assert.Equal("""["tool_calls","weather",{"city":"Oslo"},null]""", Compact(report["call"]!));
        Assert.Equal("Hé 😀", report["answer"]!.GetValue<string>());
        Assert.Equal("Hé 😀", report["completion"]!.GetValue<string>());
        Assert.Equal("""["fake-model"]""", Compact(report["models"]!));
        Assert.Equal(
            """[["NotFoundError",404,"model_not_found","model"],["BadRequestError",400,"decimal_above_max_value","temperature"],["AuthenticationError",401,"invalid_api_key",null]]""",
            Compact(report["errors"]!));
    }

    private static string Compact(JsonNode node) =>
        node.ToJsonString(new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }).Replace("\\uD83D\\uDE00", "😀", StringComparison.Ordinal);

    /// <summary>The directory that has the package, or a skip that says why there is none.</summary>
    private static async Task<string> InstallAsync(string source)
    {
        string target = Path.Combine(Root(), "artifacts", "clients", "openai-node");
        string stamp = Path.Combine(target, "installed.json"), wanted = await File.ReadAllTextAsync(Path.Combine(source, "package-lock.json"));
        if (File.Exists(stamp) && await File.ReadAllTextAsync(stamp) == wanted)
            return target;
        Directory.CreateDirectory(target);
        foreach (string file in (string[])["package.json", "package-lock.json"])
            File.Copy(Path.Combine(source, file), Path.Combine(target, file), overwrite: true);
        try
        {
            (int status, _, string error) = await RunAsync(target, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund");
            Assert.SkipUnless(status == 0, "npm ci failed, perhaps for want of a registry: " + error);
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            Assert.Skip("Node and npm are needed: " + exception.Message);
        }

        await File.WriteAllTextAsync(stamp, wanted);
        return target;
    }

    private static async Task<(int Status, string Output, string Error)> RunAsync(string directory, string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = directory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        using CancellationTokenSource limit = new(TimeSpan.FromMinutes(1));
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(limit.Token), error = process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return (process.ExitCode, await output, await error);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    private static string Root()
    {
        string? directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "Agentic.sln")))
            directory = Path.GetDirectoryName(directory);
        return directory ?? throw new InvalidOperationException("The tests do not lie in the repository.");
    }
}
