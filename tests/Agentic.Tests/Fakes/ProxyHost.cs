using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Agentic.Proxy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Agentic.Tests;

/// <summary>The real endpoints on a free port of this machine, before a fake engine.</summary>
internal sealed class ProxyHost : IAsyncDisposable
{
    public const string Model = "fake-model";
    public const int Context = 2000;
    public static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1_700_000_000);

    private readonly WebApplication _app;

    private ProxyHost(WebApplication app, FakeEngine engine)
    {
        (_app, Engine) = (app, engine);
        Client = new HttpClient { BaseAddress = new Uri(app.Urls.First()), Timeout = TimeSpan.FromSeconds(10) };
    }

    public FakeEngine Engine { get; }

    public HttpClient Client { get; }

    public Uri BaseAddress => new(Client.BaseAddress!, "/v1");

    public IServiceProvider Services => _app.Services;

    public static async Task<ProxyHost> StartAsync(
        Action<ProxyOptions>? configure = null, FakeCodec? codec = null, FakeTemplate? template = null, Func<ServedModel, ServedModel>? change = null)
    {
        FakeEngine engine = new();
        ServedModel model = new()
        {
            Name = Model,
            Created = Now,
            Codec = codec ?? new FakeCodec(),
            Template = template ?? new FakeTemplate(),
            EndTokenIds = [FakeCodec.End],
            MaxContextTokens = Context,
            Engine = engine,
            Fingerprint = "weights",
        };
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<TimeProvider>(new FixedTime());
        builder.Services.AddProxy(_ => change?.Invoke(model) ?? model, options =>
        {
            options.Secret = new byte[32];
            configure?.Invoke(options);
        });
        WebApplication app = builder.Build();
        app.MapProxy();
        await app.StartAsync();
        return new ProxyHost(app, engine);
    }

    /// <summary>Posts JSON to a path under /v1.</summary>
    public async Task<HttpResponseMessage> PostAsync(string path, string json, params (string Name, string Value)[] headers)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/" + path) { Content = new StringContent(json, Encoding.UTF8, "application/json") };
        foreach ((string name, string value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return await Client.SendAsync(request, HttpCompletionOption.ResponseContentRead);
    }

    /// <summary>Posts JSON and reads the answer, whatever its status.</summary>
    public async Task<JsonNode> JsonAsync(string path, string json)
    {
        using HttpResponseMessage response = await PostAsync(path, json);
        return JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
    }

    /// <summary>Posts JSON and reads the data of the answer's events.</summary>
    public async Task<string[]> EventsAsync(string path, string json)
    {
        using HttpResponseMessage response = await PostAsync(path, json);
        Assert.Equal(new MediaTypeHeaderValue("text/event-stream", "utf-8"), response.Content.Headers.ContentType);
        string body = await response.Content.ReadAsStringAsync();
        Assert.EndsWith("\n\n", body, StringComparison.Ordinal);
        string[] events = body[..^2].Split("\n\n");
        Assert.All(events, line => Assert.StartsWith("data: ", line, StringComparison.Ordinal));
        return [.. events.Select(line => line["data: ".Length..])];
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
    }

    private sealed class FixedTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => Now;
    }
}
