using System.Diagnostics;
using Agentic.Proxy;
using Agentic.SuffixCache;

namespace Agentic.Tests;

/// <summary>Where <c>agentic cache export</c> writes to, and <c>import</c> reads from.</summary>
public sealed class CacheFileTests : IAsyncLifetime
{
    private const int Count = 20;
    private readonly TemporaryDirectory _data = new(), _files = new();
    private NamespaceKey _key;

    private static CancellationToken Ended => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _key = NamespaceKey.Derive(ServerSecret.Load(_data.Path), Tenants.Default, "model", "tokenizer");
        using EmbeddedGarnet garnet = EmbeddedGarnet.Start(ServeOptions.StoreIn(_data.Path));
        await using var store = new RedisSequenceStore(new SequenceStoreOptions { Redis = garnet.ConnectionString });
        for (int i = 0; i < Count; i++)
            store.Append(new StoredSequence(_key, new[] { i, 1, 2, 3 }) { Time = DateTimeOffset.UnixEpoch.AddDays(20_000 + i) });
        await store.FlushAsync(Ended);
    }

    public ValueTask DisposeAsync()
    {
        _data.Dispose();
        _files.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Dash_IsStandardOutputAndInput()
    {
        string file = _files["piped"];
        (int exit, _, string said) = await ShellAsync($"agentic cache export - --data {_data.Path} > {file}");
        Assert.Equal(0, exit);
        Assert.StartsWith($"{Count} sequences, {4 * Count} tokens of 1 namespace", said, StringComparison.Ordinal);
        using (FileStream stream = File.OpenRead(file))
        {
            SequenceFileReader reader = new(stream);
            Assert.Equal(Count, reader.Read().Count());
            Assert.True(reader.IsComplete);
        }

        foreach (string standard in (string[])["-", "/dev/stdin"])
        {
            (exit, string added, _) = await ShellAsync($"cat {file} | agentic cache import {standard} --data {_files["other" + standard.Length]}");
            Assert.Equal(0, exit);
            Assert.StartsWith($"{Count} sequences added, 0 were", added, StringComparison.Ordinal);
        }
    }

    /// <summary>A device stands for what has no content to lose, and would not come back.</summary>
    [Fact]
    public async Task Pipe_IsWrittenTo_AndStaysOne()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Named pipes are files elsewhere.");
        string pipe = _files["pipe"], read = _files["read"];
        (int exit, _, _) = await ShellAsync($"mkfifo {pipe}; cat {pipe} > {read} & agentic cache export {pipe} --data {_data.Path}; wait; test -p {pipe}");
        Assert.Equal(0, exit);
        using FileStream stream = File.OpenRead(read);
        Assert.Equal(Count, new SequenceFileReader(stream).Read().Count());
    }

    [Fact]
    public async Task Link_KeepsLeadingToTheFile()
    {
        string file = _files["file"], link = _files["link"];
        await File.WriteAllTextAsync(file, "before", Ended);
        File.CreateSymbolicLink(link, file);
        AgenticProcess.Result result = await AgenticProcess.RunAsync("cache", "export", link, "--data", _data.Path);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Equal(file, File.ResolveLinkTarget(link, returnFinalTarget: true)?.FullName);
        using FileStream stream = File.OpenRead(file);
        Assert.Equal(Count, new SequenceFileReader(stream).Read().Count());
        (await AgenticProcess.RunAsync("cache", "export", _files.Path, "--data", _data.Path)).AssertOneLine(_files.Path, "is a directory");
    }

    private static async Task<(int Exit, string Output, string Error)> ShellAsync(string script)
    {
        using Process agentic = AgenticProcess.Start(null, "--version");
        await agentic.WaitForExitAsync(Ended);
        var start = new ProcessStartInfo("/bin/sh", ["-c", $"agentic() {{ {agentic.StartInfo.FileName} exec {agentic.StartInfo.ArgumentList[1]} \"$@\"; }}; {script}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process shell = Process.Start(start)!;
        Task<string> output = shell.StandardOutput.ReadToEndAsync(Ended), error = shell.StandardError.ReadToEndAsync(Ended);
        await shell.WaitForExitAsync(Ended);
        return (shell.ExitCode, await output, await error);
    }
}
