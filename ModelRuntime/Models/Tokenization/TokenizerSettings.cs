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

    /// <exception cref="ModelLoadException">The file is damaged.</exception>
    public static TokenizerSettings Read(string path)
    {
        if (!File.Exists(path))
            return new TokenizerSettings();
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            return Read(document.RootElement);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new ModelLoadException($"{path} is damaged ({error.Message.ReplaceLineEndings(" ")}); fetch it again from where the model came from", error);
        }
    }

    private static TokenizerSettings Read(JsonElement root)
    {
        List<AddedToken> tokens = [];
        if (root.TryGetProperty("added_tokens_decoder", out JsonElement described) && described.ValueKind == JsonValueKind.Object)
            tokens.AddRange(described.EnumerateObject().Select(entry => Describe(entry.Value, int.Parse(entry.Name, CultureInfo.InvariantCulture))));
        IEnumerable<JsonElement> named = NamedTokens.Select(name => Optional(root, name));
        named = named.Concat(Listed(root, "additional_special_tokens")).Concat(Listed(root, "extra_special_tokens"));
        foreach (JsonElement element in named.Where(element => element.ValueKind is JsonValueKind.String or JsonValueKind.Object))
            tokens.Add(Describe(element, -1) with { IsSpecial = true });
        return new TokenizerSettings
        {
            BeginningToken = Content(Optional(root, "bos_token")),
            EndToken = Content(Optional(root, "eos_token")),
            PaddingToken = Content(Optional(root, "pad_token")),
            UnknownToken = Content(Optional(root, "unk_token")),
            AddsBeginning = Choice(root, "add_bos_token"),
            AddsEnd = Choice(root, "add_eos_token"),
            IsLegacy = Flag(root, "legacy") ?? true,
            CleansUpSpaces = Flag(root, "clean_up_tokenization_spaces") ?? false,
            CleansUpBytePairs = Flag(root, "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output") ?? false,
            AddedTokens = tokens,
        };
    }

    /// <summary>An added token as an object with its properties, or as its text alone.</summary>
    public static AddedToken Describe(JsonElement element, int id) => element.ValueKind == JsonValueKind.String
        ? new AddedToken(element.GetString()!, id)
        : new AddedToken(element.GetProperty("content").GetString()!, id)
        {
            IsSpecial = Flag(element, "special") ?? false,
            IsNormalized = Flag(element, "normalized") ?? false,
            StripsLeft = Flag(element, "lstrip") ?? false,
            StripsRight = Flag(element, "rstrip") ?? false,
            IsWord = Flag(element, "single_word") ?? false,
        };

    private static IEnumerable<JsonElement> Listed(JsonElement root, string name)
    {
        JsonElement list = Optional(root, name);
        return list.ValueKind switch
        {
            JsonValueKind.Array => list.EnumerateArray(),
            JsonValueKind.Object => list.EnumerateObject().Select(entry => entry.Value),
            _ => [],
        };
    }

    private static JsonElement Optional(JsonElement root, string name) => root.TryGetProperty(name, out JsonElement value) ? value : default;

    private static string? Content(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.String => element.GetString(),
        JsonValueKind.Object => element.GetProperty("content").GetString(),
        _ => null,
    };

    /// <summary>A flag whose being there at all, even as null, overrides the tokenizer's file.</summary>
    private static bool? Choice(JsonElement root, string name) => root.TryGetProperty(name, out _) ? Flag(root, name) ?? false : null;

    private static bool? Flag(JsonElement root, string name) => Optional(root, name).ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => null,
    };
}
