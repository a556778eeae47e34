using Microsoft.OpenApi;
using Microsoft.OpenApi.Reader;

namespace Agentic.Proxy;

/// <summary>What of a request's fields their C# types do not tell: fields that take several kinds of values, and what is left to JSON.</summary>
internal static class RequestSchemas
{
    private const string Text = """{"type": "string"}""";
    private const string Parts = """
        {"type": "array", "items": {"type": "object", "properties": {"type": {"type": "string"}, "text": {"type": "string"}}, "required": ["type"]}}
        """;

    private const string Function = """
        {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "description": {"type": ["string", "null"]},
         "parameters": {"type": ["object", "null"]}, "strict": {"type": ["boolean", "null"]}}}
        """;

    private const string Named = """{"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}""";

    private static readonly string[] Required = ["model", "messages", "prompt"];

    private static readonly Dictionary<string, string> Fields = new()
    {
        ["messages"] = $$$"""
            {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["role"], "properties": {
              "role": {"type": "string", "enum": ["system", "developer", "user", "assistant", "tool", "function"]},
              "content": {"anyOf": [{{{Text}}}, {{{Parts}}}, {"type": "null"}]},
              "name": {"type": ["string", "null"]}, "tool_call_id": {"type": ["string", "null"]},
              "tool_calls": {"type": ["array", "null"], "items": {"type": "object", "required": ["function"], "properties": {
                "id": {"type": ["string", "null"]}, "function": {"type": "object", "required": ["name"], "properties": {
                  "name": {"type": "string"}, "arguments": {"type": ["string", "object", "null"]} } } } } } } } }
            """,
        ["tools"] = $$$"""
            {"type": ["array", "null"], "items": {"type": "object", "required": ["type", "function"],
              "properties": {"type": {"const": "function"}, "function": {{{Function}}} } } }
            """,
        ["tool_choice"] = $$$"""
            {"anyOf": [{"type": "null"}, {"type": "string", "enum": ["none", "auto", "required"]},
              {"type": "object", "required": ["type", "function"], "properties": {"type": {"const": "function"}, "function": {{{Named}}} } },
              {"type": "object", "required": ["type", "allowed_tools"], "properties": {"type": {"const": "allowed_tools"},
                "allowed_tools": {"type": "object", "required": ["mode", "tools"], "properties": {
                  "mode": {"type": "string", "enum": ["auto", "required"]}, "tools": {"type": "array", "minItems": 1} } } } }]}
            """,
        ["response_format"] = """
            {"anyOf": [{"type": "null"},
              {"type": "object", "required": ["type"], "properties": {"type": {"type": "string", "enum": ["text", "json_object"]}}},
              {"type": "object", "required": ["type", "json_schema"], "properties": {"type": {"const": "json_schema"},
                "json_schema": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"},
                  "description": {"type": ["string", "null"]}, "schema": {"type": ["object", "null"]}, "strict": {"type": ["boolean", "null"]}}}}}]}
            """,
        ["prediction"] = $$$"""
            {"type": ["object", "null"], "required": ["type", "content"],
             "properties": {"type": {"const": "content"}, "content": {"anyOf": [{{{Text}}}, {{{Parts}}}]} } }
            """,
        ["stop"] = $$$"""{"anyOf": [{"type": "null"}, {{{Text}}}, {"type": "array", "maxItems": 4, "items": {{{Text}}} }]}""",
        ["prompt"] = $$$"""
            {"anyOf": [{{{Text}}}, {"type": "array", "minItems": 1, "items": {"anyOf": [
              {{{Text}}}, {"type": "integer", "minimum": 0}, {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0} }]} }]}
            """,
        ["stream_options"] = """{"type": ["object", "null"], "properties": {"include_usage": {"type": ["boolean", "null"]}}}""",
        ["speculation"] = """{"type": ["object", "null"], "properties": {"enabled": {"type": ["boolean", "null"]}}}""",
        ["chat_template_kwargs"] = """{"type": ["object", "null"]}""",
    };

    /// <summary>Components that stand for the above where only C# types speak.</summary>
    private static readonly string[] Replaced =
        ["JsonArray", "JsonNode", "JsonObject", "Prediction", "ResponseFormat", "StreamOptions", "SpeculationOptions"];

    /// <summary>Describes the requests as they are read: null is as good as absence, but for what must be there.</summary>
    public static void Complete(OpenApiDocument document)
    {
        IDictionary<string, IOpenApiSchema> schemas = document.Components!.Schemas!;
        foreach (string wire in (string[])[nameof(ChatCompletionRequest), nameof(CompletionRequest)])
        {
            OpenApiSchema request = (OpenApiSchema)schemas[wire];
            request.Required = Required.Where(request.Properties!.ContainsKey).ToHashSet();
            foreach ((string name, IOpenApiSchema schema) in request.Properties!.ToArray())
            {
                OpenApiSchema field = Fields.TryGetValue(name, out string? json) ? Parse(json, document) : (OpenApiSchema)schema;
                field.Description = schema.Description;
                if (field.Type is { } type)
                    field.Type = Required.Contains(name) ? type & ~JsonSchemaType.Null : type | JsonSchemaType.Null;
                request.Properties[name] = field;
            }
        }

        foreach (string name in Replaced)
            schemas.Remove(name);
    }

    private static OpenApiSchema Parse(string json, OpenApiDocument document) => OpenApiModelFactory.Parse<OpenApiSchema>(
        json, OpenApiSpecVersion.OpenApi3_1, document, out _, OpenApiConstants.Json)!;
}
