using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Agentic.Tests;

/// <summary>JSON Schema the plain way: looks at an instance, and knows nothing of grammars.</summary>
internal sealed class SchemaValidator(JsonNode root)
{
    public static bool IsValid(JsonNode schema, JsonNode? instance) => new SchemaValidator(schema).Check(schema, instance);

    /// <summary>Of a schema that is a part of a document, to which its references go.</summary>
    public static bool IsValid(JsonNode document, JsonNode schema, JsonNode? instance) => new SchemaValidator(document).Check(schema, instance);

    private bool Check(JsonNode? schema, JsonNode? instance)
    {
        if (schema is not JsonObject s)
            return schema is null || schema.GetValue<bool>();
        return (s["$ref"] is not { } reference || Check(Resolve(reference.GetValue<string>()), instance))
            && All(s, "allOf", part => Check(part, instance))
            && (s["anyOf"] is not JsonArray any || any.Any(part => Check(part, instance)))
            && (s["oneOf"] is not JsonArray one || one.Any(part => Check(part, instance)))   // as documented: like anyOf
            && (s["type"] is not { } type || (type is JsonArray types ? types : [type.DeepClone()]).Any(name => HasType(instance, name!.GetValue<string>())))
            && (s["enum"] is not JsonArray values || values.Any(value => JsonNode.DeepEquals(value, instance)))
            && (!s.ContainsKey("const") || JsonNode.DeepEquals(s["const"], instance))
            && instance switch
            {
                JsonObject members => CheckObject(s, members),
                JsonArray items => CheckArray(s, items),
                JsonValue value when value.GetValueKind() == JsonValueKind.String => CheckString(s, value.GetValue<string>()),
                JsonValue value when value.GetValueKind() == JsonValueKind.Number => CheckNumber(s, Number(value)),
                _ => true,
            };
    }

    private bool CheckObject(JsonObject s, JsonObject members) =>
        All(s, "required", name => members.ContainsKey(name!.GetValue<string>()))
        && members.All(member => s["properties"] is JsonObject named && named.TryGetPropertyValue(member.Key, out JsonNode? schema)
            ? Check(schema, member.Value)
            : Check(s["additionalProperties"], member.Value))
        && (s["propertyNames"] is not { } names || members.All(member => Check(names, member.Key)))
        && InRange(s, "minProperties", "maxProperties", members.Count);

    private bool CheckArray(JsonObject s, JsonArray items) =>
        items.Select((item, i) => s["prefixItems"] is JsonArray prefix && i < prefix.Count ? Check(prefix[i], item) : Check(s["items"], item)).All(ok => ok)
        && InRange(s, "minItems", "maxItems", items.Count);

    private static bool CheckString(JsonObject s, string text) =>
        InRange(s, "minLength", "maxLength", text.EnumerateRunes().Count())
        && (s["pattern"] is not { } pattern || Regex.IsMatch(text, pattern.GetValue<string>(), RegexOptions.ECMAScript))
        && (s["format"] is not { } format || HasFormat(text, format.GetValue<string>()));

    private static bool CheckNumber(JsonObject s, decimal value) =>
        InRange(s, "minimum", "maximum", value)
        && (s["exclusiveMinimum"] is not { } least || value > Number(least)) && (s["exclusiveMaximum"] is not { } most || value < Number(most))
        && (s["multipleOf"] is not { } step || value % Number(step) == 0);

    private static bool InRange(JsonObject s, string least, string most, decimal value) =>
        (s[least] is not { } min || value >= Number(min)) && (s[most] is not { } max || value <= Number(max));

    private static bool All(JsonObject s, string keyword, Func<JsonNode?, bool> check) => s[keyword] is not JsonArray parts || parts.All(check);

    private static decimal Number(JsonNode value)
    {
        string text = value.ToJsonString();
        return decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out decimal number) ? number
            : text[0] == '-' ? decimal.MinValue : decimal.MaxValue;
    }

    private static bool HasType(JsonNode? instance, string type) => instance?.GetValueKind() switch
    {
        null => type == "null",
        JsonValueKind.True or JsonValueKind.False => type == "boolean",
        JsonValueKind.Object => type == "object",
        JsonValueKind.Array => type == "array",
        JsonValueKind.String => type == "string",
        _ => type == "number" || (type == "integer" && Number(instance) % 1 == 0),
    };

    private static bool HasFormat(string text, string format) => format switch
    {
        "date" => DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _) || text.StartsWith("0000", StringComparison.Ordinal),
        "date-time" => text.StartsWith("0000", StringComparison.Ordinal)
            || DateOnly.TryParseExact(text[..10], "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _),
        "time" => TimeOnly.TryParseExact(text[..8], "HH:mm:ss", CultureInfo.InvariantCulture, DateTimeStyles.None, out _),
        "uuid" => Guid.TryParseExact(text, "D", out _),
        "ipv4" => IPAddress.TryParse(text, out IPAddress? v4) && v4.AddressFamily == AddressFamily.InterNetwork && text.Count(c => c == '.') == 3,
        "ipv6" => IPAddress.TryParse(text, out IPAddress? v6) && v6.AddressFamily == AddressFamily.InterNetworkV6,
        "email" => System.Net.Mail.MailAddress.TryCreate(text, out _),
        "hostname" => Uri.CheckHostName(text) != UriHostNameType.Unknown,
        "duration" => text.StartsWith('P') && text.Any(char.IsAsciiDigit) && !text.EndsWith('T'),
        _ => true,
    };

    private JsonNode? Resolve(string reference) =>
        reference.Split('/').Skip(1).Aggregate((JsonNode?)root, (at, step) => at![step.Replace("~1", "/").Replace("~0", "~")]);
}
