using System.ComponentModel;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>What <c>/v1/completions</c> is asked. Fields not named here are accepted and change nothing.</summary>
internal sealed record CompletionRequest : SamplingRequest
{
    private const int DefaultMaxTokens = 16;
    private const int MaxLogprobs = 5;
    private const int MaxBestOf = 128;

    public CompletionRequest(JsonObject body, ServedModel model, int maxPrompts)
        : base(new Fields(body), model)
    {
        Fields fields = new(body);
        Prompt = body["prompt"] ?? throw ApiException.Missing("prompt");
        Suffix = fields.String("suffix");
        bool inTheMiddle = !string.IsNullOrEmpty(Suffix);
        PromptLimit limit = new(model.Codec, model.MaxContextTokens);
        PromptIds = ReadPrompts(Prompt, model.Codec, limit, maxPrompts, addSpecialTokens: !inTheMiddle);
        if (inTheMiddle)
            PromptIds = Around(PromptIds, limit.Encode(Suffix!, "suffix", addSpecialTokens: false), model.Codec);

        MaxTokens = fields.Integer("max_tokens", 0) ?? DefaultMaxTokens;
        if (fields.Has("max_completion_tokens") && !fields.Has("max_tokens"))
            throw ApiException.Invalid("'max_completion_tokens' is not supported here; use 'max_tokens'.", "max_completion_tokens",
                "unsupported_parameter");
        Echo = fields.Boolean("echo") ?? false;
        Logprobs = fields.Integer("logprobs", 0, MaxLogprobs);
        if (fields.Object("response_format") is { } format && format.RequiredString("type") != "text")
            throw ApiException.Invalid("'response_format' is not supported here; use /v1/chat/completions.", "response_format",
                "unsupported_parameter");
        if (Echo && inTheMiddle)
            throw ApiException.Invalid("'echo' is not supported together with 'suffix'.", "echo", "unsupported_value");
        BestOf = fields.Integer("best_of", 1, MaxBestOf);
        if (BestOf < Choices)
            throw ApiException.Invalid($"'best_of' must be at least 'n', {Choices}, but it is {BestOf}.", "best_of", "invalid_value");
        if (BestOf > Choices && Stream)
            throw ApiException.Invalid("'best_of' above 'n' is not supported with 'stream': which texts are best shows at their ends.",
                "best_of", "unsupported_value");
    }

    [Description("A text, an array of texts, an array of token ids, or an array of arrays of token ids.")]
    public JsonNode Prompt { get; }

    [Description("What is to follow the text that is written, for models that were taught to fill in the middle.")]
    public string? Suffix { get; }

    [Description("Write so many texts and give back the n likeliest.")]
    public int? BestOf { get; }

    [Description("Most tokens of each text; 16 if left out. 0 writes none: with echo and logprobs, prompts are scored.")]
    public int MaxTokens { get; }

    [Description("Begin each text with its prompt.")]
    public bool Echo { get; }

    [Description("Report log-probabilities, of this many alternatives, 0 to 5.")]
    public int? Logprobs { get; }

    /// <summary>Texts written for each prompt.</summary>
    [JsonIgnore]
    public int DrawnChoices => BestOf ?? Choices;

    /// <summary>The prompts' tokens; none is empty.</summary>
    [JsonIgnore]
    public IReadOnlyList<int[]> PromptIds { get; }

    /// <summary>How tokens are drawn.</summary>
    public SamplingParameters Sampling(SamplingParameters defaults) =>
        Sampling(defaults, Logprobs ?? (DrawnChoices > Choices ? 0 : null));

    private static IReadOnlyList<int[]> Around(IReadOnlyList<int[]> prompts, int[] suffix, ITextCodec codec) =>
        FillInTheMiddle.Of(codec) is { } markers
        ? [.. prompts.Select(prompt => markers.Join(prompt, suffix))]
        : throw ApiException.Invalid("'suffix' is not supported: the model has no markers for filling in the middle.", "suffix",
            "unsupported_value");

    private static int[][] ReadPrompts(JsonNode prompt, ITextCodec codec, PromptLimit limit, int maxPrompts, bool addSpecialTokens)
    {
        int[][] prompts = prompt switch
        {
            JsonArray { Count: 0 } => throw ApiException.Invalid("Invalid 'prompt': empty array.", "prompt", "empty_array"),
            JsonArray items when items[0] is JsonValue first && first.GetValueKind() == JsonValueKind.Number => [Ids(items, "prompt")],
            JsonArray items when items.Count > maxPrompts => throw ApiException.Invalid(
                $"Invalid 'prompt': at most {maxPrompts} prompts, but got {items.Count}.", "prompt", "array_above_max_length"),
            JsonArray items =>
                [.. items.Select((item, i) => item is JsonArray ids ? Ids(ids, $"prompt[{i}]") : Text(item, $"prompt[{i}]"))],
            _ => [Text(prompt, "prompt")],
        };
        int empty = Array.FindIndex(prompts, ids => ids.Length == 0);
        return empty < 0
            ? prompts
            : throw ApiException.Invalid(
                "Invalid 'prompt': it has no tokens.", prompts.Length == 1 ? "prompt" : $"prompt[{empty}]", "empty_string");

        int[] Ids(JsonArray items, string where) => Fields.Integers(items, where, 0, codec.VocabularySize - 1);

        int[] Text(JsonNode? item, string where)
        {
            if (item is not JsonValue value || !value.TryGetValue(out string? text))
                throw ApiException.WrongType(where, "a string or an array of token ids", Fields.NameOf(item));
            return limit.Encode(text, where, addSpecialTokens);
        }
    }

    /// <summary>A prompt as text, as <see cref="Echo"/> gives it back.</summary>
    public static string TextOf(int[] ids, ITextCodec codec)
    {
        IStreamingDecoder decoder = codec.CreateDecoder();
        StringBuilder text = new();
        foreach (int id in ids)
        {
            if (!codec.IsSpecial(id))
                text.Append(decoder.Push(id));
        }

        return text.Append(decoder.Flush()).ToString();
    }
}
