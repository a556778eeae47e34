using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;

namespace Agentic.Tests;

/// <summary>What HTTP allows and clients do: other methods, encodings and origins.</summary>
public sealed class HttpTests
{
    private const string Chat = "{\"model\":\"fake-model\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";

    private static CancellationToken Ended => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/health", HttpStatusCode.OK)]
    [InlineData("/v1/models", HttpStatusCode.OK)]
    [InlineData("/metrics", HttpStatusCode.OK)]
    [InlineData("/nowhere", HttpStatusCode.NotFound)]
    [InlineData("/v1/chat/completions", HttpStatusCode.MethodNotAllowed)]
    public async Task Head_IsAnsweredLikeGetWithoutABody(string path, HttpStatusCode status)
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        for (int i = 0; i < 2; i++)   // the connection is good for another
        {
            using HttpRequestMessage request = new(HttpMethod.Head, path);
            using HttpResponseMessage response = await host.Client.SendAsync(request, Ended);

            Assert.Equal(status, response.StatusCode);
            Assert.StartsWith("req_", response.Headers.GetValues("x-request-id").Single(), StringComparison.Ordinal);
            Assert.Empty(await response.Content.ReadAsByteArrayAsync(Ended));
        }
    }

    [Fact]
    public async Task ByteOrderMark_IsPassedOver()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();

        using HttpResponseMessage response = await host.PostAsync("chat/completions", "\uFEFF" + Chat);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task CompressedBody_IsRefusedByName()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        using ByteArrayContent content = new([0x1F, 0x8B, 8, 0]);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        content.Headers.ContentEncoding.Add("gzip");

        using HttpResponseMessage response = await host.Client.PostAsync("/v1/chat/completions", content, Ended);

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, response.StatusCode);
        JsonNode error = JsonNode.Parse(await response.Content.ReadAsStringAsync(Ended))!["error"]!;
        Assert.Equal("unsupported_content_encoding", (string?)error["code"]);
        Assert.Contains("gzip", (string)error["message"]!, StringComparison.Ordinal);
    }

    /// <summary>OpenAI's clients escape the name in the path.</summary>
    [Theory]
    [InlineData("org/model")]
    [InlineData("org%2Fmodel")]
    public async Task ModelWithASlash_IsFound(string path)
    {
        await using ProxyHost host = await ProxyHost.StartAsync(options => options.ModelAliases.Add("org/model"));

        using HttpResponseMessage response = await host.Client.GetAsync($"/v1/models/{path}", Ended);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("org/model", (string?)JsonNode.Parse(await response.Content.ReadAsStringAsync(Ended))!["id"]);
    }

    [Fact]
    public async Task PageOfAnAllowedOrigin_MayAsk_AndNoOther()
    {
        await using ProxyHost host = await ProxyHost.StartAsync(options => options.AllowedOrigins.Add("http://localhost:3000"));
        await using ProxyHost closed = await ProxyHost.StartAsync();

        Assert.Equal((HttpStatusCode.NoContent, "http://localhost:3000"), await PreflightAsync(host, "http://localhost:3000"));
        Assert.Null((await PreflightAsync(host, "http://evil.example")).Allowed);
        Assert.Null((await PreflightAsync(closed, "http://localhost:3000")).Allowed);
        foreach (string body in (string[])[Chat, "{"])
        {
            using HttpResponseMessage response = await host.PostAsync("chat/completions", body, ("Origin", "http://localhost:3000"));
            Assert.Equal(body == Chat, response.IsSuccessStatusCode);
            Assert.Equal("http://localhost:3000", response.Headers.GetValues("Access-Control-Allow-Origin").Single());
        }

        static async Task<(HttpStatusCode Status, string? Allowed)> PreflightAsync(ProxyHost host, string origin)
        {
            using HttpRequestMessage request = new(HttpMethod.Options, "/v1/chat/completions");
            request.Headers.Add("Origin", origin);
            request.Headers.Add("Access-Control-Request-Method", "POST");
            request.Headers.Add("Access-Control-Request-Headers", "authorization,content-type,x-stainless-lang");
            using HttpResponseMessage response = await host.Client.SendAsync(request, Ended);
            return (response.StatusCode, response.Headers.NonValidated.TryGetValues("Access-Control-Allow-Origin", out HeaderStringValues allowed)
                ? allowed.ToString()
                : null);
        }
    }
}
