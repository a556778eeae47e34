using System.Text.Json;
using System.Text.Json.Nodes;
using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary>A tokenizer made for one test: whole words and single characters, no merges unless given.</summary>
internal sealed class TinyTokenizer
{
    private readonly JsonObject _vocabulary = [];

    public TinyTokenizer(params IEnumerable<string> tokens)
    {
        foreach (string token in tokens)
            _vocabulary[token] = _vocabulary.Count;
        Json = new JsonObject
        {
            ["version"] = "1.0",
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["vocab"] = _vocabulary,
                ["merges"] = new JsonArray(),
                ["ignore_merges"] = true,
            },
        };
    }

    public JsonObject Json { get; }

    public JsonObject Settings { get; } = [];

    public TinyTokenizer With(string part, string json)
    {
        Json[part] = JsonNode.Parse(json);
        return this;
    }

    public TinyTokenizer WithModel(string part, string json)
    {
        Json["model"]![part] = JsonNode.Parse(json);
        return this;
    }

    public TinyTokenizer WithSetting(string name, string json)
    {
        Settings[name] = JsonNode.Parse(json);
        return this;
    }

    public Tokenizer Load()
    {
        using TemporaryModel model = new();
        model.Write("tokenizer.json", Json.ToJsonString(Escaping));
        model.Write("tokenizer_config.json", Settings.ToJsonString(Escaping));
        return Tokenizer.Load(model.Path);
    }

    /// <summary>The tokens of a text as the vocabulary spells them.</summary>
    public string[] Cut(string text)
    {
        Tokenizer tokenizer = Load();
        return [.. tokenizer.Encode(text, addSpecialTokens: true).Select(id => tokenizer.Token(id)!)];
    }

    private static JsonSerializerOptions Escaping { get; } = new();
}

/// <summary>A model directory that goes with its test.</summary>
internal sealed class TemporaryModel : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("agentic-tokenizer-").FullName;

    public void Write(string name, string text) => File.WriteAllText(System.IO.Path.Combine(Path, name), text);

    public void Write(string name, byte[] bytes) => File.WriteAllBytes(System.IO.Path.Combine(Path, name), bytes);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
