using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>What a schema may say. What would change its meaning and cannot be kept is refused by name, not passed over.</summary>
/// <param name="lenient">Drops what it would refuse.</param>
/// <param name="mostWork">Of reading patterns.</param>
internal sealed class SchemaRules(bool lenient, long mostWork)
{
    private const int MostSchemas = 10_000;

    private static readonly string[] Types = ["null", "boolean", "object", "array", "string", "integer", "number"];
    private static readonly Dictionary<string, string> Refused = new()
    {
        ["not"] = "say what is allowed instead",
        ["if"] = "use 'anyOf' with one branch a case",
        ["dependentRequired"] = "use 'anyOf' with one branch a case",
        ["dependentSchemas"] = "use 'anyOf' with one branch a case",
        ["dependencies"] = "use 'anyOf' with one branch a case",
        ["patternProperties"] = "name the properties, or use 'additionalProperties' with a schema",
        ["contains"] = "use 'prefixItems' or 'items', or check the answer",
        ["unevaluatedItems"] = "use 'items'",
        ["$dynamicRef"] = "use '$ref'",
        ["$recursiveRef"] = "use '$ref'",
    };

    private long _work;
    private readonly HashSet<JsonNode> _checked = new(ReferenceEqualityComparer.Instance);

    /// <summary>Checks a schema and all within it.</summary>
    /// <param name="schema">Changed where it is written in an older form, or leniently.</param>
    /// <param name="path">Where it stands.</param>
    /// <exception cref="SchemaException">It cannot be kept.</exception>
    public void Check(JsonNode? schema, string path)
    {
        if (schema is not JsonObject members)
        {
            if (schema?.GetValueKind() is not (JsonValueKind.True or JsonValueKind.False))
                throw new SchemaException(path, "a schema is an object or a boolean");
            return;
        }

        if (!_checked.Add(members))
            return;
        if (_checked.Count > MostSchemas)
            throw new SchemaException(path, $"it has more than {MostSchemas} schemas; make it smaller");
        Modernise(members);
        foreach (string name in members.Select(member => member.Key).ToArray())
        {
            try
            {
                CheckKeyword(members, name, path.Length == 0 ? name : $"{path}.{name}");
            }
            catch (SchemaException) when (lenient && !IsContainer(name))
            {
                members.Remove(name);
            }
        }
    }

    private static bool IsContainer(string name) =>
        name is "properties" or "$defs" or "definitions" or "anyOf" or "oneOf" or "allOf" or "prefixItems" or "items"
            or "additionalProperties";

    /// <summary>Tuples as drafts before 2020-12 write them.</summary>
    private static void Modernise(JsonObject schema)
    {
        if (schema["items"] is JsonArray tuple)
        {
            schema.Remove("items");
            schema["prefixItems"] = tuple;
            if (schema.Remove("additionalItems", out JsonNode? rest) && rest is not null)
                schema["items"] = rest;
        }
    }

    private void CheckKeyword(JsonObject schema, string name, string path)
    {
        JsonNode? value = schema[name];
        if (Refused.TryGetValue(name, out string? remedy))
            throw new SchemaException(path, $"'{name}' is not supported: {remedy}");
        switch (name)
        {
            case "properties" or "$defs" or "definitions":
                foreach ((string key, JsonNode? inner) in Expect<JsonObject>(value, path, "an object"))
                    Check(inner, $"{path}.{key}");
                break;
            case "anyOf" or "oneOf" or "allOf" or "prefixItems":
                JsonArray list = Expect<JsonArray>(value, path, "an array");
                for (int i = 0; i < list.Count; i++)
                    Check(list[i], $"{path}[{i}]");
                if (list.Count == 0 && name != "prefixItems")
                    throw new SchemaException(path, "it needs at least one schema");
                break;
            case "items" or "additionalProperties" or "unevaluatedProperties":
                Check(value, path);
                break;
            case "propertyNames":
                Check(value, path);
                if ((value as JsonObject)?.FirstOrDefault(inner => inner.Key is "$ref" or "anyOf" or "oneOf" or "allOf").Key is { } combined)
                    throw new SchemaException($"{path}.{combined}",
                        $"'{combined}' is not supported in 'propertyNames': use 'enum', 'pattern' or lengths");
                break;
            case "type":
                foreach (JsonNode? type in value is JsonArray types ? [.. types] : new[] { value })
                {
                    if (!Types.Contains(StringOf(type)))
                        throw new SchemaException(path, $"{type?.ToJsonString() ?? "null"} is no type; "
                            + $"the types are {string.Join(", ", Types)}");
                }

                break;
            case "required":
                if (!Expect<JsonArray>(value, path, "an array").All(item => StringOf(item) is not null))
                    throw new SchemaException(path, "it must hold names of properties");
                break;
            case "enum":
                if (Expect<JsonArray>(value, path, "an array").Count == 0)
                    throw new SchemaException(path, "it needs at least one value");
                break;
            case "minLength" or "maxLength" or "minItems" or "maxItems" or "minProperties" or "maxProperties":
                if (NumberOf(value) is not (>= 0 and <= int.MaxValue) || NumberOf(value) % 1 != 0)
                    throw new SchemaException(path, "it must be a whole number from 0");
                break;
            case "minimum" or "maximum" or "exclusiveMinimum" or "exclusiveMaximum":
                if (NumberOf(value) is not { } bound)
                    throw new SchemaException(path, "it must be a number");
                if (SchemaShape.DecimalOf(value) is null && bound > 0 == name.EndsWith("inimum", StringComparison.Ordinal))
                    throw new SchemaException(path, "it is beyond what is supported, 7.9e28");
                break;
            case "multipleOf":
                if (NumberOf(value) is not > 0 || SchemaShape.DecimalOf(value) is not > 0)
                    throw new SchemaException(path, "it must be a number above 0");
                break;
            case "pattern":
                CheckPattern(StringOf(value) ?? throw new SchemaException(path, "it must be a string"), path);
                break;
            case "format" or "$ref":
                if (StringOf(value) is null)
                    throw new SchemaException(path, "it must be a string");
                break;
            case "uniqueItems" when value?.GetValueKind() != JsonValueKind.False:
                throw new SchemaException(path, "'uniqueItems' is not supported: remove it, and check the answer");
        }
    }

    private void CheckPattern(string pattern, string path)
    {
        try
        {
            Grammar grammar = new() { MostWork = mostWork - _work };
            Pattern.Parse(new JsonGrammar(grammar), pattern);
            _work += grammar.Work;
        }
        catch (FormatException exception)
        {
            throw new SchemaException(path, $"{exception.Message}; use a simpler pattern");
        }
    }

    private static T Expect<T>(JsonNode? value, string path, string what)
        where T : JsonNode => value as T ?? throw new SchemaException(path, $"it must be {what}");

    private static string? StringOf(JsonNode? value) => value?.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : null;

    private static double? NumberOf(JsonNode? value) => value?.GetValueKind() == JsonValueKind.Number
        ? double.Parse(value.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture)
        : null;
}
