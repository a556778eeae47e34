using Microsoft.AspNetCore.OpenApi;

namespace Agentic.Proxy;

/// <summary>The OpenAPI document, at /openapi/v1.json.</summary>
internal static class ApiDescription
{
    public static void Configure(OpenApiOptions options) => options.AddDocumentTransformer((document, _, _) =>
    {
        document.Info.Title = "Agentic";
        document.Info.Description = "An OpenAI-compatible server. Answers to requests with \"stream\": true are server-sent events, "
            + "one chunk each, and then [DONE].";
        document.Servers?.Clear();
        return Task.CompletedTask;
    });

    public static RouteHandlerBuilder Describe<TResponse>(this RouteHandlerBuilder route, string name, string summary) => route
        .WithName(name)
        .WithSummary(summary)
        .Produces<TResponse>()
        .Produces<ErrorResponse>(StatusCodes.Status401Unauthorized);

    public static RouteHandlerBuilder Describe<TRequest, TResponse>(this RouteHandlerBuilder route, string name, string summary)
        where TRequest : notnull => route
        .Describe<TResponse>(name, summary)
        .Accepts<TRequest>("application/json")
        .Produces<ErrorResponse>(StatusCodes.Status400BadRequest)
        .Produces<ErrorResponse>(StatusCodes.Status404NotFound)
        .Produces<ErrorResponse>(StatusCodes.Status429TooManyRequests);
}
