using System.Text.Json.Serialization;

namespace Agentic.Proxy;

/// <summary>Whether the server works.</summary>
/// <param name="Status">ok, loading, or stopping.</param>
internal sealed record HealthReport(string Status, string Model)
{
    /// <summary>How far it is while it loads.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public WarmUp? Loading { get; init; }
}

/// <summary>What this is and where to go on.</summary>
internal sealed record HomePage(string Name, string Model, IReadOnlyList<string> Endpoints);

/// <summary><c>GET /health</c> (alive while running requests finish), <c>GET /ready</c> (503 while the server
/// brings back what it knew, and once it stops) and
/// <c>GET /</c>.</summary>
internal sealed class Health(ServedModel model, Readiness readiness, IHostApplicationLifetime lifetime)
{
    /// <summary>What there is to ask for.</summary>
    public static IReadOnlyList<string> Endpoints { get; } =
        ["/v1/chat/completions", "/v1/completions", "/v1/models", "/health", "/ready", "/metrics", "/openapi/v1.json"];

    public HealthReport Alive()
    {
        WarmUp? loading = readiness.Progress();
        string status = lifetime.ApplicationStopping.IsCancellationRequested ? "stopping" : loading is null ? "ok" : "loading";
        return new HealthReport(status, model.Name) { Loading = loading };
    }

    public HealthReport Ready(HttpContext context)
    {
        HealthReport report = Alive();
        if (report.Status != "ok")
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        return report;
    }

    public HomePage Home() => new("agentic: an OpenAI-compatible server", model.Name, Endpoints);
}
