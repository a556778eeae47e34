using System.ComponentModel;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>The JSON an answer must be.</summary>
internal sealed partial record ResponseFormat
{
    private const string Field = "response_format";
    private const int MaxNameLength = 64;

    [Description("text, json_object or json_schema.")]
    public required string Type { get; init; }

    [JsonIgnore]
    public string? Name { get; private init; }

    /// <summary>What it must satisfy; null is any object.</summary>
    [JsonIgnore]
    public JsonNode? Schema { get; private init; }

    /// <summary>Whether the client said that it need not satisfy all of it.</summary>
    [JsonIgnore]
    public bool Lenient { get; private init; }

    /// <summary>What a request says, or null where it asks for text.</summary>
    public static ResponseFormat? Read(Fields request)
    {
        if (request.Object(Field) is not { } format)
            return null;
        string type = format.RequiredString("type");
        switch (type)
        {
            case "text":
                return null;
            case "json_object":
                return new() { Type = type };
            case "json_schema":
                Fields described = format.RequiredObject("json_schema");
                described.String("description");
                return new()
                {
                    Type = type,
                    Name = ReadName(described),
                    Schema = described.Object("schema")?.Json,
                    Lenient = described.Boolean("strict") == false,
                };
            default:
                throw ApiException.WrongValue(format.PathOf("type"), type, "text", "json_object", "json_schema");
        }
    }

    /// <summary>The texts that it allows.</summary>
    /// <exception cref="ApiException">400: they cannot be told.</exception>
    public Language Compile(JsonGrammar json)
    {
        if (Schema is null)
            return json.AnyObject;
        try
        {
            return SchemaCompiler.Compile(json, Schema, Lenient);
        }
        catch (SchemaException exception)
        {
            string where = $"{Field}.json_schema.schema{(exception.Path.Length == 0 ? "" : $".{exception.Path}")}";
            throw ApiException.Invalid($"Invalid schema for response_format '{Name}': at '{where}': {exception.Message}.", Field);
        }
    }

    private static string ReadName(Fields described)
    {
        string name = described.RequiredString("name"), path = described.PathOf("name");
        if (name.Length is 0 or > MaxNameLength)
            throw ApiException.Invalid($"Invalid '{path}': expected 1 to {MaxNameLength} characters, but got {name.Length}.", path,
                name.Length == 0 ? "empty_string" : "string_above_max_length");
        return NamePattern().IsMatch(name) ? name : throw ApiException.Invalid(
            $"Invalid '{path}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.", path,
            "invalid_value");
    }

    [GeneratedRegex("^[a-zA-Z0-9_-]+$")]
    private static partial Regex NamePattern();
}
