using System.Net;
using System.Text.Json.Nodes;
using Agentic.ModelRuntime;
using Agentic.Proxy;

namespace Agentic.Tests;

/// <summary>A schema comes from a client: whatever it says, it is compiled with bounded work or refused by name.</summary>
public sealed class SchemaLimitTests
{
    private const long MostWork = 200_000, MostWorkOfAll = 600_000;

    private const string Conjunction = """{"type":"string","allOf":[{"pattern":"^(a|b)*a(a|b){14}$"},{"pattern":"^(a|b)*b(a|b){13}$"}]}""";

    public static TheoryData<string> TooLarge() =>
    [
        Conjunction,
        """{"type":"string","allOf":[{"pattern":"^[a-z]{1,200}$"},{"pattern":"a.{50}b"},{"pattern":"c.{40}d"},{"pattern":"e.*f"}]}""",
        """{"type":"string","pattern":"(a|ab|abc|b|bc|c)+(x|xy|y){1,300}z","minLength":100,"maxLength":1000}""",
        "{\"allOf\":[" + List(12, i => $"{{\"anyOf\":[{Objects($"a{i}", 1)},{Objects($"b{i}", 1)}]}}") + "]}",
        "{\"enum\":[" + List(30_000, i => $"\"value {i * 7919 % 100_000}\"") + "]}",
        Objects("p", 5000),
        "{\"type\":\"string\",\"pattern\":\"" + string.Concat(Enumerable.Repeat("\\\\p{L}[^\\\\p{N}a]", 3000)) + "\"}",
        "{\"anyOf\":[" + List(9000, i => $"{{\"type\":\"string\",\"pattern\":\"\\\\p{{L}}{i}\"}}") + "]}",
        "{\"const\":\"" + new string('x', 600_000) + "\"}",
        """{"type":"string","pattern":"^(?!.*a.{12}b).*$"}""",
        "{\"type\":\"string\",\"pattern\":\"^" + string.Concat(Enumerable.Repeat("a?", 20_000)) + "$\"}",
        Objects("p", 9999),
        Objects(new string('n', 150_000), 1).Replace("{\"type\":\"object\"", "{\"additionalProperties\":true", StringComparison.Ordinal),
    ];

    public static TheoryData<string> Large() =>
    [
        """{"type":"array","items":{"type":"number","minimum":-1000.5,"maximum":123456.75}}""",
        """{"type":"integer","multipleOf":997,"minimum":5,"maximum":99999999}""",
        """{"type":"string","pattern":"^(((a{1,100}b){1,100}c){1,100}d){1,100}$","maxLength":1000}""",
        "{\"enum\":[" + List(1000, i => $"\"value {i * 7919 % 100_000} of a long enumeration\"") + "]}",
        Objects("property", 100).Replace("{\"type\":\"object\"", "{\"type\":\"object\",\"minProperties\":20", StringComparison.Ordinal),
        Objects("property", 800),
        "{\"const\":\"" + new string('x', 90_000) + "\"}",
        Objects(new string('n', 60_000), 1),
        "{\"type\":\"string\",\"pattern\":\"^" + string.Concat(Enumerable.Repeat("a?", 900)) + "$\",\"maxLength\":2000}",
        """{"type":"string","pattern":"^(?=.*[a-z])(?=.*[A-Z])(?=.*\\d)(?=.*[^\\da-zA-Z]).{8,}$"}""",
        """{"type":"string","format":"email","pattern":"^(?!\\.)(?!.*\\.\\.)([A-Za-z0-9_'+\\-\\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\\-]*\\.)+[A-Za-z]{2,}$"}""",
    ];

    [Theory]
    [MemberData(nameof(TooLarge))]
    public void SchemaWithoutMeasure_IsRefusedAfterBoundedWork(string schema)
    {
        JsonGrammar json = new(new Grammar());

        SchemaException refusal = Assert.Throws<SchemaException>(() => SchemaCompiler.Compile(json, JsonNode.Parse(schema)));
        Assert.Matches("too large|more than|at most", refusal.Message);
        Assert.InRange(json.Grammar.Work, 0, MostWork + 20_000);   // the step that goes beyond is still paid for
    }

    [Theory]
    [MemberData(nameof(Large))]
    public void LargeSchema_IsCompiled(string schema)
    {
        JsonGrammar json = new(new Grammar());

        SchemaCompiler.Compile(json, JsonNode.Parse(schema));
        Assert.InRange(json.Grammar.Work, 0, MostWork);
    }

    /// <summary>Whatever is deep, by length or by reference, must not exhaust a stack: that would end the server.</summary>
    [Fact]
    public void DeepSchema_IsKeptOrRefusedOnAnyStack()
    {
        string[] schemas =
        [
            "{\"$ref\":\"#/$defs/d0\",\"$defs\":{"
                + List(8000, i => $"\"d{i}\":{{\"anyOf\":[{{\"$ref\":\"#/$defs/d{i + 1}\"}},{{\"type\":\"null\"}}]}}")
                + ",\"d8000\":{\"type\":\"string\"}}}",
            "{\"$ref\":\"#/$defs/d0\",\"$defs\":{" + List(8000, i => $"\"d{i}\":{{\"$ref\":\"#/$defs/d{i + 1}\"}}") + ",\"d8000\":{\"type\":\"string\"}}}",
            "{\"enum\":[\"" + new string('x', 90_000) + "\",\"" + new string('y', 90_000) + "\"]}",
            "{\"type\":\"string\",\"pattern\":\"^" + string.Concat(Enumerable.Repeat("a?", 990)) + "$\",\"maxLength\":900}",
            "{\"prefixItems\":[" + List(5000, _ => "{}") + "]}",
            Objects("p", 3000),
        ];
        List<Exception> unexpected = [];
        Thread thread = new(() =>
        {
            foreach (string schema in schemas)
            {
                JsonGrammar json = new(new Grammar());
                try
                {
                    Language language = SchemaCompiler.Compile(json, JsonNode.Parse(schema));
                    json.Grammar.Matches(language, "{\"p1\":\"a\"}"u8);
                    json.Grammar.Matches(language, "\"aaaaaaaaaaaaaaaa\""u8);
                }
                catch (SchemaException)
                {
                }
                catch (Exception exception)
                {
                    unexpected.Add(exception);
                }
            }
        }, 1 << 20);
        thread.Start();
        thread.Join();

        Assert.Empty(unexpected);
    }

    [Fact]
    public void ManyLargeTools_AreBoundedTogether()
    {
        JsonGrammar json = new(new Grammar());
        int refused = 0;
        for (int i = 0; i < 20; i++)
        {
            try
            {
                SchemaCompiler.Compile(json, JsonNode.Parse(Objects($"property{i}_", 700)));
            }
            catch (SchemaException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 1, 19);
        Assert.InRange(json.Grammar.Work, 0, MostWorkOfAll + 20_000);
    }

    [Fact]
    public async Task Refusal_NamesTheField()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        const string Ask = "\"model\":\"fake-model\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]";

        using HttpResponseMessage format = await host.PostAsync("chat/completions",
            "{" + Ask + ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"s\",\"schema\":" + Conjunction + "}}}");
        using HttpResponseMessage tool = await host.PostAsync("chat/completions",
            "{" + Ask + ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"strict\":true,\"parameters\":"
            + "{\"type\":\"object\",\"properties\":{\"a\":" + Conjunction + "}}}}]}");

        Assert.Equal((HttpStatusCode.BadRequest, "response_format"), await ParamAsync(format));
        Assert.Equal((HttpStatusCode.BadRequest, "tools[0].function.parameters"), await ParamAsync(tool));
    }

    private static async Task<(HttpStatusCode, string?)> ParamAsync(HttpResponseMessage response) =>
        (response.StatusCode, (string?)JsonNode.Parse(await response.Content.ReadAsStringAsync())!["error"]!["param"]);

    private static string Objects(string name, int properties) => "{\"type\":\"object\",\"properties\":{"
        + List(properties, i => $"\"{name}{i}\":{{\"type\":\"string\",\"maxLength\":{i + 1}}}") + "}}";

    private static string List(int count, Func<int, string> item) => string.Join(',', Enumerable.Range(0, count).Select(item));
}
