using System.ComponentModel;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>What both completion endpoints are asked about drawing tokens and ending. Null is "not said".</summary>
internal abstract record SamplingRequest
{
    private const int MaxStops = 4;
    private const int MaxChoices = 128;

    protected SamplingRequest(Fields fields, ServedModel model)
    {
        RefusedFields.Check(fields);
        Model = fields.RequiredString("model");
        Stream = fields.Boolean("stream") ?? false;
        if (fields.Object("stream_options") is { } options)
        {
            if (!Stream)
                throw ApiException.Invalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options");
            StreamOptions = new(options.Boolean("include_usage") ?? false);
        }

        N = fields.Integer("n", 1, MaxChoices);
        Temperature = fields.Number("temperature", 0, 2);
        TopP = fields.Number("top_p", 0, 1);
        TopK = fields.Integer("top_k", -1);
        MinP = fields.Number("min_p", 0, 1);
        PresencePenalty = fields.Number("presence_penalty", -2, 2);
        FrequencyPenalty = fields.Number("frequency_penalty", -2, 2);
        RepetitionPenalty = fields.Number("repetition_penalty", 0.01, 100);
        LogitBias = ReadBias(fields, model.Codec.VocabularySize);
        Seed = fields.Long("seed");
        Stop = ReadStops(fields);
        StopTokenIds = fields.Integers("stop_token_ids", 0, model.Codec.VocabularySize - 1);
        IgnoreEos = fields.Boolean("ignore_eos") ?? false;
        Speculation = fields.Object("speculation") is { } speculation ? new(speculation.Boolean("enabled")) : null;
    }

    [Description("The served model's name, or one of its aliases.")]
    public string Model { get; }

    [Description("Send the answer as server-sent events while it is written.")]
    public bool Stream { get; }

    public StreamOptions? StreamOptions { get; }

    [Description("How many answers, 1 to 128. They share the prompt's computation.")]
    public int? N { get; }

    [Description("0 to 2; 0 takes the most likely token. Left out: as the checkpoint's generation_config.json says.")]
    public double? Temperature { get; }

    [Description("0 to 1.")]
    public double? TopP { get; }

    [Description("Extension: only the most likely k tokens; 0 or -1 for all.")]
    public int? TopK { get; }

    [Description("Extension: least probability, as a share of the largest, 0 to 1.")]
    public double? MinP { get; }

    [Description("-2 to 2.")]
    public double? PresencePenalty { get; }

    [Description("-2 to 2.")]
    public double? FrequencyPenalty { get; }

    [Description("Extension: above 0; 1 is none.")]
    public double? RepetitionPenalty { get; }

    [Description("Token ids and what is added to their logits, -100 to 100.")]
    public IReadOnlyDictionary<string, double>? LogitBias { get; }

    [Description("The same seed gives the same answer, whatever else the server does meanwhile.")]
    public long? Seed { get; }

    [Description("A text, or up to four, before which the answer ends.")]
    public IReadOnlyList<string> Stop { get; }

    [Description("Extension: token ids that end the answer.")]
    public IReadOnlyList<int>? StopTokenIds { get; }

    [Description("Extension: go on past the model's own end of text.")]
    public bool IgnoreEos { get; }

    [Description("Extension: {\"enabled\": false} decodes plainly. The tokens are the same, only later.")]
    public SpeculationOptions? Speculation { get; }

    [JsonIgnore]
    public int Choices => N ?? 1;

    [JsonIgnore]
    public bool IncludeUsage => StreamOptions is { IncludeUsage: true };

    /// <summary>The engine's parameters: what the request says, then what the model's defaults say.</summary>
    protected SamplingParameters Sampling(SamplingParameters defaults, int? topLogprobs) => defaults with
    {
        Temperature = (float?)Temperature ?? defaults.Temperature,
        TopP = (float?)TopP ?? defaults.TopP,
        TopK = TopK is { } k ? Math.Max(0, k) : defaults.TopK,
        MinP = (float?)MinP ?? defaults.MinP,
        PresencePenalty = (float?)PresencePenalty ?? defaults.PresencePenalty,
        FrequencyPenalty = (float?)FrequencyPenalty ?? defaults.FrequencyPenalty,
        RepetitionPenalty = (float?)RepetitionPenalty ?? defaults.RepetitionPenalty,
        LogitBias = LogitBias?.ToDictionary(bias => int.Parse(bias.Key, CultureInfo.InvariantCulture), bias => (float)bias.Value),
        Seed = Seed is { } seed ? unchecked((ulong)seed) : BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))),
        TopLogprobs = topLogprobs,
    };

    /// <summary>Tokens that end an answer.</summary>
    public IReadOnlyList<int> EndTokens(ServedModel model) =>
        [.. (IgnoreEos ? [] : model.EndTokenIds).Concat(StopTokenIds ?? []).Distinct()];

    private static string[] ReadStops(Fields fields)
    {
        switch (fields.Json["stop"])
        {
            case null:
                return [];
            case JsonValue:
                return fields.String("stop") is { Length: > 0 } stop ? [stop] : [];
            case JsonArray { Count: > MaxStops }:
                throw ApiException.Invalid($"Invalid 'stop': array too long. Expected an array with maximum length {MaxStops}.", "stop",
                    "array_above_max_length");
            case JsonArray items:
                return [.. items.Select((item, i) => item?.GetValueKind() == JsonValueKind.String
                    ? item.GetValue<string>()
                    : throw ApiException.WrongType($"stop[{i}]", "a string", Fields.NameOf(item))).Where(stop => stop.Length > 0)];
            case { } other:
                throw ApiException.WrongType("stop", "a string or an array of strings", Fields.NameOf(other));
        }
    }

    private static Dictionary<string, double>? ReadBias(Fields fields, int vocabularySize)
    {
        if (fields.Object("logit_bias") is not { } bias)
            return null;
        Dictionary<string, double> result = [];
        foreach ((string token, _) in bias.Json)
        {
            if (!int.TryParse(token, NumberStyles.None, CultureInfo.InvariantCulture, out int id) || id >= vocabularySize)
                throw ApiException.Invalid($"Invalid key in 'logit_bias': {token}. Keys are token ids, 0 to {vocabularySize - 1}.",
                    "logit_bias",
                    "invalid_value");
            if (bias.Number(token, -100, 100) is { } value)
                result[id.ToString(CultureInfo.InvariantCulture)] = value;
        }

        return result;
    }
}

/// <summary>What a stream carries besides the answer.</summary>
/// <param name="IncludeUsage">A last chunk with the token counts.</param>
internal sealed record StreamOptions(bool IncludeUsage);

/// <summary>Speculative decoding for this request.</summary>
/// <param name="Enabled">False decodes plainly.</param>
internal sealed record SpeculationOptions(bool? Enabled);
