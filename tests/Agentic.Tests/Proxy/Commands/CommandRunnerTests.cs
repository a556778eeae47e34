using Agentic.Proxy;

namespace Agentic.Tests;

/// <summary>What the executable says of itself and of what it cannot do.</summary>
public sealed class CommandRunnerTests
{
    [Theory]
    [InlineData("--bogus")]
    [InlineData("serve", "--bogus")]
    [InlineData("nothing")]
    [InlineData("logits", "--dtype", "f64")]
    public async Task UnknownArgument_IsOneLineThatNamesIt(params string[] arguments) =>
        (await AgenticProcess.RunAsync(arguments)).AssertOneLine(arguments[^1], "--help");

    [Theory]
    [InlineData("--port", "99999")]
    [InlineData("--port", "-1")]
    [InlineData("--threads", "0")]
    [InlineData("--max-sequences", "many")]
    [InlineData("--kv-memory", "3 potatoes")]
    [InlineData("--dtype", "f64")]
    [InlineData("--device", "tpu")]
    [InlineData("--suffix-memory", "1")]
    [InlineData("--api-key", "tenant=")]
    [InlineData("--model", "/no/such/model")]
    [InlineData("--host", "127.0.0.l")]
    [InlineData("--urls", "http://127.0.0.1:0;http://example.com:0")]
    [InlineData("--allow-origin", "http://localhost:3000/page")]
    [InlineData("--data", "/dev/null")]
    public async Task UnusableValue_IsOneLineWithOptionAndValue(string option, string value) =>
        (await AgenticProcess.RunAsync(option, value)).AssertOneLine(
            option == "--urls" ? "host" : option.TrimStart('-'), value == "tenant=" ? "TENANT=KEY" : value.Split("//")[^1].Split(":0")[0]);

    /// <summary>As where the variable that should hold it was never set.</summary>
    [Fact]
    public async Task EmptyKey_IsNotTakenForNone() =>
        (await AgenticProcess.RunAsync("--api-key", "", "--port", "0")).AssertOneLine("api-key", "empty");

    /// <summary>No tenant of that name whose key would be "=".</summary>
    [Fact]
    public async Task KeyThatEndsAsBase64_WantsItsTenant() =>
        (await AgenticProcess.RunAsync("--api-key", "c2VjcmV0==", "--port", "0")).AssertOneLine("api-key", "a = with its tenant");

    [Fact]
    public async Task LogitsThatCannotBeMade_IsOneLine()
    {
        string model = BundledModel.Directory!, ids = Path.GetTempFileName();
        File.WriteAllBytes(ids, [1, 0, 0, 0]);

        (await AgenticProcess.RunAsync("logits", "--model", model, "--ids", ids, "--out", ids + ".npy", "--threads", "0"))
            .AssertOneLine("threads", "0");
        (await AgenticProcess.RunAsync("logits", "--model", model, "--ids", ids, "--out", "/no/such/directory/x.npy"))
            .AssertOneLine("out: '/no/such/directory/x.npy' cannot be written", "name a file in a directory");
        File.Delete(ids);
    }

    [Fact]
    public async Task Environment_IsReadLikeOptions() =>
        (await AgenticProcess.RunAsync(new Dictionary<string, string> { ["AGENTIC_KV_MEMORY"] = "lots" }, [])).AssertOneLine(
            "kv-memory", "lots");

    [Fact]
    public async Task CommandLine_GoesBeforeTheEnvironment() =>
        (await AgenticProcess.RunAsync(new Dictionary<string, string> { ["AGENTIC_THREADS"] = "-7" },
            ["serve", "--threads", "none"])).AssertOneLine("none");

    [Fact]
    public async Task OptionGivenTwice_IsOneLine() =>
        (await AgenticProcess.RunAsync("--port", "1", "--port", "2")).AssertOneLine("port", "once");

    [Fact]
    public async Task Help_NamesEveryCommand()
    {
        AgenticProcess.Result result = await AgenticProcess.RunAsync("--help");

        Assert.Equal(0, result.ExitCode);
        foreach (string command in (ReadOnlySpan<string>)["serve", "logits", "doctor"])
            Assert.Contains(command, result.Output, StringComparison.Ordinal);
    }
}
