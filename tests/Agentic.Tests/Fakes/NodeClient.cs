using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Agentic.Tests;

/// <summary>A client of <c>tests/clients</c>, installed into artifacts/ on the first run.</summary>
internal sealed class NodeClient(string source, string installed)
{
    /// <summary>Installs a client as its lock file says, or skips the test and says why it cannot.</summary>
    /// <param name="name">Its folder.</param>
    public static async Task<NodeClient> InstallAsync(string name)
    {
        string source = Path.Combine(Root(), "tests", "clients", name), target = Path.Combine(Root(), "artifacts", "clients", name);
        string stamp = Path.Combine(target, "installed.json"), wanted = await File.ReadAllTextAsync(Path.Combine(source, "package-lock.json"));
        if (File.Exists(stamp) && await File.ReadAllTextAsync(stamp) == wanted)
            return new NodeClient(source, target);
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
        return new NodeClient(source, target);
    }

    /// <summary>Runs it and reads the line of JSON it prints.</summary>
    public async Task<JsonObject> RunAsync(params string[] arguments)
    {
        (int status, string output, string error) = await RunAsync(installed, "node", [Path.Combine(source, "client.mjs"), .. arguments]);
        Assert.True(status == 0, error);
        return JsonNode.Parse(output)!.AsObject();
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
