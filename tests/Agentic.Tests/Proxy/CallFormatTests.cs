using System.Text.Json.Nodes;
using Agentic.ModelRuntime;
using Agentic.Proxy;
using Agentic.SuffixCache;

namespace Agentic.Tests;

/// <summary>Formats in which published models call: a template of that shape is enough to read, force and draft them.</summary>
public sealed class CallFormatTests
{
    private const string Hermes = """
        {%- for call in message.tool_calls or [] %}
            {{- ("\n" if not loop.first else "") + "<tool_call>\n" + {"name": call.function.name, "arguments": call.function.arguments} | tojson + "\n</tool_call>" }}
        {%- endfor %}
        """;

    /// <summary>Nvidia's Nemotron on Llama.</summary>
    private const string Nemotron = """
        {%- if message.tool_calls %}{{- "<TOOLCALL>[" }}
            {%- for call in message.tool_calls %}
                {{- {"name": call.function.name, "arguments": call.function.arguments} | tojson + (", " if not loop.last else "") }}
            {%- endfor %}{{- "]</TOOLCALL>" }}
        {%- endif %}
        """;

    /// <summary>DeepSeek's R1 on Qwen and Llama: the outer end comes with the last of several only, as in the published template.</summary>
    private const string DeepSeek = """
        {%- for call in message.tool_calls or [] %}
            {{- "<｜tool▁calls▁begin｜>" if loop.first else "\n" }}
            {{- "<｜tool▁call▁begin｜>" + call.type + "<｜tool▁sep｜>" + call.function.name + "\n```json\n" }}
            {{- call.function.arguments if call.function.arguments is string else call.function.arguments | tojson }}
            {{- "\n```<｜tool▁call▁end｜>" }}
            {%- if loop.last and not loop.first %}{{- "<｜tool▁calls▁end｜>" }}{% endif %}
        {%- endfor %}
        """;

    /// <summary>Functionary, and Llama 3.1 where it is told to.</summary>
    private const string Functionary = """
        {%- for call in message.tool_calls or [] %}
            {{- "<function=" + call.function.name + ">" + call.function.arguments | tojson + "</function>" }}
        {%- endfor %}
        """;

    /// <summary>Llama 3.2 and models made from it.</summary>
    private const string Python = """
        {%- macro list(message) %}
            {%- for call in message.tool_calls %}
                {{- call.function.name + "(" }}
                {%- for name, value in call.function.arguments | items %}
                    {{- name + "=" + value | tojson + (", " if not loop.last else "") }}
                {%- endfor %}
                {{- ")" + (", " if not loop.last else "") }}
            {%- endfor %}
        {%- endmacro %}
        {%- if message.tool_calls %}{{- "[" + list(message) + "]" }}{% endif %}
        """;

    /// <summary>Llama 4's marks around the same.</summary>
    private static readonly string MarkedPython = Python.Replace("\"[\"", "\"<|python_start|>[\"").Replace("\"]\"", "\"]<|python_end|>\"");

    /// <summary>xLAM and Hammer.</summary>
    private static readonly string BareList = Nemotron.Replace("<TOOLCALL>", "").Replace("</TOOLCALL>", "");

    /// <summary>Granite.</summary>
    private static readonly string Granite = Nemotron.Replace("<TOOLCALL>", "<|tool_call|>").Replace("</TOOLCALL>", "");

    private static readonly string Functools = Nemotron.Replace("<TOOLCALL>", "functools").Replace("</TOOLCALL>", "");

    private static readonly string OneAtMost = """
        {%- if message.tool_calls | default([], true) | length > 1 %}{{- raise_exception("one call") }}{% endif %}
        """ + Hermes;

    /// <summary>Objects in a row within one pair of markers, under other names.</summary>
    private const string Rows = """
        {%- if message.tool_calls %}{{- "<|calls|>" }}
            {%- for call in message.tool_calls %}{{- "\n" + {"tool": call.function.name, "input": call.function.arguments} | tojson }}{% endfor %}
            {{- "\n<|/calls|>" }}
        {%- endif %}
        """;

    /// <summary>One of these a line, between fences.</summary>
    private static readonly string FencedPython = Python.Replace("\"[\" + list(message) + \"]\"", "\"```tool_code\n\" + list(message) + \"\n```\"")
        .Replace("\")\" + (\", \"", "\")\" + (\"\n\"");

    /// <summary>A list over several lines, as Jamba and Cohere have it.</summary>
    private static readonly string LongList = Nemotron.Replace("TOOLCALL>[", "TOOLCALL>[\n").Replace("]</TOOLCALL>", "\n]</TOOLCALL>")
        .Replace("\", \"", "\",\n\"");

    /// <summary>Newer models of Mistral.</summary>
    private const string NamedWithIds = """
        {%- for call in message.tool_calls or [] %}
            {{- "[TOOL_CALLS]" + call.function.name + "[CALL_ID]" + call.id + "[ARGS]" + call.function.arguments | tojson }}
        {%- endfor %}
        """;

    private static readonly Dictionary<string, string> Templates = new()
    {
        [nameof(Hermes)] = Hermes,
        [nameof(OneAtMost)] = OneAtMost,
        [nameof(Nemotron)] = Nemotron,
        [nameof(DeepSeek)] = DeepSeek,
        [nameof(Functionary)] = Functionary,
        [nameof(Python)] = Python,
        [nameof(MarkedPython)] = MarkedPython,
        [nameof(BareList)] = BareList,
        [nameof(Granite)] = Granite,
        [nameof(Functools)] = Functools,
        [nameof(Rows)] = Rows,
        [nameof(FencedPython)] = FencedPython,
        [nameof(LongList)] = LongList,
        [nameof(NamedWithIds)] = NamedWithIds,
    };

    private static readonly FunctionTool[] Functions = [new("f", null, false, "tools[0]"), new("get_weather", null, false, "tools[1]")];

    public static TheoryData<string> Formats => [.. Templates.Keys];

    internal static readonly Dictionary<string, CallFormat> Found = new()
    {
        [nameof(Hermes)] = CallFormat.Hermes,
        [nameof(OneAtMost)] = CallFormat.Hermes,
        [nameof(Nemotron)] = new() { Open = "<TOOLCALL>", IsList = true, End = "</TOOLCALL>" },
        [nameof(DeepSeek)] = new()
        {
            Notation = CallNotation.Named,
            Open = "<｜tool▁calls▁begin｜>",
            Each = "<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
            AfterName = "\n```json\n",
            Close = "```<｜tool▁call▁end｜>",
            End = "<｜tool▁calls▁end｜>",
        },
        [nameof(Functionary)] = new() { Notation = CallNotation.Named, Open = "<function=", AfterName = ">", Close = "</function>" },
        [nameof(Python)] = new() { Notation = CallNotation.Python, Open = "<|python_tag|>", IsList = true, IsBare = true },
        [nameof(MarkedPython)] = new() { Notation = CallNotation.Python, Open = "<|python_start|>", IsList = true, End = "<|python_end|>" },
        [nameof(BareList)] = new() { Open = "<|python_tag|>", IsList = true, IsBare = true },
        [nameof(Granite)] = new() { Open = "<|tool_call|>", IsList = true },
        [nameof(Functools)] = new() { Open = "functools", IsList = true },
        [nameof(Rows)] = new() { Open = "<|calls|>", End = "<|/calls|>", Name = "tool", Arguments = "input" },
        [nameof(FencedPython)] = new() { Notation = CallNotation.Python, Open = "```tool_code", End = "```" },
        [nameof(LongList)] = new() { Open = "<TOOLCALL>", IsList = true, End = "</TOOLCALL>" },
        [nameof(NamedWithIds)] = new() { Notation = CallNotation.Named, Open = "[TOOL_CALLS]", AfterName = $"[CALL_ID]{CallFormat.IdMark}[ARGS]", IdLength = 9 },
    };

    [Theory]
    [MemberData(nameof(Formats))]
    public void Format_IsFound(string name) => Assert.Equal(Found[name], Traits(name).Calls);

    /// <summary>Some of Nemotron's templates leave calls out of a conversation's last message.</summary>
    [Fact]
    public void CallsThatTheLastMessageLacks_AreFoundInAnEarlierOne()
    {
        string template = "{%- for message in messages %}{{- '<|' + message.role + '|>' + message.content }}{% if not loop.last %}" + Nemotron
            + "{% endif %}{{- '<|end|>' }}{% endfor %}";

        Assert.Equal(Found[nameof(Nemotron)], new TemplateTraits(ChatTemplate.Parse(template)).Calls);
    }

    /// <summary>Llama 3.2's template prints texts as they are, and its models learn that from their history.</summary>
    [Fact]
    public void TextsWithoutQuotes_AreReadWhereTheTemplateWritesThem()
    {
        string template = "{%- for message in messages %}{{- '<|' + message.role + '|>' + (message.content or '') }}"
            + Python.Replace("value | tojson", "value | string") + "{{- '<|end|>' }}{% endfor %}";
        CallFormat format = new TemplateTraits(ChatTemplate.Parse(template)).Calls;

        (string text, List<(string Name, string Arguments)> calls) = Read(format, "[f(city=New York, days=5, note=\"a, b\")]");

        Assert.Equal(Found[nameof(Python)] with { HasBareTexts = true }, format);
        Assert.Equal("", text);
        Assert.Equal([("f", """{"city": "New York", "days": 5, "note": "a, b"}""")], calls);
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void WhatTheTemplateWrites_IsReadAgain(string name)
    {
        CallFormat format = Traits(name).Calls;
        (string, string)[] calls = [("get_weather", """{"city": "São \"Paulo\"", "days": [1, 2.5], "deep": {"a": null}}"""), ("f", """{"on": true}""")];
        foreach (int count in name == nameof(OneAtMost) ? (int[])[1] : [1, 2])
        {
            string written = Written(name, calls[..count]);
            foreach (string before in format.IsBare ? (string[])[""] : ["", "Let me look.\n"])
            {
                (string text, List<(string Name, string Arguments)> read) = Read(format, before + written);

                Assert.Equal(before.Trim(), text);
                Assert.Equal(calls[..count].Select(call => (call.Item1, JsonNode.Parse(call.Item2)!.ToJsonString())),
                    read.Select(call => (call.Name, JsonNode.Parse(call.Arguments)!.ToJsonString())));
            }
        }
    }

    /// <summary>What begins as a call and breaks off, or is something else, is text: no character of it is lost.</summary>
    [Theory]
    [MemberData(nameof(Formats))]
    public void WhatIsNoCall_IsText(string name)
    {
        CallFormat format = Traits(name).Calls;
        string written = Written(name, ("get_weather", """{"city": "x"}"""));
        int until = written.IndexOf("get_weather", StringComparison.Ordinal);
        foreach (string text in (string[])
            [written[..until], written[..(until + 3)], written[..until] + "!", written[..until] + " %\n", written[..until] + "get_weather is not it", "[1, 2]", "{\"a\": 1}", "plain [text] {x}"])
        {
            (string read, List<(string, string)> calls) = Read(format, text);
            Assert.Equal(text, read);
            Assert.Empty(calls);
        }
    }

    [Theory]
    [InlineData("[f(a='it\\'s', b=-1.5e3, c=(1, 2,), d={'k': None})]", "f {\"a\": \"it's\", \"b\": -1.5e3, \"c\": [1, 2], \"d\": {\"k\": null}}")]
    [InlineData("[f()]", "f {}")]
    [InlineData("[ f(), get_weather( city = \"[x](y), z\" ) ]", "f {}; get_weather {\"city\": \"[x](y), z\"}")]
    [InlineData("[{\"name\": \"f\", \"arguments\": {}}]", "f {}")]
    [InlineData("{\"name\": \"f\", \"parameters\": {\"a\": 1}}", "f {\"a\": 1}")]
    [InlineData("<|python_tag|>[f(x=\"\\u00e9\\n\")]", "f {\"x\": \"é\\n\"}")]
    [InlineData("[f(a=1, b=", "f {\"a\": 1")]
    [InlineData("[f(a=1, b=oops)]", "f {\"a\": 1oops)]")]
    [InlineData("[g(a=1)]", "text [g(a=1)]")]
    [InlineData("[f(1)]", "text [f(1)]")]
    [InlineData("[f(a=x)]", "text [f(a=x)]")]
    [InlineData("[f(a={1: 2})]", "text [f(a={1: 2})]")]
    [InlineData("[f(a=\"x]", "text [f(a=\"x]")]
    [InlineData("[f](a=1)", "text [f](a=1)")]
    public void PythonsCalls_BecomeJson(string written, string expected)
    {
        (string text, List<(string Name, string Arguments)> calls) = Read(Traits(nameof(Python)).Calls, written);

        Assert.Equal(expected, text.Length > 0 ? $"text {text}" : string.Join("; ", calls.Select(call => $"{call.Name} {call.Arguments}")));
    }

    /// <summary>A forced call is read as the call it is, whichever of its spellings the model chooses.</summary>
    [Theory]
    [MemberData(nameof(Formats))]
    public void ForcedCall_IsReadAsACall(string name)
    {
        TemplateTraits traits = Traits(name);
        FakeCodec codec = new();
        ITokenConstraint rule = Rule(codec, traits.Calls, "\"tool_choice\":\"required\"", strict: false);
        int most = 0;
        for (int seed = 0; seed < 20; seed++)
        {
            (string text, List<(string Name, string Arguments)> calls) = Read(traits.Calls, GrammarWalk.Text(rule.Restart(), codec, new Random(seed))!);

            Assert.Equal("", text);
            Assert.NotEmpty(calls);
            Assert.All(calls, call => Assert.InRange(JsonNode.Parse(call.Arguments)!["days"]!.GetValue<int>(), 0, 9));
            most = Math.Max(most, calls.Count);
        }

        Assert.True(most > 1);
    }

    /// <summary>Strict functions leave text free, and a call that begins must be one. Python's arguments no rule knows: there the list's
    /// objects are what is allowed.</summary>
    [Theory]
    [MemberData(nameof(Formats))]
    public void StrictCall_KeepsItsSchemaInTheFormat(string name)
    {
        CallFormat format = Traits(name).Calls;
        FakeCodec codec = new();
        ITokenConstraint rule = Rule(codec, format, "\"tool_choice\":\"auto\"", strict: true);
        ITokenConstraint text = rule.Restart();

        Assert.True(Takes(text, "Well, `<x> [y] function {z}") && text.Allows(FakeCodec.End));
        if (format.Notation == CallNotation.Python)
            return;
        string written = Written(name, ("f", """{"days": 5}"""));
        Assert.True(Takes(rule.Restart(), written), written);
        Assert.False(Takes(rule.Restart(), written.Replace("5", "x")));
        Assert.False(Takes(rule.Restart(), written.Replace("days", "nights")));
    }

    /// <summary>What drafts are taken from is what the template writes, with gaps for values.</summary>
    [Theory]
    [MemberData(nameof(Formats))]
    public void Skeleton_IsWrittenInTheFormat(string name)
    {
        FakeCodec codec = new();
        ChatTemplate template = Template(name);
        JsonArray tools = JsonNode.Parse("""
            [{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}]
            """)!.AsArray();
        NamespaceKey space = NamespaceKey.Derive(new byte[16], "a", "m", "t");

        IReadOnlyList<CallSkeleton> skeletons = new CallLayouts(codec, template, new TemplateTraits(template)).Of(space, tools);

        string[] pieces = Written(name, ("f", """{"city": "@"}""")).Split('@');
        Assert.Contains(skeletons, skeleton => codec.TextOf(skeleton.Pieces[0]) == $"<|assistant|>{pieces[0]}"
            && codec.TextOf(skeleton.Pieces[1]).StartsWith(pieces[1], StringComparison.Ordinal));
    }

    private static bool Takes(ITokenConstraint rule, string text)
    {
        foreach (int id in FakeCodec.Bytes(text))
        {
            if (!rule.Allows(id))
                return false;
            rule.Advance(id);
        }

        return true;
    }

    private static ITokenConstraint Rule(FakeCodec codec, CallFormat format, string choice, bool strict) => OutputConstraintsTests.Rule(codec, $$$"""
        {{{choice}}},"tools":[{"type":"function","function":{"name":"f","strict":{{{(strict ? "true" : "false")}}},
         "parameters":{"type":"object","properties":{"days":{"type":"integer","minimum":0,"maximum":9}},"required":["days"],"additionalProperties":false} } } ]
        """, format)!;

    private static ChatTemplate Template(string name) => ChatTemplate.Parse(
        "{%- for message in messages %}{{- '<|' + message.role + '|>' + (message.content or '') }}" + Templates[name] + "{{- '<|end|>' }}{% endfor %}"
        + "{%- if add_generation_prompt %}{{- '<|assistant|>' }}{% endif %}");

    private static TemplateTraits Traits(string name) => new(Template(name));

    /// <summary>An answer's calls as the template has them.</summary>
    private static string Written(string name, params (string Name, string Arguments)[] calls)
    {
        TemplateTraits traits = Traits(name);
        JsonObject message = new()
        {
            ["role"] = "assistant",
            ["content"] = null,
            ["tool_calls"] = new JsonArray([.. calls.Select((call, i) => new JsonObject
            {
                ["id"] = $"call0000{i}",
                ["type"] = "function",
                ["function"] = new JsonObject { ["name"] = call.Name, ["arguments"] = call.Arguments },
            })]),
        };
        string text = Template(name).Render(new JsonObject { ["messages"] = ChatMessages.ForTemplate([message], traits), ["add_generation_prompt"] = false });
        return text["<|assistant|>".Length..^"<|end|>".Length];
    }

    /// <summary>What a client is told, whole and character by character alike.</summary>
    private static (string Text, List<(string Name, string Arguments)> Calls) Read(CallFormat format, string written)
    {
        (string Text, List<(string, string)> Calls) whole = Read(format, [written]);
        (string Text, List<(string, string)> Calls) single = Read(format, written.Select(c => c.ToString()));
        Assert.Equal(whole.Text, single.Text);
        Assert.Equal(whole.Calls, single.Calls);
        return whole;
    }

    private static (string Text, List<(string Name, string Arguments)> Calls) Read(CallFormat format, IEnumerable<string> pieces)
    {
        ToolCallParser parser = new(format, () => "id", Functions);
        OutputEvents events = [];
        foreach (string piece in pieces)
            parser.Push(piece, events);
        parser.Flush(events);
        List<(string Name, string Arguments)> calls = [.. events.Where(next => next.Kind == OutputEventKind.CallStart).Select(next => (next.Text, ""))];
        foreach (OutputEvent next in events.Where(next => next.Kind == OutputEventKind.CallArguments))
            calls[next.Call] = (calls[next.Call].Name, calls[next.Call].Arguments + next.Text);
        return (string.Concat(events.Where(next => next.Kind == OutputEventKind.Text).Select(next => next.Text)), calls);
    }
}
