using System.Text.Json.Nodes;

namespace Agentic.Tests;

/// <summary>
/// What OpenAI's recorded exchanges have on the wire, rule by rule: the rule, what is asked beside the model and a prompt, where in the answer
/// to look (a JSON pointer; into the list of events where the answer is streamed), and what stands there. "absent" is not null.
/// </summary>
public sealed class WireRulesTests
{
    private const string Call = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\":1}}\n</tool_call>";
    private const string Tool = "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]";
    private const string Stream = "\"stream\":true", WithUsage = Stream + ",\"stream_options\":{\"include_usage\":true}";

    public static TheoryData<string, string, string, string, string, string> Rules => new()
    {
        { "object", "chat", "", "Hi", "/object", "\"chat.completion\"" },
        { "created is whole seconds", "chat", "", "Hi", "/created", "1700000000" },
        { "model is echoed", "chat", "", "Hi", "/model", "\"fake-model\"" },
        { "service_tier", "chat", "\"service_tier\":\"auto\"", "Hi", "/service_tier", "\"default\"" },
        { "refusal is null", "chat", "", "Hi", "/choices/0/message/refusal", "null" },
        { "annotations are empty", "chat", "", "Hi", "/choices/0/message/annotations", "[]" },
        { "logprobs are null", "chat", "", "Hi", "/choices/0/logprobs", "null" },
        { "tool_calls are absent without calls", "chat", Tool, "Hi", "/choices/0/message/tool_calls", "absent" },
        { "reasoning is absent without thoughts", "chat", "", "Hi", "/choices/0/message/reasoning_content", "absent" },
        { "content is null with calls", "chat", Tool, Call, "/choices/0/message/content", "null" },
        { "arguments are a string", "chat", Tool, Call, "/choices/0/message/tool_calls/0/function/arguments", "\"{\\\"a\\\":1}\"" },
        { "auto ends in tool_calls", "chat", Tool, Call, "/choices/0/finish_reason", "\"tool_calls\"" },
        { "required ends in tool_calls", "chat", Tool + ",\"tool_choice\":\"required\"", Call, "/choices/0/finish_reason", "\"tool_calls\"" },
        { "a named function ends in stop", "chat", Tool + ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}", Call,
            "/choices/0/finish_reason", "\"stop\"" },
        { "length", "chat", "\"max_tokens\":1", "Hi", "/choices/0/finish_reason", "\"length\"" },
        { "max_completion_tokens wins", "chat", "\"max_tokens\":1,\"max_completion_tokens\":3", "abcd", "/usage/completion_tokens", "3" },
        { "cached tokens are always counted", "chat", "", "Hi", "/usage/prompt_tokens_details", "{\"cached_tokens\":2,\"audio_tokens\":0,\"cache_write_tokens\":0}" },
        { "completion details are always there", "chat", "", "Hi", "/usage/completion_tokens_details",
            "{\"reasoning_tokens\":0,\"audio_tokens\":0,\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}" },
        { "logprobs have no refusal", "chat", "\"logprobs\":true", "Hi", "/choices/0/logprobs/refusal", "null" },
        { "no logprob for the end", "chat", "\"logprobs\":true", "H", "/choices/0/logprobs/content/1", "absent" },
        { "stop is cut away", "chat", "\"stop\":[\"!\",\"?\"]", "Hi!", "/choices/0/message/content", "\"Hi\"" },
        { "stop as one text", "chat", "\"stop\":\"i\"", "Hi!", "/choices/0/message/content", "\"H\"" },

        { "stream: object", "chat", Stream, "Hi", "/0/object", "\"chat.completion.chunk\"" },
        { "stream: first delta", "chat", Stream, "Hi", "/0/choices/0/delta", "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}" },
        { "stream: finish_reason is there and null", "chat", Stream, "Hi", "/0/choices/0/finish_reason", "null" },
        { "stream: first logprobs", "chat", Stream + ",\"logprobs\":true", "Hi", "/0/choices/0/logprobs", "{\"content\":[],\"refusal\":null}" },
        { "stream: last delta", "chat", Stream, "H", "/2/choices/0/delta", "{}" },
        { "stream: last finish_reason", "chat", Stream, "H", "/2/choices/0/finish_reason", "\"stop\"" },
        { "stream: last logprobs", "chat", Stream + ",\"logprobs\":true", "H", "/2/choices/0/logprobs", "null" },
        { "stream: no usage unasked", "chat", Stream, "H", "/0/usage", "absent" },
        { "stream: usage is null before the end", "chat", WithUsage, "H", "/0/usage", "null" },
        { "stream: usage has a chunk without choices", "chat", WithUsage, "H", "/3/choices", "[]" },
        { "stream: usage", "chat", WithUsage, "H", "/3/usage/completion_tokens", "2" },
        { "stream: first delta of a call", "chat", Stream + "," + Tool, Call, "/0/choices/0/delta/content", "null" },
        { "stream: a call begins without arguments", "chat", Stream + "," + Tool, Call, "/1/choices/0/delta/tool_calls/0/function/arguments", "\"\"" },
        { "stream: a call's type", "chat", Stream + "," + Tool, Call, "/1/choices/0/delta/tool_calls/0/type", "\"function\"" },
        { "stream: later pieces have no id", "chat", Stream + "," + Tool, Call, "/2/choices/0/delta/tool_calls/0/id", "absent" },
        { "stream: later pieces have an index", "chat", Stream + "," + Tool, Call, "/2/choices/0/delta/tool_calls/0/index", "0" },

        { "completions: object", "text", "", "Hi", "/object", "\"text_completion\"" },
        { "completions: 16 tokens unasked", "text", "", "0123456789abcdefg", "/usage/completion_tokens", "16" },
        { "completions: stream", "text", Stream, "H", "/0/choices/0/text", "\"H\"" },
        { "completions: usage at the end", "text", WithUsage, "H", "/2/usage/total_tokens", "3" },
    };

    [Theory]
    [MemberData(nameof(Rules))]
    public async Task Answer_HasIt(string rule, string endpoint, string fields, string written, string pointer, string expected)
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => FakeCodec.Ended(written);
        (string path, string prompt) = endpoint == "chat"
            ? ("chat/completions", "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]")
            : ("completions", "\"prompt\":\"a\"");
        string request = $"{{\"model\":\"fake-model\",{prompt}{(fields.Length > 0 ? "," : "")}{fields}}}";

        JsonNode answer = fields.Contains(Stream, StringComparison.Ordinal)
            ? new JsonArray([.. (await host.EventsAsync(path, request)).SkipLast(1).Select(line => JsonNode.Parse(line))])
            : await host.JsonAsync(path, request);

        Assert.True(expected == At(answer, pointer), $"{rule}: {At(answer, pointer)} in {answer.ToJsonString()}");
    }

    /// <summary>What clients send and this server has no use for, and every field that may be null.</summary>
    [Theory]
    [InlineData("""
        "store":true,"metadata":{"a":"b"},"user":"u","safety_identifier":"s","prompt_cache_key":"k","prompt_cache_options":{"mode":"x"},
        "prompt_cache_retention":"24h","verbosity":"low","service_tier":"flex","moderation":{},"modalities":["text"],"audio":{"voice":"a"},
        "priority":1,"session_id":"s","x":[1,{"y":null}],"stream":true,"stream_options":{"include_usage":false,"include_obfuscation":false}
        """)]
    [InlineData("""
        "stop":null,"n":null,"seed":null,"logit_bias":null,"stream_options":null,"top_p":null,"temperature":null,"presence_penalty":null,
        "frequency_penalty":null,"max_tokens":null,"max_completion_tokens":null,"logprobs":null,"top_logprobs":null,"tools":null,
        "tool_choice":null,"parallel_tool_calls":null,"response_format":null,"prediction":null,"functions":null,"function_call":null,
        "stream":null,"user":null,"metadata":null,"store":null,"modalities":null,"web_search_options":null,"reasoning_effort":null,
        "chat_template_kwargs":null,"min_tokens":0,"guided_json":null,"use_beam_search":false,"bad_words":[]
        """)]
    public async Task FieldsThatChangeNothing_AreAccepted(string fields)
    {
        await using ProxyHost host = await ProxyHost.StartAsync();

        using HttpResponseMessage response = await host.PostAsync("chat/completions",
            $"{{\"model\":\"fake-model\",\"messages\":[{{\"role\":\"user\",\"name\":\"bob\",\"content\":\"hi\"}}],{fields}}}");

        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    private static string At(JsonNode? node, string pointer)
    {
        foreach (string step in pointer.Split('/').Skip(1))
        {
            switch (node)
            {
                case JsonObject members when members.ContainsKey(step):
                    node = members[step];
                    break;
                case JsonArray items when int.TryParse(step, out int index) && index < items.Count:
                    node = items[index];
                    break;
                default:
                    return "absent";
            }
        }

        return node?.ToJsonString(new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }) ?? "null";
    }
}
