using System.Text.Json;
using System.Text.Unicode;

namespace Agentic.ModelRuntime;

/// <summary>One object of a model's JSON file; what is missing or of the wrong kind is an error that names file and key.</summary>
/// <remarks>A key whose value is null counts as absent, as it does for the reference library.</remarks>
internal readonly struct JsonFile
{
    private readonly JsonElement _object;

    private JsonFile(string path, JsonElement value)
    {
        Path = path;
        _object = value;
    }

    public string Path { get; }

    public static JsonFile Read(string path)
    {
        try
        {
            byte[] bytes = File.ReadAllBytes(path);
            if (!Utf8.IsValid(bytes))
                throw new ModelLoadException($"{path} is no valid UTF-8; fetch it again");
            using JsonDocument document = JsonDocument.Parse(bytes);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new ModelLoadException($"{path} holds a JSON {document.RootElement.ValueKind}, not an object; fetch it again");
            return new JsonFile(path, document.RootElement.Clone());
        }
        catch (JsonException error)
        {
            throw new ModelLoadException($"{path} is no valid JSON (line {error.LineNumber + 1}); fetch it again", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ModelLoadException($"{path} cannot be read: {error.Message}", error);
        }
    }

    /// <summary>The value of a key, unless it is absent or null.</summary>
    public JsonElement? Find(string key) =>
        _object.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>Whether the key is there with the value null.</summary>
    public bool IsNull(string key) => _object.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.Null;

    public JsonFile? Object(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Object } value => new JsonFile(Path, value),
        _ => throw Wrong(key, "an object"),
    };

    public bool IsEmpty => !_object.EnumerateObject().Any();

    public IEnumerable<JsonProperty> Properties => _object.EnumerateObject();

    public int? Int(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetInt32(out int number) => number,
        { ValueKind: JsonValueKind.Number } value when value.GetDouble() is var number && number == (int)number => (int)number,
        _ => throw Wrong(key, "a whole number"),
    };

    /// <summary>A required size.</summary>
    public int Size(string key) => Positive(key, Int(key) ?? throw new ModelLoadException($"{Path} lacks \"{key}\", which the model needs"));

    /// <summary>A size with a default.</summary>
    public int Size(string key, int absent) => Positive(key, Int(key) ?? absent);

    public double? Number(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } value => value.GetDouble(),
        _ => throw Wrong(key, "a number"),
    };

    public bool? Bool(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        _ => throw Wrong(key, "true or false"),
    };

    public string? String(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } value => value.GetString(),
        _ => throw Wrong(key, "a string"),
    };

    public string[]? Strings(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Array } value when value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String) =>
            [.. value.EnumerateArray().Select(item => item.GetString()!)],
        _ => throw Wrong(key, "a list of strings"),
    };

    /// <summary>A whole number or a list of them.</summary>
    public int[]? Ints(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetInt32(out int number) => [number],
        { ValueKind: JsonValueKind.Array } value when value.EnumerateArray().All(IsInt) => [.. value.EnumerateArray().Select(item => item.GetInt32())],
        _ => throw Wrong(key, "a whole number or a list of them"),
    };

    private static bool IsInt(JsonElement item) => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out _);

    private int Positive(string key, int value) => value > 0 ? value : throw Wrong(key, "above 0");

    private ModelLoadException Wrong(string key, string wanted) =>
        new($"{Path}: \"{key}\" is {Shorten(_object.GetProperty(key).GetRawText())} and should be {wanted}");

    private static string Shorten(string text) => text.Length <= 40 ? text : text[..40] + "…";
}
