using System.Text.Json.Nodes;
using Agentic.Proxy;
using CsCheck;

namespace Agentic.Tests;

public sealed class ToolCallParserTests
{
    private const string Call = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": [1, {\"b\": \"}</tool_call>\"}]}}\n</tool_call>";

    private static readonly JsonObject Schema = JsonNode.Parse("""
        {"type": "object", "properties": {
            "text": {"type": "string"}, "count": {"type": "integer"}, "flag": {"type": "boolean"}, "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "place": {"$ref": "#/$defs/Place"}, "kind": {"enum": ["a", "b"]}},
         "$defs": {"Place": {"type": "object", "properties": {}}}}
        """)!.AsObject();

    [Fact]
    public void PlainText_PassesThrough() => Assert.Equal(["text: a < b, 2 <tool, \n"], Read("a < b, 2 <tool, \n"));

    [Fact]
    public void Call_IsAnnouncedThenItsArgumentsAsWritten() =>
        Assert.Equal(["call 0: f id0", "arguments 0: {\"a\": [1, {\"b\": \"}</tool_call>\"}]}"], Read(Call));

    [Fact]
    public void ParallelCalls_HaveIndexesAndNoTextBetween() =>
        Assert.Equal(
            ["call 0: f id0", "arguments 0: {\"x\":1}", "call 1: g id1", "arguments 1: {}"],
            Read("<tool_call>{\"name\":\"f\",\"arguments\":{\"x\":1}}</tool_call>\n<tool_call>\n{\"name\": \"g\", \"arguments\": {}}\n</tool_call>\n"));

    [Fact]
    public void TextAround_IsKeptWithoutTheWhitespaceBeforeTheCall() =>
        Assert.Equal(
            ["text: I look.", "call 0: f id0", "arguments 0: {}", "text:  Done."],
            Read("I look.\n\n<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call> Done."));

    [Theory]
    [InlineData("<tool_call>not json</tool_call>")]
    [InlineData("<tool_call>[1]</tool_call>")]
    [InlineData("<tool_call>{\"arguments\": {}}</tool_call>")]
    [InlineData("<tool_call>{\"name\": 5, \"arguments\": {}}</tool_call>")]
    [InlineData("<tool_call>{\"name\": \"f\", \"arg")]
    [InlineData("a\n<tool_call>\n")]
    [InlineData("<tool_call>{\"name\": \"f\" \"arguments\": {}}</tool_call>")]
    public void MalformedCall_IsText(string text) => Assert.Equal([$"text: {text}"], Read(text));

    [Fact]
    public void MalformedThenGood_BothCome() =>
        Assert.Equal(["text: <tool_call>\n", "call 0: f id0", "arguments 0: {}"], Read("<tool_call>\n<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>"));

    [Fact]
    public void ArgumentsThatBreakOff_StayArguments()
    {
        Assert.Equal(["call 0: f id0", "arguments 0: {\"a\": \"b"], Read("<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \"b"));
        Assert.Equal(["call 0: f id0", "arguments 0: {\"a\": b}}"], Read("<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": b}}</tool_call>"));
    }

    [Fact]
    public void NameLast_ArgumentsWaitForIt() =>
        Assert.Equal(["call 0: f id0", "arguments 0: {\"a\": 1}"], Read("<tool_call>{\"arguments\": {\"a\": 1}, \"id\": [\"name\"], \"name\": \"f\"}</tool_call>"));

    [Theory]
    [InlineData("{\"name\": \"f\"}", "{}")]
    [InlineData("{\"name\": \"f\", \"arguments\": null}", "{}")]
    [InlineData("{\"name\": \"f\", \"parameters\": {\"a\": 1}}", "{\"a\": 1}")]
    [InlineData("{\"name\": \"f\", \"arguments\": \"{\\\"a\\\": 1}\"}", "{\"a\": 1}")]
    [InlineData("{\"name\": \"f\", \"arguments\": 5}", "5")]
    public void OtherArguments_AreWhatTheyMean(string call, string arguments) =>
        Assert.Equal(["call 0: f id0", $"arguments 0: {arguments}"], Read($"<tool_call>{call}</tool_call>"));

    [Theory]
    [InlineData("<tool_call>{\"name\":\"f\",\"arguments\":{}}")]
    [InlineData("<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool")]
    [InlineData("<tool_call>{\"name\":\"f\",\"arguments\":{}\n</tool_call>")]
    public void EndMissing_IsStillACall(string text) => Assert.Equal(["call 0: f id0", "arguments 0: {}"], Read(text));

    [Fact]
    public void CallWithoutEndBeforeTheNext_BothCome() =>
        Assert.Equal(["call 0: f id0", "arguments 0: {}", "call 1: g id1", "arguments 1: {}"],
            Read("<tool_call>{\"name\":\"f\",\"arguments\":{}}\n<tool_call>{\"name\":\"g\",\"arguments\":{}}</tool_call>"));

    [Theory]
    [InlineData("[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {\"x\": 1}}]", "call 0: f id0¦arguments 0: {\"x\": 1}")]
    [InlineData("[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {}}, {\"name\": \"g\", \"arguments\": {}, \"id\": \"123456789\"}]\n",
        "call 0: f id0¦arguments 0: {}¦call 1: g id1¦arguments 1: {}")]
    [InlineData("I look. [TOOL_CALLS][{\"name\":\"f\",\"arguments\":{}}]", "text: I look.¦call 0: f id0¦arguments 0: {}")]
    [InlineData("[TOOL_CALLS]f[ARGS]{\"x\": 1}", "call 0: f id0¦arguments 0: {\"x\": 1}")]
    [InlineData("[TOOL_CALLS]f[CALL_ID]123456789[ARGS]{}[TOOL_CALLS]g-1[ARGS]{\"y\": \"[ARGS]{\"}", "call 0: f id0¦arguments 0: {}¦call 1: g-1 id1¦arguments 1: {\"y\": \"[ARGS]{\"}")]
    [InlineData("[TOOL_CALLS]f{}", "call 0: f id0¦arguments 0: {}")]
    [InlineData("[TOOL_CALLS]f[ARGS]{\"x", "call 0: f id0¦arguments 0: {\"x")]
    [InlineData("[TOOL_CALLS]f is not a call {}", "text: [TOOL_CALLS]f is not a call {}")]
    [InlineData("[TOOL_CALLS]f\n{}", "text: [TOOL_CALLS]f\n{}")]
    [InlineData("[TOOL_CALLS][1]", "text: [TOOL_CALLS][1]")]
    [InlineData("[TOOL_CALLS]", "text: [TOOL_CALLS]")]
    [InlineData("[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {\"x", "call 0: f id0¦arguments 0: {\"x")]
    public void MistralsList_IsReadCallByCall(string text, string events) =>
        Assert.Equal(events.Split('¦'), Read(CallFormat.Mistral, text));

    [Theory]
    [InlineData("{\"name\": \"f\", \"parameters\": {\"x\": 1}}", "call 0: f id0¦arguments 0: {\"x\": 1}")]
    [InlineData("<|python_tag|>{\"type\": \"function\", \"name\": \"f\", \"parameters\": {}}", "call 0: f id0¦arguments 0: {}")]
    [InlineData("{\"name\": \"f\", \"parameters\": {}}; {\"name\": \"g\", \"parameters\": {}}",
        "call 0: f id0¦arguments 0: {}¦call 1: g id1¦arguments 1: {}")]
    [InlineData("{\"name\": \"Bob\", \"parameters\": {}}", "text: {\"name\": \"Bob\", \"parameters\": {}}")]
    [InlineData("{\"name\": \"f\"}", "text: {\"name\": \"f\"}")]
    [InlineData("{\"name\": \"f\", \"age\": 3}", "text: {\"name\": \"f\", \"age\": 3}")]
    [InlineData("See {\"name\": \"f\", \"parameters\": {}}", "text: See {\"name\": \"f\", \"parameters\": {}}")]
    [InlineData("<|python_tag|>print(1)", "text: <|python_tag|>print(1)")]
    [InlineData("{\"name\": \"f\", \"parameters\": {}} Done.", "call 0: f id0¦arguments 0: {}¦text: Done.")]
    public void LlamasObject_IsACallWhereItNamesAFunction(string text, string events) =>
        Assert.Equal(events.Split('¦'), Read(CallFormat.Llama, text));

    [Theory]
    [InlineData("<function=f>\n</function>", "{}")]
    [InlineData("<function=f>\n<parameter=text>\nif a < b:\n    \"x\"\n\n</parameter>\n</function>", "{\"text\": \"if a < b:\\n    \\\"x\\\"\\n\"}")]
    [InlineData("<function=f>\n<parameter=text>\n5\n</parameter>\n<parameter=count>\n5\n</parameter>\n</function>", "{\"text\": \"5\", \"count\": 5}")]
    [InlineData("<function=f><parameter=count>many</parameter></function>", "{\"count\": \"many\"}")]
    [InlineData("<function=f>\n<parameter=flag>\nTrue\n</parameter>\n<parameter=maybe>\nNone\n</parameter>\n</function>", "{\"flag\": true, \"maybe\": null}")]
    [InlineData("<function=f>\n<parameter=maybe>\nnull and void\n</parameter>\n</function>", "{\"maybe\": \"null and void\"}")]
    [InlineData("<function=f>\n<parameter=place>\n{\"x\": [1, 2]}\n</parameter>\n<parameter=kind>\na\n</parameter>\n</function>", "{\"place\": {\"x\": [1, 2]}, \"kind\": \"a\"}")]
    [InlineData("<function=f>\n<parameter=unknown>\n[1]\n</parameter>\n</function>", "{\"unknown\": \"[1]\"}")]
    public void QwenCodersElements_AreArgumentsOfTheSchemasTypes(string call, string arguments)
    {
        Assert.Equal(["call 0: f id0", $"arguments 0: {arguments}"], Read($"<tool_call>\n{call}\n</tool_call>"));
        Assert.Equal(["text: I look.", "call 0: f id0", $"arguments 0: {arguments}", "call 1: f id1", $"arguments 1: {arguments}"],
            Read($"I look.\n\n<tool_call>\n{call}\n</tool_call>\n<tool_call>{call}</tool_call>", 3));
    }

    [Theory]
    [InlineData("<tool_call>\n<function=\n</tool_call>", "text: <tool_call>\n<function=\n</tool_call>")]
    [InlineData("<tool_call>\n<function=f>\n<parameter=text>\nab", "call 0: f id0¦arguments 0: {")]
    [InlineData("<tool_call>\n<fun", "text: <tool_call>\n<fun")]
    [InlineData("<tool_call><functional/></tool_call>", "text: <tool_call><functional/></tool_call>")]
    public void ElementsThatBreakOff_AreWhatCame(string text, string events) => Assert.Equal(events.Split('¦'), Read(text));

    [Fact]
    public void AnyCutOfAnyText_GivesTheSameEventsAndLosesNothing()
    {
        string[] pieces =
        [
            "<tool_call>", "</tool_call>", "<tool_", "call>", "\n", " ", "{\"name\": \"f\", \"arguments\": ", "{\"name\": \"g\"", ", \"arguments\": ",
            "{\"a\": 1}", "{\"b\": \"x", "\"}", "}", "{", "[", "text ", "é😀", "\"", "\\", Call, "[TOOL_CALLS]", "[TOOL_CALLS][", "]", ", ", "; ",
            "<|python_tag|>", "{\"name\": \"f\", \"parameters\": {}}", "<function=", "f>", "<parameter=count>", "</parameter>", "</function>", "[ARGS]", "g", "[CALL_ID]",
            "<TOOLCALL>", "</TOOLCALL>", "<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>function<｜tool▁sep｜>", "\n```json\n", "```<｜tool▁call▁end｜>",
            "<｜tool▁calls▁end｜>", "functools", "f(a=1, ", "b='x', ", ")", "[f(a=\"y\"), g()]", "<|python_start|>", "<|python_end|>", "<|tool_call|>",
            "<|calls|>", "<|/calls|>", "{\"tool\": \"f\", \"input\": {}}",
        ];
        Gen<string> piece = Gen.Int[0, pieces.Length - 1].Select(i => pieces[i]);
        CallFormat[] formats =
        [
            CallFormat.Hermes, CallFormat.Mistral, CallFormat.Llama, .. CallFormatTests.Found.Values,
        ];
        Gen.Select(Gen.Int[0, formats.Length - 1].Select(i => formats[i]), piece.Array[0, 10].Select(string.Concat), Gen.Int[1, 9].Array[1, 5]).Sample((format, text, cuts) =>
        {
            string[] whole = Read(format, text);
            Assert.Equal(whole, Read(format, text, cuts));
            Assert.Equal(whole, Read(format, text, [1]));
        }, iter: 16_000);
    }

    private static string[] Read(string text, params int[] cuts) => Read(CallFormat.Hermes, text, cuts);

    private static string[] Read(CallFormat format, string text, params int[] cuts)
    {
        int ids = 0;
        ToolCallParser parser = new(format, () => $"id{ids++}", [new("f", Schema, false, "tools[0]"), new("g", null, false, "tools[1]")]);
        OutputEvents all = [];
        for (int at = 0, piece = 0; at < text.Length; piece++)
        {
            int length = cuts.Length == 0 ? text.Length : Math.Min(text.Length - at, cuts[piece % cuts.Length]);
            parser.Push(text.Substring(at, length), all);   // one list over all pieces, so that neighbours join
            at += length;
        }

        parser.Flush(all);
        return [.. all.Select(next => next.Kind switch
        {
            OutputEventKind.Text => $"text: {next.Text}",
            OutputEventKind.CallStart => $"call {next.Call}: {next.Text} {next.CallId}",
            _ => $"arguments {next.Call}: {next.Text}",
        })];
    }
}
