using System.Text.Json.Nodes;

namespace Agentic.Tests;

/// <summary>OpenAI's own Node client against the endpoints; installed into artifacts/ on the first run.</summary>
public sealed class OpenAiNodeClientTests
{
    private const string CallText = "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>";

    [Fact]
    public async Task EverythingItAsks_IsUnderstood()
    {
        NodeClient client = await NodeClient.InstallAsync("openai-node");
        await using ProxyHost host = await ProxyHost.StartAsync(options => options.ApiKeys["key"] = "tenant");
        // A conversation with tools is answered by a call, one that ends with a tool's answer by text.
        host.Engine.Script = (request, _) => new FakeCodec().TextOf(request.PromptIds) is var prompt
            && prompt.Contains("weather", StringComparison.Ordinal) && !prompt.Contains("rain", StringComparison.Ordinal)
                ? FakeCodec.Ended(CallText)
                : FakeCodec.Ended("Hé 😀");

        JsonObject report = await client.RunAsync(host.BaseAddress.ToString(), ProxyHost.Model, "key");

        Assert.Equal("Hé 😀", report["chat"]!.GetValue<string>());
        Assert.StartsWith("req_", report["requestId"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal(8, report["logprobBytes"]!.GetValue<int>());
        Assert.Equal(2, report["cachedTokens"]!.GetValue<int>());
        Assert.Equal("""["Hé 😀","Hé 😀","stop",14]""", Compact(report["stream"]!));
        Assert.Equal("""["tool_calls","weather",{"city":"Oslo"},null]""", Compact(report["call"]!));
        Assert.Equal("Hé 😀", report["answer"]!.GetValue<string>());
        Assert.Equal("Hé 😀", report["completion"]!.GetValue<string>());
        Assert.Equal("""["fake-model"]""", Compact(report["models"]!));
        Assert.Equal(
            """[["NotFoundError",404,"model_not_found","model"],["BadRequestError",400,"decimal_above_max_value","temperature"],["AuthenticationError",401,"invalid_api_key",null]]""",
            Compact(report["errors"]!));
    }

    private static string Compact(JsonNode node) =>
        node.ToJsonString(new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }).Replace("\\uD83D\\uDE00", "😀", StringComparison.Ordinal);
}
