using System.Text.Json.Nodes;

namespace Agentic.Tests;

public sealed class OpenApiTests
{
    [Fact]
    public async Task Document_DescribesRequestsAndAnswers()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();

        JsonNode document = JsonNode.Parse(await host.Client.GetStringAsync("/openapi/v1.json", TestContext.Current.CancellationToken))!;

        JsonObject paths = document["paths"]!.AsObject(), schemas = document["components"]!["schemas"]!.AsObject();
        Assert.Superset(
            new HashSet<string> { "/v1/chat/completions", "/v1/completions", "/v1/models", "/health", "/ready" },
            paths.Select(path => path.Key).ToHashSet());
        JsonNode chat = paths["/v1/chat/completions"]!["post"]!;
        Assert.Equal("#/components/schemas/ChatCompletionRequest", chat["requestBody"]!["content"]!["application/json"]!["schema"]!["$ref"]!.GetValue<string>());
        Assert.Equal("#/components/schemas/ChatCompletion", chat["responses"]!["200"]!["content"]!["application/json"]!["schema"]!["$ref"]!.GetValue<string>());
        Assert.Contains("generation_config", schemas["ChatCompletionRequest"]!["properties"]!["temperature"]!["description"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.NotNull(schemas["ChatCompletionRequest"]!["properties"]!["max_completion_tokens"]);
        Assert.NotNull(schemas["ErrorResponse"]!["properties"]!["error"]);
    }
}
