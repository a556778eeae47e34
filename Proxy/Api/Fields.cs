using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Agentic.Proxy;

/// <summary>An object of a request, read field by field; null counts as absent, and what is wrong is named by its full path.</summary>
internal readonly struct Fields(JsonObject json, string path = "")
{
    public JsonObject Json { get; } = json;

    public string PathOf(string name) => path.Length == 0 ? name : $"{path}.{name}";

    public bool Has(string name) => Json[name] is not null;

    public string? String(string name) => Json[name] switch
    {
        null => null,
        JsonValue value when value.GetValueKind() == JsonValueKind.String => value.GetValue<string>(),
        { } other => throw ApiException.WrongType(PathOf(name), "a string", NameOf(other)),
    };

    public string RequiredString(string name) => String(name) ?? throw ApiException.Missing(PathOf(name));

    public bool? Boolean(string name) => Json[name] switch
    {
        null => null,
        { } value when value.GetValueKind() is JsonValueKind.True or JsonValueKind.False => value.GetValue<bool>(),
        { } other => throw ApiException.WrongType(PathOf(name), "a boolean", NameOf(other)),
    };

    public double? Number(string name, double least, double most) =>
        Json[name] is { } value ? InRange(PathOf(name), AsNumber(value, PathOf(name), "a decimal"), least, most, "decimal") : null;

    public int? Integer(string name, int least, int most = int.MaxValue) =>
        Json[name] is { } value ? (int)InRange(PathOf(name), AsWhole(value, PathOf(name)), least, most, "integer") : null;

    public long? Long(string name) => Json[name] switch
    {
        null => null,
        JsonValue value when value.TryGetValue(out long number) => number,
        { } other => (long)InRange(PathOf(name), AsWhole(other, PathOf(name)), long.MinValue, long.MaxValue, "integer"),
    };

    public Fields? Object(string name) => Json[name] switch
    {
        null => null,
        JsonObject value => new Fields(value, PathOf(name)),
        { } other => throw ApiException.WrongType(PathOf(name), "an object", NameOf(other)),
    };

    public Fields RequiredObject(string name) => Object(name) ?? throw ApiException.Missing(PathOf(name));

    public JsonArray? Array(string name) => Json[name] switch
    {
        null => null,
        JsonArray value => value,
        { } other => throw ApiException.WrongType(PathOf(name), "an array", NameOf(other)),
    };

    /// <summary>The objects of an array, each with its path.</summary>
    public IReadOnlyList<Fields>? Objects(string name)
    {
        string where = PathOf(name);
        return Array(name)?.Select((item, i) => item is JsonObject value
            ? new Fields(value, $"{where}[{i}]")
            : throw ApiException.WrongType($"{where}[{i}]", "an object", NameOf(item))).ToArray();
    }

    /// <summary>Whole numbers of an array, each within bounds.</summary>
    public int[]? Integers(string name, int least, int most)
    {
        string where = PathOf(name);
        return Array(name) is { } items ? Integers(items, where, least, most) : null;
    }

    public static int[] Integers(JsonArray items, string where, int least, int most) =>
        [.. items.Select((item, i) => (int)InRange($"{where}[{i}]", AsWhole(item, $"{where}[{i}]"), least, most, "integer"))];

    public static double InRange(string path, double value, double least, double most, string kind)
    {
        if (value < least || double.IsNaN(value))
            throw OutOfRange(path, value, kind, "below minimum", ">=", least);
        return value <= most ? value : throw OutOfRange(path, value, kind, "above maximum", "<=", most);
    }

    public static double AsNumber(JsonNode? value, string path, string expected) =>
        value is JsonValue number && number.GetValueKind() == JsonValueKind.Number && number.TryGetValue(out double result)
            ? result
            : throw ApiException.WrongType(path, expected, NameOf(value));

    public static string NameOf(JsonNode? value) => value?.GetValueKind() switch
    {
        null or JsonValueKind.Null => "null",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "a boolean",
        JsonValueKind.Array => "an array",
        _ => "an object",
    };

    private static double AsWhole(JsonNode? value, string path) =>
        AsNumber(value, path, "an integer") is var number && (double.IsInfinity(number) || Math.Floor(number) == number)
            ? number
            : throw ApiException.WrongType(path, "an integer", "a decimal number");

    private static ApiException OutOfRange(string path, double value, string kind, string which, string relation, double bound) =>
        ApiException.Invalid(
            string.Create(CultureInfo.InvariantCulture,
                $"Invalid '{path}': {kind} {which} value. Expected a value {relation} {bound}, but got {value} instead."),
            path,
            which[0] == 'b' ? $"{kind}_below_min_value" : $"{kind}_above_max_value");
}
