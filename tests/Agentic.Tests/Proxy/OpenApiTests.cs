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
        Assert.Equal("bearer", document["components"]!["securitySchemes"]!["apiKey"]!["scheme"]!.GetValue<string>());
        Assert.NotNull(chat["responses"]!["200"]!["content"]!["text/event-stream"]);
        Assert.NotNull(paths["/v1/models/{id}"]!["get"]!["responses"]!["404"]);
        Assert.Null(paths["/health"]!["get"]!["responses"]!["401"]);
    }

    /// <summary>Whoever generates a client from the document, or checks by it, gets what the server takes and gives.</summary>
    [Theory]
    [InlineData("chat/completions", """{"messages":[{"role":"user","content":"hi"}]}""", true)]
    [InlineData("chat/completions", """{"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"stop":"x","n":1,"seed":null,"stream":null,"logprobs":true,"top_logprobs":1}""", true)]
    [InlineData("chat/completions", """{"messages":[{"role":"user","content":"hi"}],"stop":["x"],"prediction":{"type":"content","content":"x"},"response_format":{"type":"text"},"logit_bias":{"7":1.5}}""", true)]
    [InlineData("chat/completions", """{"messages":[{"role":"assistant","content":null}],"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"auto","parallel_tool_calls":false,"speculation":{}}""", true)]
    [InlineData("chat/completions", """{"messages":[]}""", false)]
    [InlineData("chat/completions", """{"messages":[{"role":"bot","content":"hi"}]}""", false)]
    [InlineData("chat/completions", """{"messages":[{"role":"user","content":"hi"}],"n":"1"}""", false)]
    [InlineData("chat/completions", """{"messages":[{"role":"user","content":"hi"}],"stop":["1","2","3","4","5"]}""", false)]
    [InlineData("chat/completions", """{"messages":[{"role":"user","content":"hi"}],"prediction":{"text":"x"}}""", false)]
    [InlineData("chat/completions", """{"messages":[{"role":"user","content":"hi"}],"tool_choice":"any"}""", false)]
    [InlineData("chat/completions", """{"messages":[{"role":"user","content":"hi"}],"response_format":{"type":"json_schema"}}""", false)]
    [InlineData("completions", """{"prompt":"a","logprobs":1,"echo":true,"max_tokens":0}""", true)]
    [InlineData("completions", """{"prompt":[1,2],"logprobs":1}""", true)]
    [InlineData("completions", """{"prompt":["a",[1]]}""", true)]
    [InlineData("completions", """{"prompt":{}}""", false)]
    [InlineData("completions", "{}", false)]
    public async Task Document_SaysWhatIsTakenAndGiven(string path, string body, bool taken)
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        JsonNode document = JsonNode.Parse(await host.Client.GetStringAsync("/openapi/v1.json", TestContext.Current.CancellationToken))!;
        JsonNode operation = document["paths"]!["/v1/" + path]!["post"]!;
        JsonObject request = JsonNode.Parse(body)!.AsObject();
        request["model"] = ProxyHost.Model;

        using HttpResponseMessage response = await host.PostAsync(path, request.ToJsonString());
        JsonNode answer = JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!;

        string status = ((int)response.StatusCode).ToString(System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(taken ? "200" : "400", status);
        Assert.Equal(taken, SchemaValidator.IsValid(document, operation["requestBody"]!["content"]!["application/json"]!["schema"]!, request));
        JsonNode schema = operation["responses"]![status]!["content"]!["application/json"]!["schema"]!;
        Assert.True(SchemaValidator.IsValid(document, schema, answer), $"{answer}\n{document["components"]}");
    }
}
