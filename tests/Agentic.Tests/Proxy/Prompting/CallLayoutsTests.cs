using System.Text.Json.Nodes;
using Agentic.ModelRuntime;
using Agentic.Proxy;
using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed class CallLayoutsTests
{
    private static readonly NamespaceKey Space = NamespaceKey.Derive("secret"u8, "tenant", "model", "tokenizer");
    private static readonly FakeCodec Codec = new();

    [Fact]
    public void RequiredArguments_AreLaidOutInOrderWithGapsForValues()
    {
        IReadOnlyList<CallSkeleton> layouts = Of(
            """{"type":"object","properties":{"days":{"type":"integer"},"city":{"type":"string"},"note":{"type":"string"}},"required":["city","days"]}""");

        Assert.Equal(
            ["""<|assistant|><tool_call>∥{"name": "weather", "arguments": {"city":"…","days":…}}∥</tool_call><|end|>""",
             """<|assistant|><tool_call>∥{"name": "weather", "arguments": {"city": "…", "days": …}}∥</tool_call><|end|>"""],
            layouts.Select(Text));
        Assert.Equal([0, 1], layouts.Select(layout => layout.Style));
        Assert.All(layouts, layout => Assert.Equal(1, layout.PromptTokens));
    }

    [Fact]
    public void EachValueOfAnEnumeration_HasALayout()
    {
        IReadOnlyList<CallSkeleton> layouts = Of(
            """{"type":"object","properties":{"unit":{"enum":["c","f","k"]},"exact":{"type":"boolean"}},"required":["unit","exact"]}""",
            stringArguments: false);

        Assert.Equal(
            ["""{"unit":"c","exact":true}""", """{"unit":"f","exact":false}""", """{"unit":"k","exact":true}"""],
            layouts.Select(layout => Text(layout).Split("arguments\": ")[1].Split("}∥")[0]));
    }

    [Theory]
    [InlineData("null", "{}")]
    [InlineData("""{"type":"object","properties":{},"required":[]}""", "{}")]
    [InlineData("""{"properties":{"a":{"type":"object","properties":{"b":{"type":["null","string"]}}},"l":{"type":"array","items":{"type":"number"}},"c":{"const":7}}}""",
        """{"a":{"b":"…"},"l":[…],"c":7}""")]
    [InlineData("""{"properties":{"x":{"anyOf":[{"type":"string"}]}},"required":["x",5,"gone"]}""", """{"x":…}""")]
    [InlineData("""{"properties":"odd","required":"odd"}""", "{}")]
    [InlineData("""{"properties":{"x":true,"y":{"enum":[]}}}""", """{"x":…,"y":…}""")]
    public void AnySchema_IsLaidOutAsFarAsItIsKnown(string schema, string arguments) =>
        Assert.Equal(arguments, Text(Of(schema, stringArguments: false)[0]).Split("arguments\": ")[1].Split("}∥")[0]);

    [Fact]
    public void ToolsAreNumberedAsTheyStand()
    {
        var tools = (JsonArray)JsonNode.Parse("""[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}]""")!;
        var layouts = new CallLayouts(Codec, new FakeTemplate(), new TemplateTraits(new FakeTemplate()));

        layouts.Of(Space, [tools[1]!.DeepClone()]);

        Assert.Equal([(0, "f"), (0, "f"), (1, "g"), (1, "g")], layouts.Of(Space, tools).Select(layout => (layout.Tool, Text(layout).Split('"')[3])));
    }

    [Fact]
    public void TenantIsErased_ItsToolsAreForgottenAndOthersAreNot()
    {
        var layouts = new CallLayouts(Codec, new FakeTemplate(), new TemplateTraits(new FakeTemplate()));
        NamespaceKey other = NamespaceKey.Derive("secret"u8, "other", "model", "tokenizer");
        foreach (NamespaceKey space in (NamespaceKey[])[Space, other])
            layouts.Of(space, new JsonArray(new JsonObject { ["function"] = new JsonObject { ["name"] = "f" } }));

        layouts.Forget(space => space == Space);

        Assert.Equal(1, layouts.Count);
    }

    [Fact]
    public void BundledTemplate_LaysOutWhatItsModelWrites()
    {
        Tokenizer tokenizer = Tokenizer.Load(BundledModel.Directory!);
        ChatTemplate template = ChatTemplate.Load(BundledModel.Directory!);
        var encoder = new PromptEncoder(new TokenizerCodec(tokenizer), template, 0);
        var tools = (JsonArray)JsonNode.Parse(
            """[{"type":"function","function":{"name":"read_file","parameters":{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}}}]""")!;

        CallSkeleton compact = encoder.CallSkeletons(Space, tools)[0];

        Assert.Equal(
            ["<|im_start|>assistant\n<tool_call>\n{\"name\": \"read_file\", \"arguments\": {\"path\":\"", "\"}}\n</tool_call><|im_end|>\n"],
            compact.Pieces.Select(piece => tokenizer.Decode(piece, skipSpecialTokens: false)));
    }

    private static IReadOnlyList<CallSkeleton> Of(string schema, bool stringArguments = true)
    {
        var template = new FakeTemplate(stringArguments);
        var tools = new JsonArray(new JsonObject
        {
            ["type"] = "function",
            ["function"] = new JsonObject { ["name"] = "weather", ["parameters"] = JsonNode.Parse(schema) },
        });
        return new CallLayouts(Codec, template, new TemplateTraits(template)).Of(Space, tools);
    }

    private static string Text(CallSkeleton layout) => string.Join('…', layout.Pieces.Select(Codec.TextOf)).Replace('\n', '∥');
}
