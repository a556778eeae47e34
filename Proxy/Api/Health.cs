namespace Agentic.Proxy;

/// <summary>Whether the server works.</summary>
/// <param name="Status">ok, or stopping.</param>
internal sealed record HealthReport(string Status, string Model);

/// <summary>What this is and where to go on.</summary>
internal sealed record HomePage(string Name, string Model, IReadOnlyList<string> Endpoints);

/// <summary><c>GET /health</c> (alive while running requests finish), <c>GET /ready</c> (503 once the server stops) and
/// <c>GET /</c>.</summary>
internal sealed class Health(ServedModel model, IHostApplicationLifetime lifetime)
{
    public HealthReport Alive() => new(lifetime.ApplicationStopping.IsCancellationRequested ? "stopping" : "ok", model.Name);

    public HealthReport Ready(HttpContext context)
    {
        if (lifetime.ApplicationStopping.IsCancellationRequested)
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        return Alive();
    }

    public HomePage Home() => new("agentic: an OpenAI-compatible server", model.Name,
        ["/v1/chat/completions", "/v1/completions", "/v1/models", "/health", "/ready", "/metrics", "/openapi/v1.json"]);
}
