using System.Text.Encodings.Web;
using System.Text.Json.Nodes;

namespace Agentic.Tests;

/// <summary>The kits that agents are built with (LangChain, Vercel's AI SDK, OpenAI's Agents SDK) against the endpoints.</summary>
public sealed class AgentSdkTests
{
    private const string CallText = "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>";

    [Fact]
    public async Task ChatStreamAndToolRoundTrip_AreUnderstood()
    {
        NodeClient client = await NodeClient.InstallAsync("agent-sdks");
        await using ProxyHost host = await ProxyHost.StartAsync(options => options.ApiKeys["key"] = "tenant");
        // A conversation with tools is answered by a call, one that ends with a tool's answer by text.
        host.Engine.Script = (request, _) => new FakeCodec().TextOf(request.PromptIds) is var prompt
            && prompt.Contains("weather", StringComparison.Ordinal) && !prompt.Contains("rain", StringComparison.Ordinal)
                ? FakeCodec.Ended(CallText)
                : FakeCodec.Ended("Fine, \"Hé\".");

        JsonObject report = await client.RunAsync(host.BaseAddress.ToString(), ProxyHost.Model, "key");

        Assert.Equal("""["Fine, \"Hé\".","Fine, \"Hé\".",18,"weather",{"city":"Oslo"},"Fine, \"Hé\"."]""", Compact(report["langchain"]!));
        Assert.Equal("""["Fine, \"Hé\".","Fine, \"Hé\".",18,[{"city":"Oslo"},{"city":"Oslo"}],"Fine, \"Hé\".","Fine, \"Hé\"."]""", Compact(report["vercel"]!));
        Assert.Equal("""["Fine, \"Hé\".","Fine, \"Hé\".","Fine, \"Hé\".",[{"city":"Oslo"},{"city":"Oslo"}]]""", Compact(report["agents"]!));
    }

    private static string Compact(JsonNode node) => node.ToJsonString(new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
