using System.Globalization;
using System.Text.Json.Nodes;

namespace Agentic.Tests;

/// <summary>Schemas as clients send them, and random ones with instances.</summary>
internal static class SchemaSamples
{
    /// <summary>Twenty-odd, each with values that end within some hundred bytes.</summary>
    public static IReadOnlyList<string> Bounded { get; } =
    [
        """{"type":"object","properties":{"name":{"type":"string","maxLength":12},"age":{"type":"integer","minimum":0,"maximum":130}},"required":["name","age"],"additionalProperties":false}""",
        """{"type":"object","properties":{"a":{"type":"boolean"},"b":{"type":"null"},"c":{"type":["integer","null"]}},"required":["b"]}""",
        """{"type":"array","items":{"enum":["red","green","blue",3,null,true]},"minItems":2,"maxItems":5}""",
        """{"type":"object","properties":{"kind":{"const":"point"},"at":{"type":"array","prefixItems":[{"type":"number","minimum":-1.5,"maximum":1.5},{"type":"integer"}],"minItems":2,"maxItems":2}},"required":["kind","at"]}""",
        """{"anyOf":[{"type":"object","properties":{"t":{"const":"x"},"v":{"type":"integer","multipleOf":7,"minimum":0,"maximum":1000}},"required":["t","v"]},{"type":"object","properties":{"t":{"const":"y"},"v":{"type":"string","maxLength":4}},"required":["t","v"]}]}""",
        """{"$defs":{"color":{"type":"string","enum":["a\"b","é","日本","\n"]}},"type":"object","properties":{"c":{"$ref":"#/$defs/color"},"d":{"$ref":"#/$defs/color"}},"required":["c","d"]}""",
        """{"type":"string","pattern":"^[A-Z]{3}-\\d{2,4}$"}""",
        """{"type":"string","pattern":"^(?:a|bc)*d?$","minLength":2,"maxLength":9}""",
        """{"type":"object","properties":{"day":{"type":"string","format":"date"},"at":{"type":"string","format":"date-time"},"t":{"type":"string","format":"time"}},"required":["day","at","t"]}""",
        """{"type":"object","properties":{"id":{"type":"string","format":"uuid"},"ip":{"type":"string","format":"ipv4"}},"required":["id","ip"]}""",
        """{"type":"object","properties":{"mail":{"type":"string","format":"email","maxLength":40}},"required":["mail"]}""",
        """{"allOf":[{"type":"object","properties":{"a":{"type":"integer","minimum":3}},"required":["a"]},{"properties":{"a":{"maximum":9},"b":{"type":"boolean"}},"required":["b"]}]}""",
        """{"type":"number","exclusiveMinimum":0,"exclusiveMaximum":1}""",
        """{"type":"integer","exclusiveMinimum":-12,"maximum":1005}""",
        """{"type":"number","multipleOf":0.25,"minimum":-2,"maximum":3}""",
        """{"type":"object","additionalProperties":{"type":"integer","minimum":0,"maximum":9},"minProperties":1,"maxProperties":3,"properties":{"name":{"type":"string","maxLength":3}},"required":["name"]}""",
        """{"type":"object","properties":{"q":{"type":"array","items":{"type":"object","properties":{"x":{"type":"integer","minimum":0,"maximum":9},"y":{"type":"string","maxLength":2}},"required":["x"],"additionalProperties":false},"maxItems":3}},"required":["q"]}""",
        """{"type":"object","properties":{"deep":{"type":"object","properties":{"er":{"type":"object","properties":{"still":{"type":"string","minLength":3,"maxLength":5}},"required":["still"]}},"required":["er"]}},"required":["deep"]}""",
        """{"type":"object","properties":{},"additionalProperties":false}""",
        """{"oneOf":[{"type":"string","enum":["yes","no"]},{"type":"integer","minimum":1,"maximum":5},{"type":"null"}]}""",
        """{"type":"string","minLength":4,"maxLength":4}""",
        """{"type":"string","format":"email","maxLength":40,"pattern":"^(?!\\.)(?!.*\\.\\.)([A-Za-z0-9_'+\\-\\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\\-]*\\.)+[A-Za-z]{2,}$"}""",
        """{"type":"object","propertyNames":{"type":"string","pattern":"^[a-z](?!x)[a-z]$"},"additionalProperties":{"type":"boolean"},"maxProperties":3}""",
        """{"type":"object","properties":{"span":{"type":"string","format":"duration"},"host":{"type":"string","format":"hostname","maxLength":20},"v6":{"type":"string","format":"ipv6"}},"required":["span","v6"]}""",
    ];

    /// <summary>A random schema and random values of it, some of them on the edges.</summary>
    public static (JsonNode Schema, Func<JsonNode?> Value) Random(Random random, int depth = 3)
    {
        switch (random.Next(depth > 0 ? 9 : 6))
        {
            case 0:
                return (new JsonObject { ["type"] = "boolean" }, () => random.Next(2) == 0);
            case 1:
                return (new JsonObject { ["type"] = "null" }, () => null);
            case 2:
                int least = random.Next(-1200, 1200), most = least + random.Next(3000);
                JsonObject integer = new() { ["type"] = "integer" };
                if (random.Next(3) > 0)
                    integer["minimum"] = least;
                if (random.Next(3) > 0)
                    integer["maximum"] = most;
                return (integer, () => random.Next(3) switch { 0 => least, 1 => most, _ => random.Next(least, most + 1) });
            case 3:
                decimal from = random.Next(-2000, 2000) / 100m, to = from + (random.Next(0, 4000) / 1000m);
                JsonObject number = new() { ["type"] = "number" };
                if (random.Next(3) > 0)
                    number["minimum"] = from;
                if (random.Next(3) > 0)
                    number["maximum"] = to;
                return (number, () => random.Next(3) switch
                {
                    0 => from,
                    1 => to,
                    _ => Math.Max(from, decimal.Round(from + ((to - from) * random.Next(1000) / 1000m), 4, MidpointRounding.ToZero)),
                });
            case 4:
                int min = random.Next(4), max = min + random.Next(6);
                JsonObject text = new() { ["type"] = "string" };
                if (random.Next(2) > 0)
                    text["minLength"] = min;
                if (random.Next(2) > 0)
                    text["maxLength"] = max;
                return (text, () => Text(random, random.Next(min, max + 1)));
            case 5:
                JsonNode?[] values = [.. Enumerable.Range(0, random.Next(1, 5)).Select(i => Scalar(random, i))];
                return (new JsonObject { ["enum"] = new JsonArray([.. values.Select(value => value?.DeepClone())]) }, () => values[random.Next(values.Length)]?.DeepClone());
            case 6:
                (JsonNode one, Func<JsonNode?> a) = Random(random, depth - 1);
                (JsonNode two, Func<JsonNode?> b) = Random(random, depth - 1);
                return (new JsonObject { [random.Next(2) == 0 ? "anyOf" : "oneOf"] = new JsonArray(one, two) }, () => random.Next(2) == 0 ? a() : b());
            case 7:
                (JsonNode item, Func<JsonNode?> ofItem) = Random(random, depth - 1);
                int fewest = random.Next(3), mostItems = fewest + random.Next(4);
                return (new JsonObject { ["type"] = "array", ["items"] = item, ["minItems"] = fewest, ["maxItems"] = mostItems },
                    () => new JsonArray([.. Enumerable.Range(0, random.Next(fewest, mostItems + 1)).Select(_ => ofItem())]));
            default:
                return Object(random, depth);
        }
    }

    private static (JsonNode Schema, Func<JsonNode?> Value) Object(Random random, int depth)
    {
        List<(string Name, bool Required, Func<JsonNode?> Value)> members = [];
        JsonObject properties = [];
        for (int i = random.Next(5); i > 0; i--)
        {
            string name = Text(random, 2) + i.ToString(CultureInfo.InvariantCulture);
            (JsonNode schema, Func<JsonNode?> value) = Random(random, depth - 1);
            properties[name] = schema;
            members.Add((name, random.Next(2) == 0, value));
        }

        (JsonNode other, Func<JsonNode?> ofOther) = Random(random, 0);
        bool open = random.Next(3) == 0;
        JsonObject result = new()
        {
            ["type"] = "object",
            ["properties"] = properties,
            ["required"] = new JsonArray([.. members.Where(member => member.Required).Select(member => JsonValue.Create(member.Name))]),
            ["additionalProperties"] = open ? other : false,
        };
        return (result, () =>
        {
            JsonObject value = [];
            foreach ((string name, bool required, Func<JsonNode?> member) in members)
            {
                if (required || random.Next(2) == 0)
                    value[name] = member();
            }

            for (int i = open ? random.Next(3) : 0; i > 0; i--)
            {
                string name = Text(random, random.Next(4));
                if (!members.Exists(member => member.Name == name))
                    value[name] = ofOther();
            }

            return value;
        }
        );
    }

    private static JsonValue? Scalar(Random random, int i) => random.Next(3) switch
    {
        0 => JsonValue.Create(i),
        1 => null,
        _ => JsonValue.Create(Text(random, i)),
    };

    private static string Text(Random random, int length) =>
        string.Concat(Enumerable.Range(0, length).Select(_ => new[] { "a", "b", "\"", "\\", "\n", "é", "日", "😀", " ", "{", "\u0001", "/" }[random.Next(12)]));
}
