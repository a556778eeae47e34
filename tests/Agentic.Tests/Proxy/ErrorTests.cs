using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Agentic.ModelRuntime;

namespace Agentic.Tests;

public sealed class ErrorTests
{
    private static CancellationToken Ended => TestContext.Current.CancellationToken;

    private const string Messages = "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]";

    public static TheoryData<string, string?, string?> BadChats => new()
    {
        { """{"model":"fake-model"}""", "messages", "missing_required_parameter" },
        { """{"messages":[{"role":"user","content":"hi"}]}""", "model", "missing_required_parameter" },
        { """{"model":"fake-model","messages":[]}""", "messages", "empty_array" },
        { """{"model":"fake-model","messages":"hi"}""", "messages", "invalid_type" },
        { """{"model":"fake-model","messages":["hi"]}""", "messages[0]", "invalid_type" },
        { """{"model":"fake-model","messages":[{"role":"user","content":"a"},{"content":"b"}]}""", "messages[1].role", "missing_required_parameter" },
        { """{"model":"fake-model","messages":[{"role":"user","content":"a"},{"role":"king","content":"b"}]}""", "messages[1].role", "invalid_value" },
        { """{"model":"fake-model","messages":[{"role":"user"}]}""", "messages[0].content", "missing_required_parameter" },
        { """{"model":"fake-model","messages":[{"role":"user","content":null}]}""", "messages[0].content", "invalid_type" },
        { """{"model":"fake-model","messages":[{"role":"user","content":5}]}""", "messages[0].content", "invalid_type" },
        { """{"model":"fake-model","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]}""", "messages[0].content[0].type", "invalid_value" },
        { """{"model":"fake-model","messages":[{"role":"assistant","tool_calls":[{"id":"c"}]}]}""", "messages[0].tool_calls[0].function", "missing_required_parameter" },
        { """{"model":"fake-model","messages":[{"role":"user","content":"refuse me"}]}""", "messages", "invalid_value" },
        { Chat("\"temperature\":2.5"), "temperature", "decimal_above_max_value" },
        { Chat("\"temperature\":\"hot\""), "temperature", "invalid_type" },
        { Chat("\"temperature\":1e999"), "temperature", "decimal_above_max_value" },
        { Chat("\"top_p\":-0.1"), "top_p", "decimal_below_min_value" },
        { Chat("\"n\":0"), "n", "integer_below_min_value" },
        { Chat("\"n\":129"), "n", "integer_above_max_value" },
        { Chat("\"n\":1.5"), "n", "invalid_type" },
        { Chat("\"max_tokens\":0"), "max_tokens", "integer_below_min_value" },
        { Chat("\"max_completion_tokens\":99999999999"), "max_completion_tokens", "integer_above_max_value" },
        { Chat("\"presence_penalty\":3"), "presence_penalty", "decimal_above_max_value" },
        { Chat("\"logprobs\":true,\"top_logprobs\":21"), "top_logprobs", "integer_above_max_value" },
        { Chat("\"top_logprobs\":2"), "top_logprobs", null },
        { Chat("\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"]"), "stop", "array_above_max_length" },
        { Chat("\"stop\":[\"a\",5]"), "stop[1]", "invalid_type" },
        { Chat("\"stop\":[null]"), "stop[0]", "invalid_type" },
        { Chat("\"stop\":{}"), "stop", "invalid_type" },
        { Chat("\"seed\":1.5"), "seed", "invalid_type" },
        { Chat("\"stream\":\"yes\""), "stream", "invalid_type" },
        { Chat("\"stream_options\":{\"include_usage\":true}"), "stream_options", null },
        { Chat("\"logit_bias\":{\"x\":1}"), "logit_bias", "invalid_value" },
        { Chat("\"logit_bias\":{\"5\":101}"), "logit_bias.5", "decimal_above_max_value" },
        { Chat("\"response_format\":{\"type\":\"xml\"}"), "response_format.type", "invalid_value" },
        { Chat("\"response_format\":{\"type\":\"json_schema\"}"), "response_format.json_schema", "missing_required_parameter" },
        { Chat("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"a b\"}}"), "response_format.json_schema.name", "invalid_value" },
        { Chat("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"a\",\"schema\":{\"not\":{}}}}"), "response_format", null },
        { Chat("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"strict\":true,\"parameters\":{\"type\":\"object\",\"not\":{}}}}]"), "tools[0].function.parameters", "invalid_function_parameters" },
        { Chat("\"tool_choice\":\"required\""), "tool_choice", null },
        { Chat("\"tools\":[{\"type\":\"x\"}]"), "tools[0].type", "invalid_value" },
        { Chat("\"tools\":[{\"type\":\"function\",\"function\":{}}]"), "tools[0].function.name", "missing_required_parameter" },
        { Chat("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":[]}}]"), "tools[0].function.parameters", "invalid_function_parameters" },
        { Chat("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"string\"}}}]"), "tools[0].function.parameters", "invalid_function_parameters" },
        { Chat("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"g\"}}"), "tool_choice", "invalid_value" },
        { Chat("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"tool_choice\":\"maybe\""), "tool_choice", "invalid_value" },
        { Chat(AllowedTools("\"auto\"", "g")), "tool_choice", "invalid_value" },
        { Chat(AllowedTools("\"none\"", "f")), "tool_choice.allowed_tools.mode", "invalid_value" },
        { Chat("\"speculation\":{\"enabled\":1}"), "speculation.enabled", "invalid_type" },
        { Chat("\"reasoning_effort\":\"enormous\""), "reasoning_effort", "invalid_value" },
        { Chat("\"modalities\":[\"text\",\"audio\"]"), "modalities", "unsupported_parameter" },
        { Chat("\"web_search_options\":{}"), "web_search_options", "unsupported_parameter" },
        { Chat("\"guided_choice\":[\"a\",1]"), "guided_choice", "unsupported_parameter" },
        { Chat("\"min_tokens\":5"), "min_tokens", "unsupported_parameter" },
        { Chat("\"chat_template_kwargs\":true"), "chat_template_kwargs", "invalid_type" },
        { "{\"model\":", null, null },
        { "[]", null, null },
        { "", null, null },
        { "{} x", null, null },
        { Chat("\"user\":\"\\ud800\""), null, null },
    };

    [Theory]
    [MemberData(nameof(BadChats))]
    public async Task BadChat_NamesTheField(string body, string? param, string? code)
    {
        await using ProxyHost host = await ProxyHost.StartAsync();

        using HttpResponseMessage response = await host.PostAsync("chat/completions", body);

        await IsErrorAsync(response, HttpStatusCode.BadRequest, "invalid_request_error", param, code);
        Assert.Empty(host.Engine.Generations);
    }

    [Theory]
    [InlineData("""{"model":"fake-model"}""", "prompt", "missing_required_parameter")]
    [InlineData("""{"model":"fake-model","prompt":[]}""", "prompt", "empty_array")]
    [InlineData("""{"model":"fake-model","prompt":""}""", "prompt", "empty_string")]
    [InlineData("""{"model":"fake-model","prompt":{"a":1}}""", "prompt", "invalid_type")]
    [InlineData("""{"model":"fake-model","prompt":[1,"a"]}""", "prompt[1]", "invalid_type")]
    [InlineData("""{"model":"fake-model","prompt":["a",1]}""", "prompt[1]", "invalid_type")]
    [InlineData("""{"model":"fake-model","prompt":[[1],[999999]]}""", "prompt[1][0]", "integer_above_max_value")]
    [InlineData("""{"model":"fake-model","prompt":"a","logprobs":6}""", "logprobs", "integer_above_max_value")]
    [InlineData("""{"model":"fake-model","prompt":"a","suffix":"b"}""", "suffix", "unsupported_value")]
    [InlineData("""{"model":"fake-model","prompt":"a","best_of":2,"stream":true}""", "best_of", "unsupported_value")]
    [InlineData("""{"model":"fake-model","prompt":"a","best_of":2,"n":3}""", "best_of", "invalid_value")]
    [InlineData("""{"model":"fake-model","prompt":"a","response_format":{"type":"json_object"}}""", "response_format", "unsupported_parameter")]
    [InlineData("""{"model":"fake-model","prompt":"a","max_tokens":-1}""", "max_tokens", "integer_below_min_value")]
    [InlineData("""{"model":"fake-model","prompt":"a","max_completion_tokens":5}""", "max_completion_tokens", "unsupported_parameter")]
    public async Task BadCompletion_NamesTheField(string body, string param, string code)
    {
        await using ProxyHost host = await ProxyHost.StartAsync();

        using HttpResponseMessage response = await host.PostAsync("completions", body);

        await IsErrorAsync(response, HttpStatusCode.BadRequest, "invalid_request_error", param, code);
    }

    /// <summary>And nothing of what the reader advises those who call it.</summary>
    [Theory]
    [InlineData("{\"model\":1,\n}", "trailing comma", "(line 2, byte 0)")]
    [InlineData("", "does not contain any JSON tokens", "(line 1, byte 0)")]
    [InlineData("{\"model\":NaN}", "'N' is an invalid start of a value", "(line 1, byte 9)")]
    public async Task BodyThatIsNoJson_SaysWhatAndWhere(string body, string what, string where)
    {
        await using ProxyHost host = await ProxyHost.StartAsync();

        using HttpResponseMessage response = await host.PostAsync("chat/completions", body);

        string message = await IsErrorAsync(response, HttpStatusCode.BadRequest, "invalid_request_error", null, null);
        Assert.Contains(what, message, StringComparison.Ordinal);
        Assert.EndsWith($"{where}.", message, StringComparison.Ordinal);
        Assert.DoesNotContain("reader", message, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("isFinalBlock", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task PromptTooLong_SaysTheCounts(bool stream)
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        string text = new('x', ProxyHost.Context);

        using HttpResponseMessage chat = await host.PostAsync("chat/completions",
            $$"""{"model":"fake-model","messages":[{"role":"user","content":"{{text}}"}],"stream":{{(stream ? "true" : "false")}}}""");
        using HttpResponseMessage completion = await host.PostAsync("completions", $$"""{"model":"fake-model","prompt":"{{text}}"}""");

        string message = await IsErrorAsync(chat, HttpStatusCode.BadRequest, "invalid_request_error", "messages", "context_length_exceeded");
        Assert.Contains("2000 tokens", message, StringComparison.Ordinal);
        Assert.Contains("2003 tokens", message, StringComparison.Ordinal);
        await IsErrorAsync(completion, HttpStatusCode.BadRequest, "invalid_request_error", "prompt", "context_length_exceeded");
    }

    [Fact]
    public async Task OtherModel_IsNotFound()
    {
        await using ProxyHost host = await ProxyHost.StartAsync(options => options.ModelAliases.Add("alias"));

        using HttpResponseMessage chat = await host.PostAsync("chat/completions", """{"model":"gpt-x","messages":[{"role":"user","content":"hi"}]}""");
        using HttpResponseMessage alias = await host.PostAsync("chat/completions", """{"model":"alias","messages":[{"role":"user","content":"hi"}]}""");
        using HttpResponseMessage model = await host.Client.GetAsync("/v1/models/gpt-x", Ended);

        await IsErrorAsync(chat, HttpStatusCode.NotFound, "invalid_request_error", "model", "model_not_found");
        await IsErrorAsync(model, HttpStatusCode.NotFound, "invalid_request_error", "model", "model_not_found");
        Assert.Equal(HttpStatusCode.OK, alias.StatusCode);
    }

    [Fact]
    public async Task RoutesAndMethodsAndBodies_AreErrorsToo()
    {
        await using ProxyHost host = await ProxyHost.StartAsync(options => options.MaxRequestBytes = 100);

        using HttpResponseMessage route = await host.Client.GetAsync("/v1/nothing", Ended);
        using HttpResponseMessage method = await host.Client.GetAsync("/v1/chat/completions", Ended);
        using HttpResponseMessage large = await host.PostAsync("chat/completions", new string(' ', 101));
        using StringContent text = new("hi", Encoding.UTF8, "text/plain");
        using HttpResponseMessage type = await host.Client.PostAsync("/v1/chat/completions", text, Ended);

        await IsErrorAsync(route, HttpStatusCode.NotFound, "invalid_request_error", null, "unknown_url");
        await IsErrorAsync(method, HttpStatusCode.MethodNotAllowed, "invalid_request_error", null, "method_not_supported");
        await IsErrorAsync(large, HttpStatusCode.RequestEntityTooLarge, "invalid_request_error", null, "request_too_large");
        await IsErrorAsync(type, HttpStatusCode.UnsupportedMediaType, "invalid_request_error", null, "unsupported_content_type");
    }

    [Fact]
    public async Task KeyMissingOrWrong_IsUnauthorized()
    {
        await using ProxyHost host = await ProxyHost.StartAsync(options => options.ApiKeys["right"] = "tenant");

        using HttpResponseMessage missing = await host.Client.GetAsync("/v1/models", Ended);
        using HttpResponseMessage wrong = await host.PostAsync("chat/completions", "{}", ("Authorization", "Bearer wrong"));
        using HttpResponseMessage scheme = await host.PostAsync("completions", "{}", ("Authorization", "Basic right"));
        using HttpResponseMessage health = await host.Client.GetAsync("/health", Ended);

        await IsErrorAsync(missing, HttpStatusCode.Unauthorized, "invalid_request_error", null, "invalid_api_key");
        Assert.Equal("Bearer", missing.Headers.WwwAuthenticate.ToString());
        await IsErrorAsync(wrong, HttpStatusCode.Unauthorized, "invalid_request_error", null, "invalid_api_key");
        await IsErrorAsync(scheme, HttpStatusCode.Unauthorized, "invalid_request_error", null, "invalid_api_key");
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task EngineBusy_IsTooManyRequestsWithATime(bool stream)
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Refusal = new EngineBusyException(TimeSpan.FromMilliseconds(1500));

        using HttpResponseMessage response = await host.PostAsync("chat/completions", Chat(stream ? "\"stream\":true" : "\"n\":1"));

        await IsErrorAsync(response, HttpStatusCode.TooManyRequests, "rate_limit_error", null, "rate_limit_exceeded");
        Assert.Equal(TimeSpan.FromSeconds(2), response.Headers.RetryAfter!.Delta);
        Assert.Equal("1500", response.Headers.GetValues("Retry-After-Ms").Single());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task EngineFailsAtOnce_IsAServerError(bool stream)
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => [FakeCodec.Byte('a')];
        host.Engine.Finish = FinishReason.Error;

        using HttpResponseMessage response = await host.PostAsync("chat/completions", Chat(stream ? "\"stream\":true" : "\"n\":1"));

        await IsErrorAsync(response, HttpStatusCode.InternalServerError, "server_error", null, null);
    }

    [Fact]
    public async Task EngineFailsInAStream_IsItsLastEvent()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => FakeCodec.Bytes("ab");
        host.Engine.Finish = FinishReason.Error;

        string[] events = await host.EventsAsync("chat/completions", Chat("\"stream\":true"));

        Assert.Contains("\"content\":\"a\"", events[^2], StringComparison.Ordinal);
        Assert.Equal("""{"error":{"message":"The server had an error while generating the answer.","type":"server_error","param":null,"code":null}}""", events[^1]);
    }

    [Fact]
    public async Task BadBody_LeavesTheConnectionUsable()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        using TcpClient client = new();
        await client.ConnectAsync(host.BaseAddress.Host, host.BaseAddress.Port, Ended);
        const string Bad = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{\"model\":";
        const string Good = "GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(Bad + Good), Ended);
        string answers = await new StreamReader(client.GetStream()).ReadToEndAsync(Ended);

        Assert.StartsWith("HTTP/1.1 400", answers, StringComparison.Ordinal);
        Assert.Contains("HTTP/1.1 200", answers, StringComparison.Ordinal);
    }

    private static string AllowedTools(string mode, string name) =>
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":"
        + $"{mode},\"tools\":[{{\"type\":\"function\",\"function\":{{\"name\":\"{name}\"}}}}]}}}}";

    private static string Chat(string more) => $"{{\"model\":\"fake-model\",{Messages},{more}}}";

    private static async Task<string> IsErrorAsync(HttpResponseMessage response, HttpStatusCode status, string type, string? param, string? code)
    {
        string body = await response.Content.ReadAsStringAsync(Ended);
        Assert.True(status == response.StatusCode, $"{response.StatusCode}: {body}");
        JsonObject error = JsonNode.Parse(body)!["error"]!.AsObject();
        Assert.Equal(["message", "type", "param", "code"], error.Select(field => field.Key));
        Assert.Equal((type, param, code), (error["type"]!.GetValue<string>(), error["param"]?.GetValue<string>(), error["code"]?.GetValue<string>()));
        Assert.NotEmpty(response.Headers.GetValues("x-request-id"));
        return error["message"]!.GetValue<string>();
    }
}
