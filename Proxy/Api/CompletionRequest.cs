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

    public CompletionRequest(JsonObject body, ServedModel model, int maxPrompts)
        : base(new Fields(body), model)
    {
        Fields fields = new(body);
        Prompt = body["prompt"] ?? throw ApiException.Missing("prompt");
        PromptIds = ReadPrompts(Prompt, model.Codec, maxPrompts);
        MaxTokens = fields.Integer("max_tokens", 1) ?? DefaultMaxTokens;
        Echo = fields.Boolean("echo") ?? false;
        Logprobs = fields.Integer("logprobs", 0, MaxLogprobs);
        if (Echo && Logprobs is not null)
            throw ApiException.Invalid("'echo' together with 'logprobs' is not supported: prompts are not scored.", "echo",
                "unsupported_value");
        if (!string.IsNullOrEmpty(fields.String("suffix")))
            throw ApiException.Invalid("'suffix' is not supported: the model writes from left to right.", "suffix", "unsupported_value");
        if (fields.Integer("best_of", 1) is { } best && best != Choices)
            throw ApiException.Invalid("'best_of' is only supported where it equals 'n'.", "best_of", "unsupported_value");
    }

    [Description("A text, an array of texts, an array of token ids, or an array of arrays of token ids.")]
    public JsonNode Prompt { get; }

    [Description("Most tokens of each text; 16 if left out.")]
    public int MaxTokens { get; }

    [Description("Begin each text with its prompt.")]
    public bool Echo { get; }

    [Description("Report log-probabilities, of this many alternatives, 0 to 5.")]
    public int? Logprobs { get; }

    /// <summary>The prompts' tokens; none is empty.</summary>
    [JsonIgnore]
    public IReadOnlyList<int[]> PromptIds { get; }

    /// <summary>How tokens are drawn.</summary>
    public SamplingParameters Sampling(SamplingParameters defaults) => Sampling(defaults, Logprobs);

    private static int[][] ReadPrompts(JsonNode prompt, ITextCodec codec, int maxPrompts)
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

        int[] Text(JsonNode? item, string where) => item is JsonValue value && value.TryGetValue(out string? text)
            ? codec.Encode(text, addSpecialTokens: true)
            : throw ApiException.WrongType(where, "a string or an array of token ids", Fields.NameOf(item));
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
