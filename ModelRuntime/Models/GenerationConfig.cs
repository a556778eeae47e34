namespace Agentic.ModelRuntime;

/// <summary>What a model's makers recommend for generating: generation_config.json. A null says nothing.</summary>
/// <remarks>A request's own parameters go first. With <see cref="DoSample"/> false, a request that names no temperature is decoded greedily.</remarks>
public sealed record GenerationConfig
{
    /// <summary>Tokens that end an output; from config.json where generation_config.json names none.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [];

    /// <summary>Token a sequence begins with.</summary>
    public int? BosTokenId { get; init; }

    /// <summary>Token that fills batches; never generated.</summary>
    public int? PadTokenId { get; init; }

    /// <summary>Whether the model is meant to be sampled from.</summary>
    public bool? DoSample { get; init; }

    /// <summary>Divides the logits.</summary>
    public float? Temperature { get; init; }

    /// <summary>Probability mass kept, in (0, 1].</summary>
    public float? TopP { get; init; }

    /// <summary>Tokens kept; 0: all.</summary>
    public int? TopK { get; init; }

    /// <summary>Least probability kept, as a share of the best token's.</summary>
    public float? MinP { get; init; }

    /// <summary>Divides positive and multiplies negative logits of tokens seen before; 1: off.</summary>
    public float? RepetitionPenalty { get; init; }

    /// <summary>Most tokens of an output.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary>Reads generation_config.json of a model directory, and end tokens from config.json where it has none.</summary>
    /// <exception cref="ModelLoadException">A file is no JSON, or a key's value is of the wrong kind.</exception>
    public static GenerationConfig Read(string directory)
    {
        string path = Path.Combine(directory, "generation_config.json"), model = Path.Combine(directory, "config.json");
        JsonFile? json = File.Exists(path) ? JsonFile.Read(path) : null, config = File.Exists(model) ? JsonFile.Read(model) : null;
        return new GenerationConfig
        {
            EosTokenIds = json?.Ints("eos_token_id") ?? config?.Ints("eos_token_id") ?? [],
            BosTokenId = json?.Int("bos_token_id") ?? config?.Int("bos_token_id"),
            PadTokenId = json?.Int("pad_token_id") ?? config?.Int("pad_token_id"),
            DoSample = json?.Bool("do_sample"),
            Temperature = (float?)json?.Number("temperature"),
            TopP = (float?)json?.Number("top_p"),
            TopK = json?.Int("top_k"),
            MinP = (float?)json?.Number("min_p"),
            RepetitionPenalty = (float?)json?.Number("repetition_penalty"),
            MaxNewTokens = json?.Int("max_new_tokens"),
        };
    }
}
