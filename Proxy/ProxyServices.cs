using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Agentic.Proxy;

/// <summary>The HTTP face: services and routes.</summary>
internal static class ProxyServices
{
    /// <summary>Adds what the endpoints need.</summary>
    /// <param name="services">Of the application.</param>
    /// <param name="model">Makes the served model, once, when the application starts.</param>
    /// <param name="configure">Sets the options; they are checked at start.</param>
    public static IServiceCollection AddProxy(
        this IServiceCollection services, Func<IServiceProvider, ServedModel> model, Action<ProxyOptions> configure)
    {
        services.AddOptionsWithValidateOnStart<ProxyOptions>().Configure(configure);
        services.AddSingleton<IValidateOptions<ProxyOptions>, ProxyOptionsValidator>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(model);
        services.AddSingleton<Tenants>();
        services.AddSingleton<Serving>();
        services.AddSingleton<ChatCompletions>();
        services.AddSingleton<Completions>();
        services.AddSingleton<Models>();
        services.AddSingleton<Readiness>();
        services.AddSingleton<Health>();
        services.AddSingleton<MeterExporter>();
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
            json.SerializerOptions.Encoder = WireJson.Encoder;
            json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;   // "1" is no number: what requests are told, too
            json.SerializerOptions.TypeInfoResolverChain.Insert(0, WireJson.Default);
        });
        services.AddCors();
        services.AddOpenApi("v1", ApiDescription.Configure);
        return services;
    }

    /// <summary>Adds the routes, and the handling of errors around them.</summary>
    public static WebApplication MapProxy(this WebApplication app)
    {
        app.UseMiddleware<RequestHeaders>();
        app.UseMiddleware<Errors>();
        app.UseRouting();
        if (app.Services.GetRequiredService<IOptions<ProxyOptions>>().Value.AllowedOrigins is { Count: > 0 } origins)
            app.UseCors(pages =>
                pages.WithOrigins([.. origins]).AllowAnyHeader().AllowAnyMethod().WithExposedHeaders(RequestHeaders.OfResponses));
        app.MapPost("/v1/chat/completions", (HttpContext context, ChatCompletions endpoint) => endpoint.HandleAsync(context))
            .Describe<ChatCompletionRequest, ChatCompletion>("createChatCompletion", "Continues a conversation.");
        app.MapPost("/v1/completions", (HttpContext context, Completions endpoint) => endpoint.HandleAsync(context))
            .Describe<CompletionRequest, CompletionWithUsage>("createCompletion", "Continues a text.");
        app.MapGet("/v1/models", (HttpContext context, Models endpoint) => endpoint.List(context))
            .Describe<ModelList>("listModels", "The names requests may give.").Refuses(401, 503);
        app.MapGet("/v1/models/{**id}", (HttpContext context, Models endpoint, string id) => endpoint.Get(context, id))
            .Describe<ModelEntry>("retrieveModel", "One of them.").Refuses(401, 404, 503);
        app.MapGet("/health", (Health endpoint) => endpoint.Alive()).Describe<HealthReport>("health", "Whether the process is alive.");
        app.MapGet("/ready", (HttpContext context, Health endpoint) => endpoint.Ready(context))
            .Describe<HealthReport>("ready", "Whether to send it requests; 503 while it loads what its store kept, and while it stops.")
            .Produces<HealthReport>(503);
        app.MapGet("/", (Health endpoint) => endpoint.Home()).ExcludeFromDescription();
        app.MapGet("/metrics", (HttpContext context, MeterExporter endpoint) => endpoint.WriteAsync(context))
            .WithName("metrics").WithSummary("Counters, for Prometheus.").Produces<string>(200, "text/plain");
        app.MapOpenApi();
        app.Services.GetRequiredService<MeterExporter>().Start();
        return app;
    }
}
