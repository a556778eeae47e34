using System.Net;
using System.Text.Json.Nodes;
using Agentic.Proxy;

namespace Agentic.Tests;

/// <summary>Models that do not write calls as Hermes does: the template says which, and a round trip works with each.</summary>
public sealed class ToolFormatTests
{
    private const string Mistral = """
        {%- for message in messages %}
            {%- if message["role"] == "user" %}{{- "[INST] " + message["content"] + "[/INST]" }}
            {%- elif message["tool_calls"] is defined and message["tool_calls"] is not none %}
                {{- "[TOOL_CALLS][" }}
                {%- for call in message["tool_calls"] %}
                    {{- call["function"] | tojson }}
                    {%- if call["id"] is undefined or call["id"] | length != 9 %}{{- raise_exception("ids have 9 characters") }}{% endif %}
                    {{- ", " if not loop.last else "]</s>" }}
                {%- endfor %}
            {%- elif message["role"] == "assistant" %}{{- " " + message["content"] + "</s>" }}
            {%- elif message["role"] == "tool" %}
                {%- if message["tool_call_id"] | length != 9 %}{{- raise_exception("ids have 9 characters") }}{% endif %}
                {{- "[TOOL_RESULTS]" + message["content"] + message["tool_call_id"] + "[/TOOL_RESULTS]" }}
            {%- endif %}
        {%- endfor %}
        """;

    private const string Llama = """
        {%- for message in messages %}
            {{- "<|" + message.role + "|>" }}
            {%- if message.tool_calls is defined and message.tool_calls %}
                {%- set call = message.tool_calls[0].function %}
                {{- '{"name": "' + call.name + '", "parameters": ' + (call.arguments | tojson) + "}" }}
            {%- else %}{{- message.content }}{% endif %}
        {%- endfor %}
        {%- if add_generation_prompt %}{{- "<|assistant|>" }}{% endif %}
        """;

    private const string NewerMistral = """
        {%- for message in messages %}
            {%- if message["role"] == "user" %}{{- "[INST]" + message["content"] + "[/INST]" }}
            {%- elif message["role"] == "assistant" %}
                {{- message["content"] if message["content"] is string else "" }}
                {%- for call in message["tool_calls"] or [] %}
                    {{- "[TOOL_CALLS]" + call["function"]["name"] + "[ARGS]" }}
                    {{- call["function"]["arguments"] if call["function"]["arguments"] is string else call["function"]["arguments"] | tojson }}
                {%- endfor %}
                {{- "</s>" }}
            {%- elif message["role"] == "tool" %}{{- "[TOOL_RESULTS]" + message["content"] + "[/TOOL_RESULTS]" }}
            {%- endif %}
        {%- endfor %}
        """;

    private const string QwenCoder = """
        {%- for message in messages %}
            {{- "<|" + message.role + "|>" + message.content | trim }}
            {%- for call in message.tool_calls or [] %}
                {{- "\n<tool_call>\n<function=" + call.function.name + ">\n" }}
                {%- for name, value in call.function.arguments | items %}
                    {{- "<parameter=" + name + ">\n" + value | string + "\n</parameter>\n" }}
                {%- endfor %}
                {{- "</function>\n</tool_call>" }}
            {%- endfor %}
        {%- endfor %}
        {%- if add_generation_prompt %}{{- "<|assistant|>" }}{% endif %}
        """;

    public static TheoryData<string, string, int> Formats => new()
    {
        { NewerMistral, "[TOOL_CALLS]f[ARGS]{\"a\": 1}", 9 },
        { QwenCoder, "<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>", 29 },
        { Mistral, "[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {\"a\": 1}}]", 9 },
        { Llama, "{\"name\": \"f\", \"parameters\": {\"a\": 1}}", 29 },
    };

    [Fact]
    public void Template_ShowsTheFormat()
    {
        Assert.Equal(CallFormat.Mistral, new TemplateTraits(ChatTemplate.Parse(Mistral)).Calls);
        Assert.Equal(CallFormat.Llama, new TemplateTraits(ChatTemplate.Parse(Llama)).Calls);
        Assert.Equal(CallFormat.Hermes, new TemplateTraits(new FakeTemplate()).Calls);
        Assert.Equal(CallFormat.Hermes, new TemplateTraits(ChatTemplate.Parse("{{ messages[0].content }}")).Calls);
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task CallAndItsAnswer_GoRound(string template, string written, int idLength)
    {
        await using ProxyHost host = await ProxyHost.StartAsync(change: model => model with { Template = ChatTemplate.Parse(template) });
        host.Engine.Script = (_, _) => FakeCodec.Ended(written);
        const string Ask = "\"model\":\"fake-model\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
            + "\"parameters\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}}}}}]";

        JsonNode choice = (await host.JsonAsync("chat/completions", $"{{{Ask},\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}]}}"))["choices"]![0]!;

        JsonNode call = choice["message"]!["tool_calls"]![0]!;
        Assert.Equal("tool_calls", (string?)choice["finish_reason"]);
        Assert.Null(choice["message"]!["content"]);
        Assert.Equal(("f", "{\"a\": 1}"), ((string?)call["function"]!["name"], (string?)call["function"]!["arguments"]));
        Assert.Equal(idLength, ((string?)call["id"])!.Length);
        host.Engine.Script = (_, _) => FakeCodec.Ended("Done.");
        foreach (string id in (string[])[(string)call["id"]!, "call_of_another_server_0123"])
        {
            using HttpResponseMessage next = await host.PostAsync("chat/completions",
                $"{{{Ask},\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}},"
                + $"{{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{{\"id\":\"{id}\",\"type\":\"function\",\"function\":{{\"name\":\"f\",\"arguments\":\"{{}}\"}}}}]}},"
                + $"{{\"role\":\"tool\",\"tool_call_id\":\"{id}\",\"content\":\"r\"}}]}}");
            Assert.Equal(HttpStatusCode.OK, next.StatusCode);
        }
    }

    [Theory]
    [InlineData(Mistral, "[TOOL_CALLS]")]
    [InlineData(Llama, "{")]
    public async Task ForcedCall_BeginsInTheFormat(string template, string first)
    {
        await using ProxyHost host = await ProxyHost.StartAsync(change: model => model with { Template = ChatTemplate.Parse(template) });

        await host.JsonAsync("chat/completions",
            """{"model":"fake-model","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required"}""");

        Assert.True(host.Engine.LastRequest.Constraint!.Allows(FakeCodec.Byte(first[0])));
        Assert.False(host.Engine.LastRequest.Constraint.Allows(FakeCodec.Byte('<')));
    }

    /// <summary>Of the request's functions only those that are allowed are shown, and may be forced.</summary>
    [Theory]
    [InlineData("auto")]
    [InlineData("required")]
    public async Task AllowedTools_AreTheOnlyOnes(string mode)
    {
        const string Shows = "{{ tools | map(attribute='function.name') | join(' ') }}|";
        await using ProxyHost host = await ProxyHost.StartAsync(change: model => model with { Template = ChatTemplate.Parse(Shows) });

        JsonNode answer = await host.JsonAsync("chat/completions", $$$"""
            {"model":"fake-model","messages":[{"role":"user","content":"hi"}],
             "tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}},{"type":"function","function":{"name":"h"}}],
             "tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"{{{mode}}}","tools":[
                {"type":"function","function":{"name":"h"}},{"type":"function","function":{"name":"f"}} ]} } }
            """);

        Assert.Null(answer["error"]);
        Assert.Equal("f h|", new FakeCodec().TextOf(host.Engine.LastRequest.PromptIds));
        Assert.Equal(mode == "auto", host.Engine.LastRequest.Constraint is null);
    }

    /// <summary>An object that names no function is the answer, and streams as it comes.</summary>
    [Fact]
    public async Task JsonAnswerOfALlama_IsText()
    {
        await using ProxyHost host = await ProxyHost.StartAsync(change: model => model with { Template = ChatTemplate.Parse(Llama) });
        host.Engine.Script = (_, _) => FakeCodec.Ended("{\"items\": [1, 2]}");

        string[] events = await host.EventsAsync("chat/completions",
            """{"model":"fake-model","stream":true,"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f"}}]}""");

        JsonNode[] deltas = [.. events.SkipLast(1).Select(line => JsonNode.Parse(line)!["choices"]![0]!["delta"]!)];
        Assert.Equal("", (string?)deltas[0]["content"]);
        Assert.Equal("{\"items\": [1, 2]}", string.Concat(deltas.Select(delta => (string?)delta["content"])));
        Assert.True(deltas.Length > 6);
    }
}
