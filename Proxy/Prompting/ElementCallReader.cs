using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Agentic.Proxy;

/// <summary>A call as Qwen3-Coder writes it: <c>&lt;function=NAME&gt;</c>, for each argument
/// <c>&lt;parameter=NAME&gt;</c> with its value on lines of its own and <c>&lt;/parameter&gt;</c>, then
/// <c>&lt;/function&gt;</c>.</summary>
/// <remarks>A value stands there without quotes: whether it is a text or JSON is for the function's schema to say. An argument is told of
/// when it has ended.</remarks>
/// <param name="before">What was read before the name, <see cref="Open"/> included, for the case that it is no call after all.</param>
/// <param name="functions">That may be called.</param>
internal sealed class ElementCallReader(string before, IReadOnlyList<FunctionTool> functions) : ICallReader
{
    /// <summary>How a call begins.</summary>
    public const string Open = "<function=";

    /// <summary>How it ends.</summary>
    public const string Close = "</function>";

    private const string OpenArgument = "<parameter=", CloseArgument = "</parameter>";

    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly StringBuilder _text = new(before);
    private readonly StringBuilder _read = new();   // of the part that has not ended
    private readonly StringBuilder _arguments = new();
    private State _state = State.Name;
    private string _argument = "";
    private bool _any;

    private enum State
    {
        Name, Between, ArgumentName, Value, Ended,
    }

    public string? Name { get; private set; }

    public bool IsAnnounced { get; private set; }

    public bool IsComplete => _state == State.Ended;

    public bool HasAllArguments => IsComplete;

    public bool Push(char c)
    {
        if (_state == State.Name && (c is '<' or '\n' || (c == '>' && _read.Length == 0)))
            return false;
        _text.Append(c);
        _read.Append(c);
        switch (_state)
        {
            case State.Name when c == '>':
                Name = Take(1);
                _arguments.Append('{');
                _state = State.Between;
                break;
            case State.Between when EndsWith(OpenArgument):
                _read.Clear();
                _state = State.ArgumentName;
                break;
            case State.Between when EndsWith(Close):
                _arguments.Append('}');
                _state = State.Ended;
                break;
            case State.ArgumentName when c == '>':
                _argument = Take(1);
                _state = State.Value;
                break;
            case State.Value when EndsWith(CloseArgument):
                Add(Take(CloseArgument.Length));
                _state = State.Between;
                break;
        }

        return true;
    }

    public string TakeArguments(out bool announce)
    {
        announce = Name is not null && !IsAnnounced;
        IsAnnounced |= announce;
        string more = _arguments.ToString();
        _arguments.Clear();
        return more;
    }

    public string TakeText() => _text.ToString();

    private void Add(string value)
    {
        // The lines' ends around a value are the notation's.
        value = value.StartsWith('\n') ? value[1..] : value;
        value = value.EndsWith('\n') ? value[..^1] : value;
        JsonObject? schema = functions.FirstOrDefault(function => function.Name == Name)?.Parameters;
        HashSet<string> types = [];
        AddTypes(schema?["properties"]?[_argument], schema, types, depth: 0);
        _arguments.Append(_any ? ", " : "").Append(JsonSerializer.Serialize(_argument, Readable)).Append(": ").Append(ToJson(value, types));
        _any = true;
    }

    /// <summary>The value as its types have it; a text where it is none of them.</summary>
    private static string ToJson(string value, HashSet<string> types)
    {
        string trimmed = value.Trim();
        // The template writes constants as Python does.
        string? json = trimmed switch
        {
            "None" or "null" when types.Contains("null") || !types.Contains("string") => "null",
            "True" or "true" => "true",
            "False" or "false" => "false",
            _ => trimmed,
        };
        bool isText = types.Count == 0 || (types.Contains("string") && json != "null");
        return isText || !IsJson(json) ? JsonSerializer.Serialize(value, Readable) : json;
    }

    private static bool IsJson(string text)
    {
        var scanner = new JsonScanner();
        return text.All(scanner.Push) && scanner.Push(' ') && scanner.IsComplete;
    }

    /// <summary>The types a value may have, as far as the schema names them.</summary>
    private static void AddTypes(JsonNode? schema, JsonObject? root, HashSet<string> types, int depth)
    {
        const int MostReferences = 8;
        if (schema is not JsonObject rule || depth > MostReferences)
            return;
        foreach (JsonNode? type in rule["type"] as JsonArray ?? [rule["type"]?.DeepClone()])
        {
            if (type is JsonValue name && name.TryGetValue(out string? text))
                types.Add(text);
        }

        foreach (JsonNode? value in rule["enum"] as JsonArray ?? [])
        {
            if (value is null || value.GetValueKind() == JsonValueKind.String)
                types.Add(value is null ? "null" : "string");
        }

        foreach (string several in (string[])["anyOf", "oneOf", "allOf"])
        {
            foreach (JsonNode? other in rule[several] as JsonArray ?? [])
                AddTypes(other, root, types, depth + 1);
        }

        if (rule["$ref"] is JsonValue target && target.TryGetValue(out string? path) && path.StartsWith("#/", StringComparison.Ordinal))
            AddTypes(path[2..].Split('/').Aggregate((JsonNode?)root, (node, part) => (node as JsonObject)?[part]), root, types, depth + 1);
    }

    private bool EndsWith(string marker)
    {
        if (_read.Length < marker.Length)
            return false;
        for (int i = 0; i < marker.Length; i++)
        {
            if (_read[_read.Length - marker.Length + i] != marker[i])
                return false;
        }

        return true;
    }

    /// <summary>What was read of the part that ends here, without its last characters.</summary>
    private string Take(int without)
    {
        string text = _read.ToString(0, _read.Length - without);
        _read.Clear();
        return text;
    }
}
