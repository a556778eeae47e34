using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Agentic.Tests;

/// <summary>The built executable as a child process, as a user runs it.</summary>
internal static class AgenticProcess
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Starts it without waiting. Settings of this process' environment do not reach it.</summary>
    public static Process Start(IReadOnlyDictionary<string, string>? environment, params string[] arguments)
    {
        // The runtime that runs the tests: the program host would look for one by itself, and may find none.
        string dotnet = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));
        var start = new ProcessStartInfo(dotnet, ["exec", Path.Combine(AppContext.BaseDirectory, "agentic.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string name in start.Environment.Keys.Where(name => name.StartsWith("AGENTIC_", StringComparison.Ordinal)).ToArray())
            start.Environment.Remove(name);
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    /// <summary>Runs it to its end.</summary>
    public static Task<Result> RunAsync(params string[] arguments) => RunAsync(null, arguments);

    /// <inheritdoc cref="RunAsync(string[])"/>
    public static async Task<Result> RunAsync(IReadOnlyDictionary<string, string>? environment, params string[] arguments)
    {
        using Process process = Start(environment, arguments);
        using var limit = new CancellationTokenSource(Patience);
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(limit.Token),
                error = process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return new Result(process.ExitCode, await output, await error);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>What it wrote and how it ended.</summary>
    internal sealed record Result(int ExitCode, string Output, string Error)
    {
        /// <summary>Holds it to what is promised for a user's mistakes: one line on standard error that names these, exit code 1, no
        /// stack trace.</summary>
        public void AssertOneLine(params string[] mentions)
        {
            Assert.Equal(1, ExitCode);
            Assert.Equal("", Output);
            Assert.Single(Error.Trim().Split('\n'));
            Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
            Assert.DoesNotContain("Exception", Error, StringComparison.Ordinal);
            foreach (string mention in mentions)
                Assert.Contains(mention, Error, StringComparison.Ordinal);
        }
    }
}
