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
    [InlineData("--api-key", "tenant=")]
    [InlineData("--model", "/no/such/model")]
    public async Task UnusableValue_IsOneLineWithOptionAndValue(string option, string value) =>
        (await AgenticProcess.RunAsync(option, value)).AssertOneLine(option.TrimStart('-'), value == "tenant=" ? "TENANT=KEY" : value);

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
