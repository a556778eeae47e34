using System.Text.Json;
using System.Text.Json.Nodes;

namespace Agentic.Proxy;

/// <summary>Arguments of a call as its JSON schema has them: the required keys in order, enumerated values as they are, and marks where a
/// value is the model's to choose.</summary>
internal static class ArgumentSkeleton
{
    /// <summary>Stands for a text that is not known; in quotes.</summary>
    public const string TextMark = "qzxvalue";

    /// <summary>Stands for any other value that is not known.</summary>
    public const int ValueMark = 918273645;

    private const int MostVariants = 8;
    private const int MostDepth = 4;

    /// <summary>At most eight: so many that each value of each enumeration stands in one.</summary>
    /// <param name="schema">Of the parameters, or null.</param>
    public static IReadOnlyList<JsonObject> Variants(JsonNode? schema)
    {
        List<JsonObject> variants = [];
        int count = 1;
        for (int variant = 0; variant < count; variant++)
            variants.Add(Object(schema as JsonObject, variant, ref count, 0));
        return variants;
    }

    private static JsonObject Object(JsonObject? schema, int variant, ref int count, int depth)
    {
        JsonObject result = [];
        if (schema?["properties"] is not JsonObject properties)
            return result;
        IEnumerable<string> keys = schema["required"] is JsonArray required
            ? required.Select(Text).OfType<string>().Where(properties.ContainsKey)
            : properties.Select(property => property.Key);
        foreach (string key in keys)
            result[key] = Value(properties[key] as JsonObject, variant, ref count, depth + 1);
        return result;
    }

    private static JsonNode? Value(JsonObject? schema, int variant, ref int count, int depth)
    {
        JsonArray? choices = schema?["enum"] as JsonArray;
        if (schema?["const"] is { } constant)
            return constant.DeepClone();
        if (choices is null && TypeOf(schema) == "boolean")
            choices = [true, false];
        if (choices is { Count: > 0 })
        {
            count = Math.Max(count, Math.Min(choices.Count, MostVariants));
            return choices[variant % choices.Count]?.DeepClone();
        }

        return TypeOf(schema) switch
        {
            "string" => TextMark,
            "object" when depth < MostDepth && schema!["properties"] is JsonObject { Count: > 0 }
                => Object(schema, variant, ref count, depth),
            "array" when depth < MostDepth => new JsonArray(Value(schema!["items"] as JsonObject, variant, ref count, depth + 1)),
            _ => ValueMark,
        };
    }

    private static string? TypeOf(JsonObject? schema) => schema?["type"] switch
    {
        JsonArray types => types.Select(Text).FirstOrDefault(type => type != "null"),
        JsonNode type => Text(type),
        null => null,
    };

    private static string? Text(JsonNode? node) => node is JsonValue value && value.GetValueKind() == JsonValueKind.String
        ? value.GetValue<string>() : null;
}
