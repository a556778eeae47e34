using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Agentic.Tests;

/// <summary>A server as a child process on a port of its own choice.</summary>
internal sealed partial class RunningServer : IAsyncDisposable
{
    private static readonly TimeSpan StartPatience = TimeSpan.FromMinutes(1), StopPatience = TimeSpan.FromMinutes(1);

    private readonly Process _process;
    private readonly StringBuilder _log = new();
    private readonly TaskCompletionSource<Uri> _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private RunningServer(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Read(line.Data);
        process.ErrorDataReceived += (_, line) => Read(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public HttpClient Client { get; } = new() { Timeout = TimeSpan.FromMinutes(1) };

    public string Log
    {
        get
        {
            lock (_log)
                return _log.ToString();
        }
    }

    public static async Task<RunningServer> StartAsync(string data, params string[] options)
    {
        var server = new RunningServer(AgenticProcess.Start(
            null, ["serve", "--port", "0", "--data", data, "--kv-memory", "128MiB", .. options]));
        Task ended = server._process.WaitForExitAsync();
        if (await Task.WhenAny(server._listening.Task, ended).WaitAsync(StartPatience) == ended)
            Assert.Fail($"The server ended with exit code {server._process.ExitCode}:\n{server.Log}");
        server.Client.BaseAddress = await server._listening.Task;
        return server;
    }

    /// <summary>Starts a request without waiting for its end; the answer's headers, and with them its first token, have come.</summary>
    public Task<HttpResponseMessage> BeginAsync(JsonObject body) =>
        Client.SendAsync(
            new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
            {
                Content = new StringContent(body.ToJsonString(), null, "application/json"),
            },
            HttpCompletionOption.ResponseHeadersRead);

    /// <summary>Asks and reads the whole answer; also how many decode steps it took.</summary>
    public async Task<(string Content, int Steps)> AskAsync(JsonObject body)
    {
        using HttpResponseMessage response = await BeginAsync(body);
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        string steps = response.Headers.GetValues("x-agentic-decode-steps").Single();
        return (JsonNode.Parse(text)!["choices"]![0]!["message"]!.ToJsonString(),
            int.Parse(steps, CultureInfo.InvariantCulture));
    }

    /// <summary>A prompt of the bundled model's world, with an answer of up to so many tokens.</summary>
    public static JsonObject WorldTask(int index, int maxTokens = 200)
    {
        string prompts = Path.Combine(TestFiles.Root, "models", "agentic-tiny", "greedy.jsonl");
        JsonNode line = JsonNode.Parse(File.ReadLines(prompts).ElementAt(index))!;
        var request = new JsonObject { ["model"] = "agentic-tiny", ["messages"] = line["messages"]!.DeepClone(), ["max_tokens"] = maxTokens };
        if (line["tools"] is { } tools)
            request["tools"] = tools.DeepClone();
        return request;
    }

    /// <summary>A metric's value; NaN if there is none, or none with this label.</summary>
    public async Task<double> MetricAsync(string name, string label = "")
    {
        string metrics = await Client.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
        string? line = metrics.Split('\n').FirstOrDefault(line =>
            line.StartsWith(name + "{", StringComparison.Ordinal) && line.Contains(label, StringComparison.Ordinal));
        return line is null ? double.NaN : double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture);
    }

    /// <summary>Waits until a metric is as large.</summary>
    public async Task UntilMetricAsync(string name, double least)
    {
        var waited = Stopwatch.StartNew();
        while (!(await MetricAsync(name) >= least))
        {
            Assert.True(waited.Elapsed < StartPatience, $"{name} does not reach {least}:\n{Log}");
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Sends SIGTERM.</summary>
    public void Terminate() => Assert.Equal(0, Kill(_process.Id, 15));

    /// <summary>Waits for its end.</summary>
    public async Task<int> ExitCodeAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(StopPatience);
        return _process.ExitCode;
    }

    /// <summary>Sends SIGKILL.</summary>
    public async Task KillAsync()
    {
        if (!_process.HasExited)
            _process.Kill();
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
        Client.Dispose();
    }

    private void Read(string? line)
    {
        lock (_log)
            _log.AppendLine(line);
        if (line is not null && Listening().Match(line) is { Success: true } match)
            _listening.TrySetResult(new Uri(match.Groups[1].Value));
    }

    [GeneratedRegex(@"Listening on (http://\S+?)\.$")]
    private static partial Regex Listening();

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int process, int signal);
}
