using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Agentic.ModelRuntime;
using Agentic.SuffixCache;
using CsCheck;

namespace Agentic.Tests;

public sealed partial class ChatCompletionsTests
{
    private static CancellationToken Ended => TestContext.Current.CancellationToken;

    private const string Ask = "\"model\":\"fake-model\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]";
    private const string Tools = "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\"}}},{\"type\":\"function\",\"function\":{\"name\":\"g\"}}]";
    private const string CallText = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\":1}}\n</tool_call>";

    [Fact]
    public async Task Answer_IsByteForByteOpenAis()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => FakeCodec.Ended("Hé \"you\"");

        using HttpResponseMessage response = await host.PostAsync("chat/completions", $"{{{Ask}}}");

        Assert.Equal("application/json", response.Content.Headers.ContentType!.ToString());
        Assert.Equal(
            """{"id":"ID","object":"chat.completion","created":1700000000,"model":"fake-model","choices":[{"index":0,"message":{"role":"assistant","content":"Hé \"you\"","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":10,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":2,"audio_tokens":0,"cache_write_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default","system_fingerprint":"FP"}""",
            Masked(await response.Content.ReadAsStringAsync(Ended)));
        Assert.Matches("^req_[0-9a-f]{32}$", response.Headers.GetValues("x-request-id").Single());
        Assert.Matches("^[0-9]+$", response.Headers.GetValues("openai-processing-ms").Single());
        Assert.Equal("10", response.Headers.GetValues("x-agentic-decode-steps").Single());
    }

    [Fact]
    public async Task Stream_IsByteForByteOpenAis()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => FakeCodec.Ended("Hi");

        string[] events = await host.EventsAsync("chat/completions", With(""" "stream":true """));

        const string Head = """{"id":"ID","object":"chat.completion.chunk","created":1700000000,"model":"fake-model","service_tier":"default","system_fingerprint":"FP","choices":[{"index":0,"delta":""";
        Assert.Equal(
            [
                Head + """{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]}""",
                Head + """{"content":"H"},"logprobs":null,"finish_reason":null}]}""",
                Head + """{"content":"i"},"logprobs":null,"finish_reason":null}]}""",
                Head + """{},"logprobs":null,"finish_reason":"stop"}]}""",
                "[DONE]",
            ],
            events.Select(Masked));
        Assert.Single(events.SkipLast(1).Select(line => JsonNode.Parse(line)!["id"]!.GetValue<string>()).Distinct());
    }

    [Fact]
    public async Task StreamWithUsage_HasNullsThenOneChunkWithoutChoices()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => FakeCodec.Ended("Hi");

        string[] events = await host.EventsAsync("chat/completions", With(""" "stream":true,"stream_options":{"include_usage":true} """));

        Assert.All(events[..^2], line => Assert.EndsWith("],\"usage\":null}", line, StringComparison.Ordinal));
        Assert.Contains("\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":3,\"total_tokens\":8,", events[^2], StringComparison.Ordinal);
        Assert.Equal("[DONE]", events[^1]);
    }

    [Fact]
    public async Task ToolCalls_HaveContentNullAndArgumentsAsWritten()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => FakeCodec.Ended(CallText + "\n" + CallText.Replace("\"f\"", "\"g\"", StringComparison.Ordinal));

        JsonNode answer = await host.JsonAsync("chat/completions", $"{{{Ask},{Tools}}}");

        JsonNode choice = answer["choices"]![0]!;
        Assert.Equal(
            """{"role":"assistant","content":null,"tool_calls":[{"id":"CALL","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},{"id":"CALL","type":"function","function":{"name":"g","arguments":"{\"a\":1}"}}],"refusal":null,"annotations":[]}""",
            Masked(choice["message"]!.ToJsonString(Relaxed)));
        Assert.Equal("tool_calls", choice["finish_reason"]!.GetValue<string>());
    }

    [Fact]
    public async Task StreamedToolCalls_BeginWithIdAndNameThenArgumentsOnly()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => new FakeCodec().Encode(CallText, false).Append(FakeCodec.End).ToArray();

        string[] events = await host.EventsAsync("chat/completions", With($$""" {{Tools}},"stream":true """));

        string[] deltas = [.. events.SkipLast(1).Select(line => Masked(JsonNode.Parse(line)!["choices"]![0]!["delta"]!.ToJsonString(Relaxed)))];
        Assert.Equal("""{"role":"assistant","content":null,"refusal":null}""", deltas[0]);
        Assert.Equal("""{"tool_calls":[{"index":0,"id":"CALL","type":"function","function":{"name":"f","arguments":""}}]}""", deltas[1]);
        Assert.Equal("""{"tool_calls":[{"index":0,"function":{"arguments":"{\""}}]}""", deltas[2]);
        Assert.Equal("{}", deltas[^1]);
        Assert.Equal("{\"a\":1}", string.Concat(deltas[2..^1].Select(delta =>
            JsonNode.Parse(delta)!["tool_calls"]![0]!["function"]!["arguments"]!.GetValue<string>())));
        Assert.Contains("\"finish_reason\":\"tool_calls\"", events[^2], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(",\"tool_choice\":\"auto\"", "tool_calls")]
    [InlineData(",\"tool_choice\":\"required\"", "tool_calls")]
    [InlineData(",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}", "stop")]
    public async Task FinishReason_FollowsToolChoice(string choice, string finish)
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => FakeCodec.Ended(CallText);

        JsonNode answer = await host.JsonAsync("chat/completions", $"{{{Ask},{Tools}{choice}}}");

        Assert.Equal(finish, answer["choices"]![0]!["finish_reason"]!.GetValue<string>());
        Assert.Equal(choice.Contains("auto", StringComparison.Ordinal), host.Engine.LastRequest.Constraint is null);
    }

    [Fact]
    public async Task ToolChoiceNone_HidesToolsAndReadsText()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => FakeCodec.Ended(CallText);

        JsonNode answer = await host.JsonAsync("chat/completions", With($$""" {{Tools}},"tool_choice":"none" """));

        Assert.Equal(CallText, answer["choices"]![0]!["message"]!["content"]!.GetValue<string>());
        Assert.Null(answer["choices"]![0]!["message"]!["tool_calls"]);
        Assert.Equal("<|user|>hi<|end|><|assistant|>", new FakeCodec().TextOf(host.Engine.LastRequest.PromptIds));
    }

    [Fact]
    public async Task ParallelCallsOff_EndsAfterTheFirst()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => FakeCodec.Ended(CallText + CallText);

        JsonNode answer = await host.JsonAsync("chat/completions", With($$""" {{Tools}},"parallel_tool_calls":false """));

        Assert.Single(answer["choices"]![0]!["message"]!["tool_calls"]!.AsArray());
        Assert.Equal(FakeCodec.Bytes(CallText).Length, answer["usage"]!["completion_tokens"]!.GetValue<int>());
        Assert.True(host.Engine.Generations[0].IsCancelled);
    }

    [Fact]
    public async Task LegacyFunctions_AnswerInTheirForm()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => FakeCodec.Ended(CallText);
        const string Functions = "\"functions\":[{\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{}}}]";

        JsonNode answer = await host.JsonAsync("chat/completions", $"{{{Ask},{Functions}}}");
        string[] events = await host.EventsAsync("chat/completions", With($$""" {{Functions}},"stream":true """));

        Assert.Equal("""{"name":"f","arguments":"{\"a\":1}"}""", answer["choices"]![0]!["message"]!["function_call"]!.ToJsonString(Relaxed));
        Assert.Equal("function_call", answer["choices"]![0]!["finish_reason"]!.GetValue<string>());
        Assert.Contains("""{"function_call":{"name":"f","arguments":""}}""", events[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task SpecialMarkers_AreStillCalls()
    {
        await using ProxyHost host = await ProxyHost.StartAsync(codec: new FakeCodec(callMarkersAreSpecial: true));
        host.Engine.Script = (_, _) =>
            [FakeCodec.OpenCall, .. FakeCodec.Bytes("{\"name\":\"f\",\"arguments\":{}}"), FakeCodec.CloseCall, FakeCodec.End];

        JsonNode answer = await host.JsonAsync("chat/completions", $"{{{Ask},{Tools}}}");

        Assert.Equal("f", answer["choices"]![0]!["message"]!["tool_calls"]![0]!["function"]!["name"]!.GetValue<string>());
    }

    [Fact]
    public async Task Logprobs_CoverTheContentByteForByte()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => FakeCodec.Ended("aé");
        host.Engine.Logprobs = id => new(-2, [(FakeCodec.Byte('z'), -0.25f), (FakeCodec.Byte('y'), float.NegativeInfinity)]);

        JsonNode answer = await host.JsonAsync("chat/completions", With(""" "logprobs":true,"top_logprobs":2 """));
        string[] events = await host.EventsAsync("chat/completions", With(""" "logprobs":true,"top_logprobs":2,"stream":true """));

        JsonArray content = answer["choices"]![0]!["logprobs"]!["content"]!.AsArray();
        Assert.Equal("aé"u8.ToArray(), content.SelectMany(token => token!["bytes"]!.AsArray().Select(value => (byte)value!.GetValue<int>())));
        Assert.Equal(
            """{"token":"a","logprob":-2,"bytes":[97],"top_logprobs":[{"token":"z","logprob":-0.25,"bytes":[122]},{"token":"y","logprob":-9999,"bytes":[121]},{"token":"a","logprob":-2,"bytes":[97]}]}""",
            content[0]!.ToJsonString());
        Assert.Equal("\\xc3", content[1]!["token"]!.GetValue<string>());
        Assert.Contains("\"logprobs\":{\"content\":[],\"refusal\":null}", events[0], StringComparison.Ordinal);
        Assert.Equal(2, JsonNode.Parse(events[2])!["choices"]![0]!["logprobs"]!["content"]!.AsArray().Count);   // both halves with their character
        Assert.Contains("\"delta\":{},\"logprobs\":null", events[^2], StringComparison.Ordinal);
    }

    [Fact]
    public async Task StopString_CutsBeforeItAndEndsTheGeneration()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => FakeCodec.Ended("one STOP two");
        host.Engine.StepTokens = [5];

        JsonNode answer = await host.JsonAsync("chat/completions", With(""" "stop":["STOP","none"],"logprobs":true """));
        string[] events = await host.EventsAsync("chat/completions", With(""" "stop":"STOP","stream":true """));

        Assert.Equal("one ", answer["choices"]![0]!["message"]!["content"]!.GetValue<string>());
        Assert.Equal(4, answer["choices"]![0]!["logprobs"]!["content"]!.AsArray().Count);
        Assert.Equal(8, answer["usage"]!["completion_tokens"]!.GetValue<int>());   // what had to be written, not what the step brought
        Assert.DoesNotContain(events, line => line.Contains("\"content\":\"S", StringComparison.Ordinal));
        Assert.All(host.Engine.Generations, generation => Assert.True(generation.IsCancelled));
    }

    [Fact]
    public async Task Choices_AreAnsweredEach()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, choice) => FakeCodec.Ended("answer " + choice);

        JsonNode answer = await host.JsonAsync("chat/completions", With(""" "n":3 """));

        Assert.Equal(["answer 0", "answer 1", "answer 2"], answer["choices"]!.AsArray().Select(choice => choice!["message"]!["content"]!.GetValue<string>()));
        Assert.Equal(27, answer["usage"]!["completion_tokens"]!.GetValue<int>());
        Assert.Equal(5, answer["usage"]!["prompt_tokens"]!.GetValue<int>());
    }

    [Fact]
    public async Task LimitReached_FinishesByLength()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => FakeCodec.Ended("abcdef");

        JsonNode both = await host.JsonAsync("chat/completions", With(""" "max_tokens":5,"max_completion_tokens":3 """));
        await host.JsonAsync("chat/completions", With(""" "max_tokens":null """));

        Assert.Equal("abc", both["choices"]![0]!["message"]!["content"]!.GetValue<string>());
        Assert.Equal("length", both["choices"]![0]!["finish_reason"]!.GetValue<string>());
        Assert.Equal(ProxyHost.Context - 5, host.Engine.LastRequest.MaxOutputTokens);
    }

    [Fact]
    public async Task Sampling_ReachesTheEngine()
    {
        await using ProxyHost host = await ProxyHost.StartAsync(change: model => model with { Defaults = new() { Temperature = 0, TopP = 0.9f, TopK = 20 } });

        await host.JsonAsync("chat/completions", $"{{{Ask}}}");
        SamplingParameters plain = host.Engine.LastRequest.Sampling;
        await host.JsonAsync("chat/completions", With(""" "temperature":0.5,"top_p":0.25,"top_k":-1,"min_p":0.1,"presence_penalty":1,"frequency_penalty":-1,"repetition_penalty":1.5, "seed":-7,"logit_bias":{"65":-100},"stop_token_ids":[66],"speculation":{"enabled":false},"store":true,"metadata":{"a":"b"} """));
        GenerationRequest full = host.Engine.LastRequest;
        await host.JsonAsync("chat/completions", With(""" "ignore_eos":true """));

        Assert.Equal((0f, 0.9f, 20), (plain.Temperature, plain.TopP, plain.TopK));
        Assert.Null(plain.TopLogprobs);
        Assert.Equal((0.5f, 0.25f, 0, 0.1f), (full.Sampling.Temperature, full.Sampling.TopP, full.Sampling.TopK, full.Sampling.MinP));
        Assert.Equal((1f, -1f, 1.5f), (full.Sampling.PresencePenalty, full.Sampling.FrequencyPenalty, full.Sampling.RepetitionPenalty));
        Assert.Equal(unchecked((ulong)-7), full.Sampling.Seed);
        Assert.Equal(-100, full.Sampling.LogitBias![65]);
        Assert.Equal([FakeCodec.End, 66], full.StopTokenIds);
        Assert.False(full.Speculation);
        Assert.Empty(host.Engine.LastRequest.StopTokenIds);
        Assert.True(host.Engine.LastRequest.Speculation);
    }

    [Fact]
    public async Task SpeculationHeader_SwitchesItOff()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();

        using HttpResponseMessage response = await host.PostAsync("chat/completions", $"{{{Ask}}}", ("X-Agentic-Speculation", "off"));

        Assert.False(host.Engine.LastRequest.Speculation);
    }

    [Fact]
    public async Task History_MayHoldAnyArguments()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();

        foreach (string arguments in (string[])["{\"a\":", "", "[1]", "5", "{\"a\":1,\"a\":2}", "\\ud800x"])
        {
            string history = $$"""
                {"model":"fake-model","messages":[{"role":"user","content":"hi"},
                 {"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":{{JsonValue.Create(arguments)!.ToJsonString()}} } }]},
                 {"role":"tool","tool_call_id":"c","content":[{"type":"text","text":"one"},{"type":"text","text":"two"}]}]}
                """;
            using HttpResponseMessage response = await host.PostAsync("chat/completions", history);

            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Contains("one\ntwo", new FakeCodec().TextOf(host.Engine.LastRequest.PromptIds), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task NextTurn_BeginsWithExactlyTheTokensOfTheLast()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => FakeCodec.Ended("Hello world");   // in bytes; the tokenizer would take two words

        JsonNode first = await host.JsonAsync("chat/completions", $"{{{Ask}}}");
        GenerationRequest asked = host.Engine.LastRequest;
        await host.JsonAsync("chat/completions", $$"""
            {"model":"fake-model","messages":[{"role":"user","content":"hi"},{{first["choices"]![0]!["message"]!.ToJsonString()}},{"role":"user","content":"Hello world"}]}
            """);

        int[] expected = [.. asked.PromptIds, .. FakeCodec.Bytes("Hello world"), FakeCodec.End];
        Assert.Equal(expected, host.Engine.LastRequest.PromptIds[..expected.Length]);
        Assert.Equal([FakeCodec.User, 256, 257, FakeCodec.End, FakeCodec.Assistant], host.Engine.LastRequest.PromptIds[expected.Length..]);
    }

    [Fact]
    public async Task Keys_SeparateTenants()
    {
        await using ProxyHost host = await ProxyHost.StartAsync(options =>
        {
            options.ApiKeys["k1"] = "one";
            options.ApiKeys["k2"] = "two";
            options.ApiKeys["k3"] = "one";
        });

        List<NamespaceKey> spaces = [];
        foreach (string key in (string[])["k1", "k2", "k3"])
        {
            using HttpResponseMessage response = await host.PostAsync("chat/completions", $"{{{Ask}}}", ("Authorization", "Bearer " + key));
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            spaces.Add(host.Engine.LastRequest.Namespace);
        }

        Assert.Equal(spaces[0], spaces[2]);
        Assert.NotEqual(spaces[0], spaces[1]);
    }

    [Fact]
    public async Task AnyStepsOfTheSameTokens_GiveTheSameEvents()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        int[] tokens = [.. new FakeCodec().Encode("Hé 😀 look\n" + CallText, false), .. FakeCodec.Ended(CallText + " bye STO")];
        host.Engine.Script = (_, _) => tokens;
        string request = With($$""" {{Tools}},"stream":true,"logprobs":true,"stop":"STOP","stream_options":{"include_usage":true} """);
        string[] expected = [.. (await host.EventsAsync("chat/completions", request)).Select(Masked)];

        await Gen.Int[1, 12].Array[1, 6].SampleAsync(async steps =>
        {
            host.Engine.StepTokens = steps;
            Assert.Equal(expected, (await host.EventsAsync("chat/completions", request)).Select(Masked));
        }, iter: 40, threads: 1);
    }

    private static readonly System.Text.Json.JsonSerializerOptions Relaxed =
        new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static string With(string more) => $"{{{Ask},{more}}}";

    private static string Masked(string json) =>
        CallId().Replace(AnswerId().Replace(FingerprintText().Replace(json, "\"FP\""), "\"ID\""), "\"CALL\"");

    [GeneratedRegex("\"chatcmpl-[0-9A-Za-z]{29}\"")]
    private static partial Regex AnswerId();

    [GeneratedRegex("\"fp_[0-9a-f]{10}\"")]
    private static partial Regex FingerprintText();

    [GeneratedRegex("\"call_[0-9A-Za-z]{24}\"")]
    private static partial Regex CallId();
}
