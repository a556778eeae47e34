using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Agentic.ModelRuntime;
using Agentic.Proxy;
using CsCheck;

namespace Agentic.Tests;

public sealed class SchemaCompilerTests
{
    private static readonly JsonSerializerOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonSerializerOptions Indented = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, WriteIndented = true };
    private static readonly FakeCodec Codec = new();

    public static TheoryData<string> Bounded => [.. SchemaSamples.Bounded];

    [Theory]
    [MemberData(nameof(Bounded))]
    public void WhateverIsDrawn_IsAnInstance(string schema)
    {
        JsonNode parsed = JsonNode.Parse(schema)!;
        GrammarConstraint rule = GrammarWalk.Of(Codec, json => SchemaCompiler.Compile(json, parsed));
        int ended = 0;
        for (int seed = 0; seed < 20; seed++)
        {
            if (GrammarWalk.Text(rule.Restart(), Codec, new Random(seed)) is not { } text)
                continue;
            ended++;
            Assert.True(SchemaValidator.IsValid(parsed, Parse(text)), text);
        }

        Assert.Equal(20, ended);
    }

    [Fact]
    public void RandomSchemas_RandomDraws_AreInstances() => Gen.Int[0, int.MaxValue].Sample(seed =>
    {
        Random random = new(seed);
        (JsonNode schema, _) = SchemaSamples.Random(random);
        if (GrammarWalk.Text(GrammarWalk.Of(Codec, json => SchemaCompiler.Compile(json, schema)), Codec, random) is { } text)
            Assert.True(SchemaValidator.IsValid(schema, Parse(text)), $"{schema.ToJsonString(Compact)}\n{text}");
    }, iter: 200);

    [Fact]
    public void RandomInstances_AreInTheLanguage() => Gen.Int[0, int.MaxValue].Sample(seed =>
    {
        Random random = new(seed);
        (JsonNode schema, Func<JsonNode?> value) = SchemaSamples.Random(random);
        Grammar grammar = new();
        Language language = SchemaCompiler.Compile(new JsonGrammar(grammar), schema);
        for (int i = 0; i < 5; i++)
        {
            JsonNode? instance = value();
            Assert.True(SchemaValidator.IsValid(schema, instance), "the sample is at fault");
            foreach (JsonSerializerOptions style in new[] { Compact, Indented })
            {
                string text = Spelled(instance, style);
                Assert.True(grammar.Matches(language, Encoding.UTF8.GetBytes(text)), $"{schema.ToJsonString(Compact)}\n{text}");
            }
        }
    }, iter: 200);

    [Theory]
    [InlineData("""{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"required":["b"]}""", """{"b":1}|{"a":1, "b":2}""", """{"a":1}|{"b":1,"a":2}|{"b":1,"c":2}|{"b":1,}|{"b": 1.5}|{"b":01}""")]
    [InlineData("""{"$ref":"#/$defs/n","$defs":{"n":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}},"required":["v","next"]}}}""", """{"v":1,"next":{"v":2,"next":null}}""", """{"v":1,"next":{"v":2}}|{"v":1}""")]
    [InlineData("""{"type":"array","prefixItems":[{"const":1},{"const":2}],"items":{"const":3}}""", "[]|[1]|[1,2]|[1,2,3,3]", "[2]|[1,2,4]|[1,3]")]
    [InlineData("""{"type":"array","items":[{"const":1}],"additionalItems":false}""", "[]|[1]", "[1,1]")]
    [InlineData("""{"type":"integer","minimum":-5,"maximum":120}""", "-5|-1|0|9|120", "-6|121|00|1.0|-0|1e1")]
    [InlineData("""{"type":"number","minimum":-0.5,"exclusiveMaximum":10.25}""", "-0.5|0|10|10.2499|-0.4999|0.0", "-0.51|10.25|10.250|11|-1|.5|1.")]
    [InlineData("""{"type":"number","exclusiveMinimum":0}""", "0.1|0.001|7", "0|0.0|-1")]
    [InlineData("""{"type":"number","maximum":-3}""", "-3|-3.0|-100.5", "-2.9|0|3")]
    [InlineData("""{"type":"number"}""", "0|-1.5e-7|1E+22|12345678901234567", "1e999|01|+1|.5")]
    [InlineData("""{"type":"number","multipleOf":0.01}""", "0.25|3|-1.1", "0.255")]
    [InlineData("""{"type":"integer","multipleOf":1000000}""", "0|3000000", "5", true)]
    [InlineData("""{"type":"string","maxLength":2}""", "\"\"|\"é😀\"|\"\\u00e9\\ud83d\\ude00\"|\"\\n\\/\"", "\"abc\"|\"\\ud83d\"|\"\n\"|\"\\x\"")]
    [InlineData("""{"type":"string","pattern":"b+"}""", "\"abc\"|\"b\"", "\"ac\"|\"\"")]
    [InlineData("""{"type":"string","pattern":"^\\p{Lu}[^a-c\\s]\\.$"}""", "\"Éd.\"", "\"Éa.\"|\"éd.\"|\"Éd\"")]
    [InlineData("""{"enum":["x",1,{"a":[1,2]}]}""", "\"x\"|1|{\"a\": [1,2]}", "\"y\"|{\"a\":[2,1]}")]
    [InlineData("""{"type":"string","enum":["x",1,"long"],"maxLength":2}""", "\"x\"", "1|\"long\"")]
    [InlineData("""{"const":null}""", "null", "0|\"null\"")]
    [InlineData("""{"properties":{"a":{"const":1}},"anyOf":[{"required":["a"]},{"required":["b"],"properties":{"b":{"const":2}}}]}""", """{"a":1}|{"a":1,"b":2}|{"b":2}""", "{}|{\"b\":1}")]
    [InlineData("""{"allOf":[{"properties":{"a":{}},"additionalProperties":false},{"properties":{"b":{"const":1}}}]}""", """{"a":[{}]}|{}""", """{"b":1}""")]
    [InlineData("""{"type":"object"}""", """{}|{"x":{"y":[1,"z"]}}""", "[]|1")]
    [InlineData("""{"type":"object","properties":{"ab":{"const":1}},"additionalProperties":{"const":2}}""", """{"ab":1,"a":2,"abc":2,"":2}|{"b":2}""", """{"ab":2}|{"a":2,"ab":1}""")]
    [InlineData("""{"type":"object","properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}},"minProperties":2,"maxProperties":2}""", """{"a":1,"b":2}|{"b":2,"c":3}|{"a":1,"c":3}""", """{}|{"a":1}|{"a":1,"b":2,"c":3}""")]
    [InlineData("true", "{}|[1]|\"x\"", "x|")]
    [InlineData("""{"type":["string","null"],"format":"date"}""", "null|\"2024-02-29\"", "\"2023-02-29\"|\"2024-13-01\"|\"x\"")]
    [InlineData("""{"type":"string","format":"date-time"}""", "\"2024-02-28T23:59:59.5Z\"|\"2024-02-28T00:00:00+02:00\"", "\"2024-02-28\"|\"2024-02-28T24:00:00Z\"")]
    [InlineData("""{"type":"object","propertyNames":{"type":"string"},"additionalProperties":{"const":1}}""", """{}|{"a":1,"":1}""", """{"a":2}""")]
    [InlineData("""{"type":"object","propertyNames":{"type":"string","enum":["a","b"]},"additionalProperties":{"const":1},"required":["a"]}""", """{"a":1}|{"a":1,"b":1}""", """{"b":1}|{"a":1,"c":1}|{"a":1,"a":1}""")]
    [InlineData("""{"propertyNames":{"enum":["a","b"]}}""", """{}|{"b":2}""", """{"c":1}|{"b":1,"b":1}""")]
    [InlineData("""{"propertyNames":{"pattern":"^x"},"properties":{"a":{},"xa":{"const":1}},"additionalProperties":{"const":2}}""", """{}|{"xa":1,"xb":2}""", """{"a":1}|{"b":2}|{"xa":2}""")]
    [InlineData("""{"propertyNames":{"maxLength":1}}""", """{"a":1}""", """{"ab":1}""")]
    [InlineData("""{"propertyNames":false}""", "{}", """{"a":1}""")]
    [InlineData("""{"type":"string","format":"time","pattern":"^(?:[01]\\d|2[0-3]):[0-5]\\d(?::[0-5]\\d(?:\\.\\d+)?)?$"}""", "\"23:59\"|\"00:00:59.5\"", "\"24:00\"|\"23:59:00Z\"")]
    [InlineData("""{"type":"string","pattern":"^(?!\\.)(?!.*\\.\\.)([A-Za-z0-9_'+\\-\\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\\-]*\\.)+[A-Za-z]{2,}$"}""", "\"a.b@c.de\"|\"a@b.c.de\"", "\".a@b.de\"|\"a..b@c.de\"|\"a@b..de\"|\"a.@b.de\"")]
    [InlineData("""{"type":"string","pattern":"^P(?:(\\d+W)|(?!.*W)(?=\\d|T\\d)(\\d+Y)?(\\d+M)?(\\d+D)?(T(?=\\d)(\\d+H)?(\\d+M)?(\\d+([.,]\\d+)?S)?)?)$"}""", "\"P3W\"|\"P1Y2D\"|\"PT5M\"|\"P1DT2,5S\"", "\"P\"|\"PT\"|\"P1DT\"|\"P1D2W\"")]
    [InlineData("""{"type":"string","pattern":"^(?=.*\\d)(?=.*[a-z]$).{3,5}$"}""", "\"1xa\"|\"a1b\"", "\"abc\"|\"ab1\"|\"1a\"|\"1abcde\"")]
    [InlineData("""{"type":"string","pattern":"^(?!(?:foo|bar)$)[a-z]+$"}""", "\"food\"|\"fo\"", "\"foo\"|\"bar\"")]
    [InlineData("""{"type":"string","pattern":"a(?!b)"}""", "\"ac\"|\"aba\"|\"xa\"", "\"ab\"|\"x\"")]
    [InlineData("""{"type":"string","format":"ipv6"}""", "\"::\"|\"::1\"|\"2001:db8::8a2e:370:7334\"|\"1:2:3:4:5:6:7:8\"|\"::ffff:1.2.3.4\"", "\"1:2\"|\":::\"|\"1:2:3:4:5:6:7:8:9\"")]
    public void Schemas_AllowAndForbid(string schema, string allowed, string forbidden, bool tooLarge = false)
    {
        JsonGrammar json = new(new Grammar());
        JsonNode parsed = JsonNode.Parse(schema)!;
        if (tooLarge)
        {
            Assert.Contains("digits", Assert.Throws<SchemaException>(() => SchemaCompiler.Compile(json, parsed)).Message, StringComparison.Ordinal);
            return;
        }

        Language language = SchemaCompiler.Compile(json, parsed);
        Assert.All(allowed.Split('|'), text => Assert.True(json.Grammar.Matches(language, Encoding.UTF8.GetBytes(text)), text));
        Assert.All(forbidden.Split('|'), text => Assert.False(json.Grammar.Matches(language, Encoding.UTF8.GetBytes(text)), text));
    }

    [Theory]
    [InlineData("""{"properties":{"a":{"not":{}}}}""", "properties.a.not")]
    [InlineData("""{"items":{"uniqueItems":true}}""", "items.uniqueItems")]
    [InlineData("""{"anyOf":[{"type":"object"},{"patternProperties":{}}]}""", "anyOf[1].patternProperties")]
    [InlineData("""{"$defs":{"x":{"type":"text"}}}""", "$defs.x.type")]
    [InlineData("""{"pattern":"(?<=x)"}""", "pattern")]
    [InlineData("""{"pattern":"(?:(?=x).)*"}""", "pattern")]
    [InlineData("""{"propertyNames":{"anyOf":[{"maxLength":2},{"pattern":"x"}]}}""", "propertyNames.anyOf")]
    [InlineData("""{"pattern":"("}""", "pattern")]
    [InlineData("""{"pattern":"a{5,2}"}""", "pattern")]
    [InlineData("""{"minLength":-1}""", "minLength")]
    [InlineData("""{"properties":{"a":1}}""", "properties.a")]
    [InlineData("""{"enum":[]}""", "enum")]
    [InlineData("""{"multipleOf":0}""", "multipleOf")]
    [InlineData("""{"$ref":"#/$defs/none"}""", "")]
    [InlineData("""{"$ref":"https://example.com/x"}""", "")]
    [InlineData("""{"type":"string","pattern":"^a{3}$","maxLength":2}""", "")]
    [InlineData("""{"type":"integer","minimum":3,"maximum":2}""", "")]
    [InlineData("""{"type":"object","properties":{"self":{"$ref":"#"}},"required":["self"]}""", "")]
    [InlineData("false", "")]
    public void WhatCannotBeKept_IsNamed(string schema, string path)
    {
        JsonGrammar json = new(new Grammar());

        Assert.Equal(path, Assert.Throws<SchemaException>(() => SchemaCompiler.Compile(json, JsonNode.Parse(schema))).Path);
    }

    [Fact]
    public void LenientSchema_KeepsTheRest()
    {
        JsonGrammar json = new(new Grammar());
        Language language = SchemaCompiler.Compile(
            json, JsonNode.Parse("""{"type":"object","properties":{"a":{"type":"array","items":{"type":"integer"},"uniqueItems":true}},"not":{}}"""), lenient: true);

        Assert.True(json.Grammar.Matches(language, "{\"a\":[1,1]}"u8));
        Assert.False(json.Grammar.Matches(language, "{\"a\":1}"u8));
    }

    [Fact]
    public void BranchWithoutEnd_IsNeverEntered()
    {
        JsonNode schema = JsonNode.Parse("""{"type":"object","properties":{"loop":{"$ref":"#/$defs/l"},"x":{"const":1}},"$defs":{"l":{"type":"object","properties":{"l":{"$ref":"#/$defs/l"}},"required":["l"]}}}""")!;
        GrammarConstraint rule = GrammarWalk.Of(Codec, json => SchemaCompiler.Compile(json, schema));

        HashSet<string?> texts = [.. Enumerable.Range(0, 60).Select(seed => GrammarWalk.Text(rule.Restart(), Codec, new Random(seed))?.Replace(" ", "").Replace("\n", "").Replace("\t", ""))];
        Assert.Subset(new HashSet<string?> { "{}", "{\"x\":1}" }, texts);
    }

    /// <summary>A grammar cannot tell that a free name was drawn before: as for every reader, the last of its values counts.</summary>
    private static JsonNode? Parse(string text)
    {
        using JsonDocument document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 64 });
        return Node(document.RootElement);

        static JsonNode? Node(JsonElement value)
        {
            switch (value.ValueKind)
            {
                case JsonValueKind.Object:
                    var members = new JsonObject();
                    foreach (JsonProperty member in value.EnumerateObject())
                        members[member.Name] = Node(member.Value);
                    return members;
                case JsonValueKind.Array:
                    return new JsonArray([.. value.EnumerateArray().Select(Node)]);
                default:
                    return JsonNode.Parse(value.GetRawText());
            }
        }
    }

    /// <summary>JSON with characters beyond the basic plane as they are; no encoder of the framework leaves them.</summary>
    private static string Spelled(JsonNode? instance, JsonSerializerOptions style) => instance is null
        ? "null"
        : instance.ToJsonString(style).Replace("\\uD83D\\uDE00", "😀", StringComparison.Ordinal);
}
