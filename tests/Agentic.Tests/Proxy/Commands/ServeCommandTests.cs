using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Agentic.Kernels;
using Agentic.ModelRuntime;
using Agentic.Proxy;

namespace Agentic.Tests;

/// <summary><c>agentic serve</c> as a child process: what an operator sees of a start, a stop and a restart.</summary>
public sealed class ServeCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Restart_KeepsWhatWasLearned()
    {
        (string Content, int Steps) first, again, restarted;
        await using (RunningServer server = await RunningServer.StartAsync(_directory.Path))
        {
            first = await server.AskAsync(Task(0));
            again = await server.AskAsync(Task(0));
            server.Terminate();
            Assert.Equal(0, await server.ExitCodeAsync());
        }

        await using (RunningServer server = await RunningServer.StartAsync(_directory.Path))
        {
            restarted = await server.AskAsync(Task(0));
            Assert.Equal(1, await server.MetricAsync("agentic:store_restored_states_total"));
            Assert.Equal(0, await server.MetricAsync("agentic:store_damaged_entries_total"));
        }

        Assert.Equal(first.Content, again.Content);
        Assert.Equal(first.Content, restarted.Content);
        Assert.InRange(again.Steps, 1, first.Steps - 1);
        Assert.InRange(restarted.Steps, 1, first.Steps - 1);
    }

    [Fact]
    public async Task BundledHead_DraftsForTheBundledModel()
    {
        string head = Path.Combine(TestFiles.Root, "models", "agentic-tiny-eagle3");
        await using RunningServer with = await RunningServer.StartAsync(_directory["with"], "--draft", head, "--draft-optional", "true");
        await using RunningServer without = await RunningServer.StartAsync(_directory["without"]);

        Assert.Contains("raft head", with.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("raft head", without.Log, StringComparison.Ordinal);
        Assert.Equal((await without.AskAsync(Task(0))).Content, (await with.AskAsync(Task(0))).Content);
    }

    [Fact]
    public async Task Sigterm_LetsStreamsFinishAndRefusesNewRequests()
    {
        await using RunningServer server = await RunningServer.StartAsync(_directory.Path);
        JsonObject request = Task(0);
        (request["stream"], request["max_tokens"], request["temperature"]) = (true, 1500, 2);
        request["logit_bias"] = new JsonObject { ["4087"] = -100, ["4085"] = -100 }; // its end tokens: it has much to say

        using HttpResponseMessage stream = await server.BeginAsync(request);
        server.Terminate();
        HttpStatusCode ready = HttpStatusCode.OK;
        while (ready == HttpStatusCode.OK)
            ready = (await server.Client.GetAsync("/ready", TestContext.Current.CancellationToken)).StatusCode;
        using HttpResponseMessage refused = await server.BeginAsync(Task(0));
        string text = await stream.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.EndsWith("data: [DONE]\n\n", text, StringComparison.Ordinal);
        Assert.Contains("\"finish_reason\":\"length\"", text, StringComparison.Ordinal);
        Assert.Equal(0, await server.ExitCodeAsync());
    }

    [Fact]
    public async Task RedisAway_RequestsDoNotNoticeAndAGaugeDoes()
    {
        await using RunningServer server = await RunningServer.StartAsync(_directory.Path, "--redis", "127.0.0.1:1");

        (string content, int steps) = await server.AskAsync(Task(0));
        string metrics = await server.Client.GetStringAsync("/metrics", TestContext.Current.CancellationToken);

        Assert.NotEmpty(content);
        Assert.InRange(steps, 1, 200);
        Assert.Contains(metrics.Split('\n'), line =>
            line.StartsWith("agentic:store_connected", StringComparison.Ordinal) && line.EndsWith(" 0", StringComparison.Ordinal));
        Assert.Contains("The store is away", server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SecondServerOnTheSameData_IsOneLine()
    {
        await using RunningServer server = await RunningServer.StartAsync(_directory.Path);

        AgenticProcess.Result second = await AgenticProcess.RunAsync(
            "serve", "--port", "0", "--data", _directory.Path, "--kv-memory", "64MiB");

        Assert.Equal(1, second.ExitCode);
        Assert.Contains(_directory.Path, Assert.Single(second.Error.Trim().Split('\n')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task PortInUse_IsOneLineThatNamesIt()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        string port = ((IPEndPoint)taken.LocalEndpoint).Port.ToString(System.Globalization.CultureInfo.InvariantCulture);

        AgenticProcess.Result result = await AgenticProcess.RunAsync(
            "serve", "--port", port, "--data", _directory.Path, "--kv-memory", "64MiB");

        Assert.Equal(1, result.ExitCode);
        string line = Assert.Single(result.Error.Trim().Split('\n'));
        Assert.Contains(port, line, StringComparison.Ordinal);
        Assert.Contains("--port", line, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ApiKey_IsAskedFor()
    {
        await using RunningServer server = await RunningServer.StartAsync(
            _directory.Path, "--api-key", "acme=sk-one", "--api-key", "sk-two");

        using HttpResponseMessage without = await server.BeginAsync(Task(0));
        server.Client.DefaultRequestHeaders.Authorization = new("Bearer", "sk-two");
        using HttpResponseMessage with = await server.BeginAsync(Task(0));

        Assert.Equal(HttpStatusCode.Unauthorized, without.StatusCode);
        Assert.Equal(HttpStatusCode.OK, with.StatusCode);
        Assert.DoesNotContain("sk-", server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ModelWithoutTokenizer_IsOneLine()
    {
        foreach (string file in Directory.EnumerateFiles(TestFiles.Golden("models", "qwen3-head-dim")))
            File.WriteAllBytes(_directory[Path.GetFileName(file)], File.ReadAllBytes(file));

        AgenticProcess.Result result = await AgenticProcess.RunAsync(
            "serve", "--port", "0", "--data", _directory["data"], "--model", _directory.Path, "--kv-memory", "1MiB");

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("tokenizer", Assert.Single(result.Error.Trim().Split('\n')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task DraftHeadOfAnotherModel_IsOneLine()
    {
        AgenticProcess.Result result = await AgenticProcess.RunAsync(
            "serve", "--port", "0", "--data", _directory["data"], "--kv-memory", "16MiB", "--draft", TestFiles.Golden("heads", "eagle3-full-vocabulary"));

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("made for another model", Assert.Single(result.Error.Trim().Split('\n')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task DraftHeadThatDoesNotFollowTheModel_IsRefused_OrDoneWithoutIfAskedTo()
    {
        using (var kernels = new CpuKernels())
        using (Transformer model = Transformer.Load(BundledModel.Directory!, new ModelOptions(), kernels))
            RandomHead.Write(_directory["head"], model);

        AgenticProcess.Result result = await AgenticProcess.RunAsync(
            "serve", "--port", "0", "--data", _directory["data"], "--kv-memory", "16MiB", "--draft", _directory["head"]);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("names 0.0", Assert.Single(result.Error.Trim().Split('\n')), StringComparison.Ordinal);

        await using RunningServer server = await RunningServer.StartAsync(
            _directory["data"], "--draft", _directory["head"], "--draft-optional", "true");
        Assert.Contains("Serving without the draft head", server.Log, StringComparison.Ordinal);
        (string content, _) = await server.AskAsync(Task(0));
        Assert.NotEmpty(content);
    }

    /// <summary>A prompt of the bundled model's world.</summary>
    private static JsonObject Task(int index)
    {
        string prompts = Path.Combine(TestFiles.Root, "models", "agentic-tiny", "greedy.jsonl");
        JsonNode line = JsonNode.Parse(File.ReadLines(prompts).ElementAt(index))!;
        var request = new JsonObject { ["model"] = "agentic-tiny", ["messages"] = line["messages"]!.DeepClone(), ["max_tokens"] = 200 };
        if (line["tools"] is { } tools)
            request["tools"] = tools.DeepClone();
        return request;
    }
}
