using System.Globalization;
using System.Text.Json;

namespace Agentic.ModelRuntime;

/// <summary>What tokenizer_config.json says of the tokenizer itself.</summary>
internal sealed record TokenizerSettings
{
    private static readonly string[] NamedTokens =
        ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    public string? BeginningToken { get; init; }

    public string? EndToken { get; init; }

    public string? PaddingToken { get; init; }

    public string? UnknownToken { get; init; }

    /// <summary>Whether a text begins with the beginning token; null when the file leaves it to the tokenizer.</summary>
    public bool? AddsBeginning { get; init; }

    public bool? AddsEnd { get; init; }

    /// <summary>The older way of Llama tokenizers: every stretch between special tokens begins with a space, not only the first.</summary>
    public bool IsLegacy { get; init; } = true;

    public bool CleansUpSpaces { get; init; }

    /// <summary>Cleaning up spoils byte-pair text, so the reference asks for this second setting before it does.</summary>
    public bool CleansUpBytePairs { get; init; }

    /// <summary>Tokens the file describes, and those it only names, whose id is -1.</summary>
    public IReadOnlyList<AddedToken> AddedTokens { get; init; } = [];

    /// <summary>Reads tokenizer_config.json, and where it names no token special_tokens_map.json, the older place.</summary>
    /// <exception cref="ModelLoadException">A file is damaged.</exception>
    public static TokenizerSettings Read(string modelDirectory)
    {
        using JsonDocument settings = Open(Path.Combine(modelDirectory, "tokenizer_config.json"));
        using JsonDocument older = Open(Path.Combine(modelDirectory, "special_tokens_map.json"));
        try
        {
            return Read(settings.RootElement, older.RootElement);
        }
        catch (Exception error) when (error is InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw Damaged(Path.Combine(modelDirectory, "tokenizer_config.json"), error);
        }
    }

    private static JsonDocument Open(string path)
    {
        try
        {
            return JsonDocument.Parse(File.Exists(path) ? File.ReadAllBytes(path) : "{}"u8.ToArray());
        }
        catch (JsonException error)
        {
            throw Damaged(path, error);
        }
    }

    private static ModelLoadException Damaged(string path, Exception error) =>
        new($"{path} is damaged ({error.Message.ReplaceLineEndings(" ")}); fetch it again from where the model came from", error);

    private static TokenizerSettings Read(JsonElement root, JsonElement older)
    {
        JsonElement Named(string name) => root.TryGetProperty(name, out _) ? root.Part(name) : older.Part(name);

        List<AddedToken> tokens = [];
        if (root.Part("added_tokens_decoder") is { ValueKind: JsonValueKind.Object } described)
            tokens.AddRange(described.EnumerateObject().Select(entry => Describe(entry.Value, ReadId(entry.Name))));
        IEnumerable<JsonElement> named =
            [.. NamedTokens.Select(Named), .. Listed(Named("additional_special_tokens")), .. Listed(Named("extra_special_tokens"))];
        foreach (JsonElement element in named.Where(element => element.ValueKind is JsonValueKind.String or JsonValueKind.Object))
            tokens.Add(Describe(element, -1) with { IsSpecial = true });
        return new TokenizerSettings
        {
            BeginningToken = Content(Named("bos_token")),
            EndToken = Content(Named("eos_token")),
            PaddingToken = Content(Named("pad_token")),
            UnknownToken = Content(Named("unk_token")),
            AddsBeginning = Choice(root, "add_bos_token"),
            AddsEnd = Choice(root, "add_eos_token"),
            IsLegacy = root.Flag("legacy") ?? true,
            CleansUpSpaces = root.Flag("clean_up_tokenization_spaces") ?? false,
            CleansUpBytePairs = root.Flag("clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output") ?? false,
            AddedTokens = tokens,
        };
    }

    /// <summary>An added token as an object with its properties, or as its text alone.</summary>
    public static AddedToken Describe(JsonElement element, int id) => element.ValueKind == JsonValueKind.String
        ? new AddedToken(element.GetString()!, id)
        : new AddedToken(element.GetProperty("content").GetString()!, id)
        {
            IsSpecial = element.Flag("special") ?? false,
            IsNormalized = element.Flag("normalized") ?? false,
            StripsLeft = element.Flag("lstrip") ?? false,
            StripsRight = element.Flag("rstrip") ?? false,
            IsWord = element.Flag("single_word") ?? false,
        };

    private static int ReadId(string name) => Vocabulary.CheckId(name, int.Parse(name, CultureInfo.InvariantCulture));

    private static IEnumerable<JsonElement> Listed(JsonElement list) => list.ValueKind switch
    {
        JsonValueKind.Array => list.EnumerateArray(),
        JsonValueKind.Object => list.EnumerateObject().Select(entry => entry.Value),
        _ => [],
    };

    private static string? Content(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.String => element.GetString(),
        JsonValueKind.Object => element.GetProperty("content").GetString(),
        _ => null,
    };

    /// <summary>A flag whose being there at all, even as null, overrides the tokenizer's file.</summary>
    private static bool? Choice(JsonElement root, string name) => root.TryGetProperty(name, out _) ? root.Flag(name) ?? false : null;
}
