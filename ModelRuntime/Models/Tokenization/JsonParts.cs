using System.Text.Json;

namespace Agentic.ModelRuntime;

/// <summary>Reading parts of a JSON object that may be absent or null.</summary>
internal static class JsonParts
{
    public static JsonElement Part(this JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement part)
        && part.ValueKind != JsonValueKind.Null
            ? part
            : default;

    public static string? Text(this JsonElement element, string name) =>
        element.Part(name) is { ValueKind: not JsonValueKind.Undefined } part ? part.GetString() : null;

    public static bool? Flag(this JsonElement element, string name) =>
        element.Part(name) is { ValueKind: not JsonValueKind.Undefined } part ? part.GetBoolean() : null;

    public static int? Number(this JsonElement element, string name) =>
        element.Part(name) is { ValueKind: not JsonValueKind.Undefined } part ? part.GetInt32() : null;

    /// <summary>The "type" of a step; null when there is no step.</summary>
    public static string? Type(this JsonElement element) =>
        element.ValueKind == JsonValueKind.Undefined ? null : element.GetProperty("type").GetString();

    public static IEnumerable<JsonElement> Items(this JsonElement element) =>
        element.ValueKind == JsonValueKind.Undefined ? [] : element.EnumerateArray();
}
