using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Agentic.ModelRuntime;

namespace Agentic.Tests;

public sealed partial class CompletionsTests
{
    private static CancellationToken Ended => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Answer_IsByteForByteOpenAis()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => FakeCodec.Ended("Hi");

        using HttpResponseMessage response = await host.PostAsync("completions", """{"model":"fake-model","prompt":"a"}""");

        Assert.Equal(
            """{"id":"ID","object":"text_completion","created":1700000000,"model":"fake-model","choices":[{"text":"Hi","index":0,"logprobs":null,"finish_reason":"stop"}],"system_fingerprint":"FP","usage":{"prompt_tokens":1,"completion_tokens":3,"total_tokens":4,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0,"cache_write_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}""",
            Masked(await response.Content.ReadAsStringAsync(Ended)));
        Assert.Equal(16, host.Engine.LastRequest.MaxOutputTokens);
    }

    [Fact]
    public async Task Stream_IsByteForByteOpenAis()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => FakeCodec.Ended("Hi");

        string[] events = await host.EventsAsync("completions", """{"model":"fake-model","prompt":"a","stream":true,"echo":true,"stream_options":{"include_usage":true}}""");

        const string Head = """{"id":"ID","object":"text_completion","created":1700000000,"model":"fake-model","choices":[""";
        Assert.Equal(Head + """{"text":"aH","index":0,"logprobs":null,"finish_reason":null}],"system_fingerprint":"FP","usage":null}""", Masked(events[0]));
        Assert.Equal(Head + """{"text":"i","index":0,"logprobs":null,"finish_reason":null}],"system_fingerprint":"FP","usage":null}""", Masked(events[1]));
        Assert.Equal(Head + """{"text":"","index":0,"logprobs":null,"finish_reason":"stop"}],"system_fingerprint":"FP","usage":null}""", Masked(events[2]));
        Assert.StartsWith(Head + """],"system_fingerprint":"FP","usage":{"prompt_tokens":1,""", Masked(events[3]), StringComparison.Ordinal);
        Assert.Equal("[DONE]", events[4]);
    }

    [Theory]
    [InlineData("\"ab\"", 1)]
    [InlineData("[\"ab\"]", 1)]
    [InlineData("[97,98]", 1)]
    [InlineData("[\"ab\",\"c\"]", 2)]
    [InlineData("[[97,98],[99]]", 2)]
    public async Task Prompt_TakesEveryForm(string prompt, int count)
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (request, choice) => FakeCodec.Ended($" from {request.PromptIds.Length}.{choice}");

        JsonNode answer = await host.JsonAsync("completions", $$"""{"model":"fake-model","prompt":{{prompt}},"n":2,"echo":true}""");

        string[] expected = count == 1 ? ["ab from 2.0", "ab from 2.1"] : ["ab from 2.0", "ab from 2.1", "c from 1.0", "c from 1.1"];
        Assert.Equal(expected, answer["choices"]!.AsArray().Select(choice => choice!["text"]!.GetValue<string>()));
        Assert.Equal(Enumerable.Range(0, expected.Length), answer["choices"]!.AsArray().Select(choice => choice!["index"]!.GetValue<int>()));
        Assert.Equal(count == 1 ? 2 : 3, answer["usage"]!["prompt_tokens"]!.GetValue<int>());
        Assert.Equal([97, 98], host.Engine.Generations[0].Request.PromptIds);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Logprobs_AreParallelLists(bool stream)
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => [FakeCodec.Byte('a'), 256, 0xC3, 0xA9, FakeCodec.Byte('!'), FakeCodec.End];

        string request = $$"""{"model":"fake-model","prompt":"a","logprobs":2,"stream":{{(stream ? "true" : "false")}}}""";
        JsonNode?[] logprobs = stream
            ? [.. (await host.EventsAsync("completions", request)).SkipLast(2).Select(line => JsonNode.Parse(line)!["choices"]![0]!["logprobs"])]
            : [(await host.JsonAsync("completions", request))["choices"]![0]!["logprobs"]];

        string[] List(string name) => [.. logprobs.SelectMany(part => part![name]!.AsArray()).Select(item => item!.ToString())];
        Assert.Equal(["a", "Hello", "bytes:\\xc3", "bytes:\\xa9", "!"], List("tokens"));
        Assert.Equal(["-0.5", "-0.5", "-0.5", "-0.5", "-0.5"], List("token_logprobs"));
        Assert.Equal("{\"a\":-0.5,\"z\":-1.5}", logprobs[0]!["top_logprobs"]![0]!.ToJsonString());
        Assert.Equal(["0", "1", "6"], List("text_offset")[..3]);
        Assert.Equal(stream ? 4 : 1, logprobs.Length);
    }

    [Theory]
    [InlineData(false, 2)]
    [InlineData(true, 2)]
    [InlineData(false, 0)]
    [InlineData(true, 0)]
    public async Task EchoWithLogprobs_ScoresThePromptToo(bool stream, int maxTokens)
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (request, _) => request.Constraint is null ? FakeCodec.Ended("!") : request.PredictionIds!;
        host.Engine.Finish = FinishReason.Stop;

        string request = $$"""{"model":"fake-model","prompt":["abé","c"],"logprobs":1,"echo":true,"max_tokens":{{maxTokens}},"stream":{{(stream ? "true" : "false")}}}""";
        JsonNode[] pieces = stream
            ? [.. (await host.EventsAsync("completions", request)).SkipLast(1).Select(line => JsonNode.Parse(line)!["choices"]![0]!)]
            : [.. (await host.JsonAsync("completions", request))["choices"]!.AsArray().Select(choice => choice!)];

        string[] Of(int index, string name) => [.. pieces.Where(piece => piece["index"]!.GetValue<int>() == index && piece["logprobs"] is not null)
            .SelectMany(piece => piece["logprobs"]![name]!.AsArray()).Select(item => item?.ToJsonString() ?? "null")];
        string written = maxTokens > 0 ? "!" : "";
        Assert.Equal(["abé" + written, "c" + written], pieces.GroupBy(piece => piece["index"]!.GetValue<int>()).OrderBy(group => group.Key)
            .Select(group => string.Concat(group.Select(piece => piece["text"]!.GetValue<string>()))));
        Assert.Equal(["null", "-0.5", "-0.5", "-0.5", "-0.5"], Of(0, "token_logprobs").Concat(maxTokens > 0 ? [] : ["-0.5"]));
        Assert.Equal(["0", "1", "2", "3"], Of(0, "text_offset")[..4]);
        Assert.Equal("null", Of(1, "top_logprobs")[0]);
        Assert.Equal(maxTokens > 0 ? 2 : 1, Of(1, "tokens").Length);
        Assert.Equal(maxTokens > 0 ? "stop" : "length", pieces[^1]["finish_reason"]!.GetValue<string>());
        Assert.Equal(maxTokens > 0 ? 3 : 1, host.Engine.Generations.Count);   // a prompt of one token needs no score
    }

    [Fact]
    public async Task NoTokensWanted_GivesTheirCount()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();

        JsonNode answer = await host.JsonAsync("completions", """{"model":"fake-model","prompt":"abc","max_tokens":0,"n":2}""");

        Assert.Equal(["", ""], answer["choices"]!.AsArray().Select(choice => choice!["text"]!.GetValue<string>()));
        Assert.Equal((3, 0), (answer["usage"]!["prompt_tokens"]!.GetValue<int>(), answer["usage"]!["completion_tokens"]!.GetValue<int>()));
        Assert.Empty(host.Engine.Generations);
    }

    [Fact]
    public async Task BestOf_GivesTheLikeliestATokenAndCountsAll()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, choice) => FakeCodec.Ended(((string[])["zzzz", "a", "bb", "az"])[choice]);
        host.Engine.Logprobs = id => new(id == FakeCodec.Byte('a') ? -0.1f : id == FakeCodec.Byte('b') ? -0.2f : -2, []);

        JsonNode answer = await host.JsonAsync("completions", """{"model":"fake-model","prompt":"x","best_of":4,"n":2}""");

        Assert.Equal(["a", "bb"], answer["choices"]!.AsArray().Select(choice => choice!["text"]!.GetValue<string>()));
        Assert.Equal([0, 1], answer["choices"]!.AsArray().Select(choice => choice!["index"]!.GetValue<int>()));
        Assert.All(answer["choices"]!.AsArray(), choice => Assert.Null(choice!["logprobs"]));
        Assert.Equal(13, answer["usage"]!["completion_tokens"]!.GetValue<int>());
    }

    [Fact]
    public async Task Suffix_GoesBetweenTheModelsMarkers()
    {
        await using ProxyHost host = await ProxyHost.StartAsync(codec: new FakeCodec(fillsInTheMiddle: true));

        await host.JsonAsync("completions", """{"model":"fake-model","prompt":"ab","suffix":"c"}""");

        Assert.Equal([FakeCodec.FimPrefix, 97, 98, FakeCodec.FimPrefix + 1, 99, FakeCodec.FimPrefix + 2], host.Engine.LastRequest.PromptIds);
    }

    [Fact]
    public async Task Models_NameTheServedAndItsAliases()
    {
        await using ProxyHost host = await ProxyHost.StartAsync(options => options.ModelAliases.Add("org/alias"));

        Assert.Equal(
            """{"object":"list","data":[{"id":"fake-model","object":"model","created":1700000000,"owned_by":"agentic","root":"fake-model","max_model_len":2000},{"id":"org/alias","object":"model","created":1700000000,"owned_by":"agentic","root":"fake-model","max_model_len":2000}]}""",
            await host.Client.GetStringAsync("/v1/models", Ended));
        Assert.StartsWith("{\"id\":\"org/alias\",", await host.Client.GetStringAsync("/v1/models/org/alias", Ended), StringComparison.Ordinal);
        Assert.Equal("""{"status":"ok","model":"fake-model"}""", await host.Client.GetStringAsync("/health", Ended));
        Assert.Equal("""{"status":"ok","model":"fake-model"}""", await host.Client.GetStringAsync("/ready", Ended));
        Assert.Contains("/v1/chat/completions", await host.Client.GetStringAsync("/", Ended), StringComparison.Ordinal);
    }

    private static string Masked(string json) => FingerprintText().Replace(AnswerId().Replace(json, "\"ID\""), "\"FP\"");

    [GeneratedRegex("\"cmpl-[0-9A-Za-z]{29}\"")]
    private static partial Regex AnswerId();

    [GeneratedRegex("\"fp_[0-9a-f]{10}\"")]
    private static partial Regex FingerprintText();
}
