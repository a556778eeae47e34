using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

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
