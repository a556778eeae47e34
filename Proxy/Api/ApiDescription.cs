using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Agentic.Proxy;

/// <summary>The OpenAPI document, at /openapi/v1.json.</summary>
internal static class ApiDescription
{
    private const string ApiKey = "apiKey";

    public static void Configure(OpenApiOptions options)
    {
        options.AddSchemaTransformer((schema, context, _) =>
        {
            foreach (JsonPropertyInfo property in context.JsonTypeInfo.Properties.Where(IsLeftOutWhenNull))
                schema.Required?.Remove(property.Name);
            if (context.JsonTypeInfo.Type == typeof(IReadOnlyDictionary<string, float>))
                schema.Type |= JsonSchemaType.Null;   // of a prompt's first token; whether a list's items may be null no type tells
            return Task.CompletedTask;
        });
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info.Title = "Agentic";
            document.Info.Description = "An OpenAI-compatible server. Answers to requests with \"stream\": true are server-sent events, "
                + "one chunk each, and then [DONE].";
            document.Servers?.Clear();
            RequestSchemas.Complete(document);
            AddStreams(document);
            AddApiKey(document);
            return Task.CompletedTask;
        });
    }

    public static RouteHandlerBuilder Describe<TResponse>(this RouteHandlerBuilder route, string name, string summary) => route
        .WithName(name)
        .WithSummary(summary)
        .Produces<TResponse>();

    public static RouteHandlerBuilder Describe<TRequest, TResponse>(this RouteHandlerBuilder route, string name, string summary)
        where TRequest : notnull => route
        .Describe<TResponse>(name, summary)
        .Accepts<TRequest>("application/json")
        .Refuses(400, 401, 404, 413, 415, 429, 500, 503);

    /// <summary>Says with which statuses an error object comes.</summary>
    public static RouteHandlerBuilder Refuses(this RouteHandlerBuilder route, params ReadOnlySpan<int> statuses)
    {
        foreach (int status in statuses)
            route.Produces<ErrorResponse>(status);
        return route;
    }

    /// <summary>What is posted may be answered as it is written. Routes describe one kind of answer for a status.</summary>
    private static void AddStreams(OpenApiDocument document)
    {
        OpenApiSchema events = new() { Type = JsonSchemaType.String, Description = "\"data: \" and a chunk for each event, then [DONE]." };
        foreach (IOpenApiPathItem path in document.Paths.Values)
        {
            if (path.Operations!.TryGetValue(HttpMethod.Post, out OpenApiOperation? operation))
                operation.Responses!["200"].Content!["text/event-stream"] = new OpenApiMediaType { Schema = events };
        }
    }

    /// <summary>A key, or none where the server asks for none.</summary>
    private static void AddApiKey(OpenApiDocument document)
    {
        document.AddComponent<IOpenApiSecurityScheme>(ApiKey, new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http,
            Scheme = "bearer",
            Description = "Only where the server was started with --api-key.",
        });
        document.Security =
        [
            new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(ApiKey, document)] = [] },
            new OpenApiSecurityRequirement(),
        ];
    }

    private static bool IsLeftOutWhenNull(JsonPropertyInfo property) =>
        property.AttributeProvider?.GetCustomAttributes(typeof(JsonIgnoreAttribute), inherit: false)
            is [JsonIgnoreAttribute { Condition: JsonIgnoreCondition.WhenWritingNull }];
}
