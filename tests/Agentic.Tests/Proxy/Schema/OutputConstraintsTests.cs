using System.Text.Json.Nodes;
using Agentic.ModelRuntime;
using Agentic.Proxy;

namespace Agentic.Tests;

public sealed class OutputConstraintsTests
{
    private const string Tools = """
        [{"type":"function","function":{"name":"get","strict":STRICT,"parameters":{"type":"object","properties":{"id":{"type":"integer","minimum":0,"maximum":99}},"required":["id"],"additionalProperties":false}}},
         {"type":"function","function":{"name":"é\"x","strict":STRICT}}]
        """;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void RequiredCall_IsWholeAndItsArgumentsKeepTheSchema(bool markersAreSpecial)
    {
        FakeCodec codec = new(markersAreSpecial);
        ITokenConstraint rule = Rule(codec, $$""" "tools":{{Tools.Replace("STRICT", "false")}},"tool_choice":"required" """)!;
        HashSet<string> names = [];
        for (int seed = 0; seed < 30; seed++)
        {
            string text = GrammarWalk.Text(rule.Restart(), codec, new Random(seed))!;
            OutputEvents events = Parsed(text, out int calls);
            Assert.True(calls >= 1);
            Assert.DoesNotContain(events, next => next.Kind == OutputEventKind.Text);
            names.UnionWith(events.Where(next => next.Kind == OutputEventKind.CallStart).Select(next => next.Text));
            foreach (IGrouping<int, OutputEvent> call in events.Where(next => next.Kind == OutputEventKind.CallArguments).GroupBy(next => next.Call))
            {
                JsonObject arguments = JsonNode.Parse(string.Concat(call.Select(next => next.Text)))!.AsObject();
                Assert.True(arguments.Count == 0 || arguments["id"]!.GetValue<int>() is >= 0 and <= 99);
            }
        }

        Assert.Equal(["get", "é\"x"], names.Order(StringComparer.Ordinal));
    }

    public static TheoryData<string> OtherFormats => ["Mistral", "Llama"];

    [Theory]
    [MemberData(nameof(OtherFormats))]
    public void RequiredCall_IsWrittenInTheModelsOwnFormat(string name)
    {
        CallFormat format = Format(name);
        FakeCodec codec = new();
        ITokenConstraint rule = Rule(codec, $$""" "tools":{{Tools.Replace("STRICT", "false")}},"tool_choice":"required" """, format)!;
        int most = 0;
        for (int seed = 0; seed < 30; seed++)
        {
            string text = GrammarWalk.Text(rule.Restart(), codec, new Random(seed))!;
            OutputEvents events = Parsed(text, out int calls, format);
            most = Math.Max(most, calls);
            Assert.True(calls >= 1, text);
            Assert.DoesNotContain(events, next => next.Kind == OutputEventKind.Text);
        }

        Assert.True(most > 1);
    }

    [Theory]
    [MemberData(nameof(OtherFormats))]
    public void StrictTools_LeaveTextFreeInEveryFormat(string name)
    {
        CallFormat format = Format(name);
        FakeCodec codec = new();
        ITokenConstraint rule = Rule(codec, $$""" "tools":{{Tools.Replace("STRICT", "true")}} """, format)!;

        ITokenConstraint text = rule.Restart();
        Feed(text, codec, "Well, {\"a\": 1}");
        Assert.True(text.Allows(FakeCodec.End) && text.Allows(FakeCodec.Byte('x')));
        Feed(rule, codec, format.IsList ? "[TOOL_CALLS][{\"name\": \"get\", \"arguments\": {\"id\": " : "{\"name\": \"get\", \"parameters\": {\"id\": ");
        Assert.True(rule.IsActive && rule.Allows(FakeCodec.Byte('1')));
        Assert.False(rule.Allows(FakeCodec.Byte('-')) || rule.Allows(FakeCodec.End));
    }

    [Theory]
    [InlineData(true, "hm <x</th</think>\n\n", true)]
    [InlineData(false, "<think>hm</think>", true)]
    [InlineData(false, "", false)]
    public void Thought_IsFreeAndTheAnswerAfterItIsNot(bool opened, string thought, bool ends)
    {
        FakeCodec codec = new();
        ITokenConstraint rule = Rule(codec, """ "response_format":{"type":"json_object"} """, opensThought: opened)!;

        if (opened)
            Assert.False(rule.Allows(FakeCodec.End));
        Feed(rule, codec, thought);
        Assert.True(rule.Allows(FakeCodec.Byte('{')));
        Assert.Equal(!ends, rule.Allows(FakeCodec.Byte('<')));
        Assert.False(rule.Allows(FakeCodec.Byte('x')) || rule.Allows(FakeCodec.End));
        Feed(rule, codec, "{}");
        Assert.True(rule.Allows(FakeCodec.End));
    }

    private static CallFormat Format(string name) => name == "Mistral" ? CallFormat.Mistral : CallFormat.Llama;

    [Fact]
    public void NamedCall_IsOneCallOfThatFunction()
    {
        FakeCodec codec = new();
        ITokenConstraint rule = Rule(codec, $$""" "tools":{{Tools.Replace("STRICT", "false")}},"tool_choice":{"type":"function","function":{"name":"get"} } """)!;

        OutputEvents events = Parsed(GrammarWalk.Text(rule, codec, new Random(1))!, out int calls);
        Assert.Equal(1, calls);
        Assert.Equal("get", events.Single(next => next.Kind == OutputEventKind.CallStart).Text);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void StrictTools_LeaveTextFreeAndCallsWhole(bool markersAreSpecial)
    {
        FakeCodec codec = new(markersAreSpecial);
        ITokenConstraint rule = Rule(codec, $$""" "tools":{{Tools.Replace("STRICT", "true")}} """)!;

        Assert.False(rule.IsActive);
        Feed(rule, codec, "Well <tool_");
        Assert.True(rule.Allows(FakeCodec.Byte('c')) && rule.Allows(FakeCodec.Byte('!')) && rule.Allows(FakeCodec.End));
        Feed(rule, codec, "x <<tool_call>");
        Assert.True(rule.IsActive);
        Assert.False(rule.Allows(FakeCodec.Byte('x')) || rule.Allows(FakeCodec.End));
        Feed(rule, codec, "\n{\"name\": \"get\", \"arguments\": {\"id\": 1");
        Assert.True(rule.Allows(FakeCodec.Byte('0')) && rule.Allows(FakeCodec.Byte('}')));
        Assert.False(rule.Allows(FakeCodec.Byte(',')) || rule.Allows(FakeCodec.Byte('.')));
        Feed(rule, codec, "}}\n</tool_call>");
        Assert.False(rule.IsActive);
    }

    [Fact]
    public void SpecialMarker_BeginsACall()
    {
        FakeCodec codec = new(callMarkersAreSpecial: true);
        ITokenConstraint rule = Rule(codec, $$""" "tools":{{Tools.Replace("STRICT", "true")}} """)!;

        rule.Advance(FakeCodec.User);   // other markup is none of its business
        Assert.False(rule.IsActive);
        rule.Advance(FakeCodec.OpenCall);
        Assert.True(rule.IsActive && rule.Allows(FakeCodec.Byte('{')) && !rule.Allows(FakeCodec.OpenCall));
    }

    [Fact]
    public void JsonAndTools_AllowEither()
    {
        FakeCodec codec = new();
        ITokenConstraint rule = Rule(codec, $$""" "tools":{{Tools.Replace("STRICT", "false")}},"response_format":{"type":"json_object"} """)!;

        Assert.True(rule.Allows(FakeCodec.Byte('{')) && rule.Allows(FakeCodec.Byte('<')));
        Assert.False(rule.Allows(FakeCodec.Byte('x')) || rule.Allows(FakeCodec.End));
    }

    [Fact]
    public void SchemaInAString_HoldsNoMarkupAndEndsWhereItIsWhole()
    {
        FakeCodec codec = new(callMarkersAreSpecial: true);
        ITokenConstraint rule = Rule(codec, """ "response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"string"}}} """)!;

        Feed(rule, codec, "\"a");
        Assert.False(rule.Allows(FakeCodec.OpenCall) || rule.Allows(FakeCodec.End));
        Feed(rule, codec, "\"");
        float[] logits = new float[codec.VocabularySize + 3];
        rule.Mask(logits);
        Assert.Equal([FakeCodec.End], Enumerable.Range(0, logits.Length).Where(id => logits[id] == 0));
    }

    [Fact]
    public void TextOrNothingAsked_IsNotConstrained()
    {
        Assert.Null(Rule(new(), """ "response_format":{"type":"text"} """));
        Assert.Null(Rule(new(), $$""" "tools":{{Tools.Replace("STRICT", "false")}} """));
        Assert.Null(Rule(new(), $$""" "tools":{{Tools.Replace("STRICT", "true")}},"tool_choice":"none" """));
    }

    [Fact]
    public void LenientSchema_IsKeptAsFarAsItCan()
    {
        ITokenConstraint rule = Rule(new(), """ "response_format":{"type":"json_schema","json_schema":{"name":"s","strict":false,"schema":{"type":"integer","not":{}}}} """)!;

        Assert.True(rule.Allows(FakeCodec.Byte('1')));
        Assert.False(rule.Allows(FakeCodec.Byte('{')));
    }

    private static OutputEvents Parsed(string text, out int calls, CallFormat? format = null)
    {
        ToolCallParser parser = new(format ?? CallFormat.Hermes, () => "id", [new("get", null, false, ""), new("é\"x", null, false, "")]);
        OutputEvents events = [];
        parser.Push(text, events);
        parser.Flush(events);
        calls = parser.Calls;
        return events;
    }

    private static void Feed(ITokenConstraint rule, FakeCodec codec, string text)
    {
        foreach (int id in FakeCodec.Bytes(text))
        {
            Assert.True(rule.Allows(id), $"'{(char)id}' in {text}");
            rule.Advance(id);
        }
    }

    /// <summary>What a request with these fields asks of an answer.</summary>
    internal static ITokenConstraint? Rule(FakeCodec codec, string fields, CallFormat? format = null, bool? opensThought = null)
    {
        ServedModel model = new()
        {
            Name = "m",
            Created = DateTimeOffset.UnixEpoch,
            Codec = codec,
            Template = null,
            EndTokenIds = [FakeCodec.End],
            MaxContextTokens = 100,
            Engine = new FakeEngine(),
            Fingerprint = "",
        };
        JsonObject body = JsonNode.Parse($$"""{"model":"m","messages":[{"role":"user","content":"x"}],{{fields}}}""")!.AsObject();
        return new OutputConstraints(model).For(new ChatCompletionRequest(body, model), format ?? CallFormat.Hermes, opensThought);
    }
}
