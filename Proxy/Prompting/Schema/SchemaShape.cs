using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Agentic.Proxy;

/// <summary>The types of JSON Schema; a whole number is also a number.</summary>
[Flags]
internal enum SchemaTypes
{
    None = 0,
    Null = 1,
    Boolean = 2,
    Object = 4,
    Array = 8,
    String = 16,
    Integer = 32,
    Fraction = 64,
    Number = Integer | Fraction,
    All = 127,
}

/// <summary>What the keywords of a schema ask, without references and combinations; null is "not said".</summary>
internal sealed record SchemaShape
{
    private static readonly Dictionary<string, SchemaTypes> TypeNames = new()
    {
        ["null"] = SchemaTypes.Null,
        ["boolean"] = SchemaTypes.Boolean,
        ["object"] = SchemaTypes.Object,
        ["array"] = SchemaTypes.Array,
        ["string"] = SchemaTypes.String,
        ["integer"] = SchemaTypes.Integer,
        ["number"] = SchemaTypes.Number,
    };

    public SchemaTypes? Types { get; init; }

    public IReadOnlyList<JsonNode?>? Enum { get; init; }

    public IReadOnlyList<(string Name, JsonNode? Schema)>? Properties { get; init; }

    public IReadOnlyList<string> Required { get; init; } = [];

    public JsonNode? Additional { get; init; }

    /// <summary>What names must satisfy.</summary>
    public IReadOnlyList<JsonNode?> Names { get; init; } = [];

    public int MinProperties { get; init; }

    public int MaxProperties { get; init; } = int.MaxValue;

    public IReadOnlyList<JsonNode?>? Prefix { get; init; }

    public JsonNode? Items { get; init; }

    public int MinItems { get; init; }

    public int MaxItems { get; init; } = int.MaxValue;

    public IReadOnlyList<string> Patterns { get; init; } = [];

    /// <summary>Patterns too, of <c>format</c>.</summary>
    public IReadOnlyList<string> Formats { get; init; } = [];

    public int MinLength { get; init; }

    public int MaxLength { get; init; } = int.MaxValue;

    public IReadOnlyList<(decimal Bound, bool Strict)> Least { get; init; } = [];

    public IReadOnlyList<(decimal Bound, bool Strict)> Most { get; init; } = [];

    public IReadOnlyList<decimal> MultipleOf { get; init; } = [];

    /// <summary>Where nobody says a type, the types that the keywords are about: what they do not speak of is left out, not let
    /// through.</summary>
    public SchemaTypes EffectiveTypes
    {
        get
        {
            if (Types is { } types)
                return types;
            SchemaTypes meant = SchemaTypes.None;
            if (Properties is not null || Additional is not null || Required.Count + Names.Count > 0
                || MinProperties > 0 || MaxProperties < int.MaxValue)
                meant |= SchemaTypes.Object;
            if (Prefix is not null || Items is not null || MinItems > 0 || MaxItems < int.MaxValue)
                meant |= SchemaTypes.Array;
            if (Patterns.Count + Formats.Count > 0 || MinLength > 0 || MaxLength < int.MaxValue)
                meant |= SchemaTypes.String;
            if (Least.Count > 0 || Most.Count > 0 || MultipleOf.Count > 0)
                meant |= SchemaTypes.Number;
            return meant == SchemaTypes.None || Enum is not null ? SchemaTypes.All : meant;
        }
    }

    /// <summary>The keywords of a checked schema.</summary>
    public static SchemaShape Of(JsonObject schema)
    {
        List<JsonNode?>? values = (schema["enum"] as JsonArray)?.ToList();
        if (schema.ContainsKey("const"))
            values = values is null || values.Exists(value => JsonNode.DeepEquals(value, schema["const"])) ? [schema["const"]] : [];
        return new()
        {
            Types = schema["type"] switch
            {
                null => null,
                JsonArray list => list.Aggregate(SchemaTypes.None, (types, name) => types | TypeNames[name!.GetValue<string>()]),
                { } name => TypeNames[name.GetValue<string>()],
            },
            Enum = values,
            Properties = (schema["properties"] as JsonObject)?.Select(property => (property.Key, property.Value)).ToList(),
            Required = schema["required"] is JsonArray required ? [.. required.Select(name => name!.GetValue<string>()).Distinct()] : [],
            Additional = schema["additionalProperties"] ?? schema["unevaluatedProperties"],
            Names = schema["propertyNames"] is { } names ? [names] : [],
            MinProperties = Count(schema, "minProperties", 0),
            MaxProperties = Count(schema, "maxProperties", int.MaxValue),
            Prefix = (schema["prefixItems"] as JsonArray)?.ToList(),
            Items = schema["items"],
            MinItems = Count(schema, "minItems", 0),
            MaxItems = Count(schema, "maxItems", int.MaxValue),
            Patterns = schema["pattern"] is { } pattern ? [pattern.GetValue<string>()] : [],
            Formats = schema["format"] is { } format && StringFormats.PatternOf(format.GetValue<string>()) is { } ofFormat
                ? [ofFormat]
                : [],
            MinLength = Count(schema, "minLength", 0),
            MaxLength = Count(schema, "maxLength", int.MaxValue),
            Least = [.. Bounds(schema, "minimum", "exclusiveMinimum")],
            Most = [.. Bounds(schema, "maximum", "exclusiveMaximum")],
            MultipleOf = DecimalOf(schema["multipleOf"]) is { } step ? [step] : [],
        };
    }

    /// <summary>What two schemas ask together.</summary>
    public SchemaShape And(SchemaShape other) => new()
    {
        Types = Types is { } mine && other.Types is { } theirs ? mine & theirs : Types ?? other.Types,
        Enum = Enum is { } values && other.Enum is { } others
            ? [.. values.Where(value => others.Any(match => JsonNode.DeepEquals(match, value)))]
            : Enum ?? other.Enum,
        Properties = Properties is null && other.Properties is null ? null :
            [.. (Properties ?? []).Concat(other.Properties ?? []).Select(property => property.Name).Distinct()
                .Select(name => (name, Together(SchemaOf(name), other.SchemaOf(name))))],
        Required = [.. Required.Union(other.Required)],
        Additional = Together(Additional, other.Additional),
        Names = [.. Names, .. other.Names],
        MinProperties = Math.Max(MinProperties, other.MinProperties),
        MaxProperties = Math.Min(MaxProperties, other.MaxProperties),
        Prefix = Prefix is null && other.Prefix is null ? null :
            [.. Enumerable.Range(0, Math.Max(Prefix?.Count ?? 0, other.Prefix?.Count ?? 0))
                .Select(i => Together(ItemAt(i), other.ItemAt(i)))],
        Items = Together(Items, other.Items),
        MinItems = Math.Max(MinItems, other.MinItems),
        MaxItems = Math.Min(MaxItems, other.MaxItems),
        Patterns = [.. Patterns.Union(other.Patterns)],
        Formats = [.. Formats.Union(other.Formats)],
        MinLength = Math.Max(MinLength, other.MinLength),
        MaxLength = Math.Min(MaxLength, other.MaxLength),
        Least = [.. Least, .. other.Least],
        Most = [.. Most, .. other.Most],
        MultipleOf = [.. MultipleOf.Union(other.MultipleOf)],
    };

    /// <summary>A number, or null if it is none or beyond 7.9e28.</summary>
    public static decimal? DecimalOf(JsonNode? value) => value?.GetValueKind() == JsonValueKind.Number
        && decimal.TryParse(value.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture, out decimal number) ? number : null;

    /// <summary>The types a value has.</summary>
    public static SchemaTypes TypesOf(JsonNode? value) => value?.GetValueKind() switch
    {
        null or JsonValueKind.Null => SchemaTypes.Null,
        JsonValueKind.True or JsonValueKind.False => SchemaTypes.Boolean,
        JsonValueKind.Object => SchemaTypes.Object,
        JsonValueKind.Array => SchemaTypes.Array,
        JsonValueKind.String => SchemaTypes.String,
        _ => DecimalOf(value) is { } number && number % 1 != 0 ? SchemaTypes.Fraction : SchemaTypes.Integer,
    };

    private JsonNode? SchemaOf(string property)
    {
        foreach ((string name, JsonNode? schema) in Properties ?? [])
        {
            if (name == property)
                return schema;
        }

        return Additional;
    }

    private JsonNode? ItemAt(int index) => index < Prefix?.Count ? Prefix[index] : Items;

    private static JsonNode? Together(JsonNode? one, JsonNode? other)
    {
        if (one is null || other is null || JsonNode.DeepEquals(one, other))
            return one ?? other;
        return new JsonObject { ["allOf"] = new JsonArray(one.DeepClone(), other.DeepClone()) };
    }

    private static int Count(JsonObject schema, string name, int absent) => schema[name] is { } value ? (int)DecimalOf(value)! : absent;

    private static IEnumerable<(decimal, bool)> Bounds(JsonObject schema, string inclusive, string exclusive)
    {
        if (DecimalOf(schema[inclusive]) is { } bound)
            yield return (bound, false);
        if (DecimalOf(schema[exclusive]) is { } strict)
            yield return (strict, true);
    }
}
