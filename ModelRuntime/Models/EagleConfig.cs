namespace Agentic.ModelRuntime;

/// <summary>Shape and switches of an EAGLE draft head, from the config.json of a published one.</summary>
/// <remarks>
/// Formats: speculators (vLLM), which states its switches; SafeAILab and SpecForge for EAGLE-3, which have none of them; SafeAILab's first form for
/// EAGLE-1, EAGLE-2 and HASS. Boundary b is the residual stream that enters layer b of the target. SpecForge's own switch "norm_output" means
/// something else than that of speculators, and always holds: it is not read.
/// </remarks>
internal sealed record EagleConfig
{
    /// <summary>The decoder layer: sizes, rotation, q/k norms, biases.</summary>
    public required ModelConfig Layer { get; init; }

    /// <summary>EAGLE-3: fed by several layers of the target, with a vocabulary and a scoring matrix of its own. Else EAGLE-1: fed by the target's
    /// last state after its norm, scored by the target's matrix.</summary>
    public required bool IsEagle3 { get; init; }

    /// <summary>Tokens the head can propose.</summary>
    public required int DraftVocabularySize { get; init; }

    /// <summary>Width of the target's residual stream.</summary>
    public required int TargetHiddenSize { get; init; }

    /// <summary>Where the target's states are taken.</summary>
    public required int[] Boundaries { get; init; }

    /// <summary>EAGLE-1's fusing layer has a bias.</summary>
    public bool FuseBias { get; init; }

    /// <summary>The residual is the normed hidden state.</summary>
    public bool NormBeforeResidual { get; init; }

    /// <summary>One norm over all target states side by side, before they are fused.</summary>
    public bool NormBeforeFuse { get; init; }

    /// <summary>A norm for each target state before they are fused (EAGLE-3.1).</summary>
    public bool NormEachState { get; init; }

    /// <summary>The next draft step continues from the state after the final norm (EAGLE-3.1).</summary>
    public bool FeedBackNormed { get; init; }

    /// <summary>Reads a head's config.json and holds it to the target.</summary>
    /// <param name="path">The file.</param>
    /// <param name="target">The model it drafts for.</param>
    /// <exception cref="ModelLoadException">It is no head, or one of another model.</exception>
    public static EagleConfig Read(string path, ModelConfig target)
    {
        JsonFile json = JsonFile.Read(path);
        EagleConfig config = json.String("speculators_model_type") is { } type ? ReadSpeculators(json, type, target)
            : json.Strings("architectures")?.FirstOrDefault() is { } name && name.Contains("Eagle3", StringComparison.Ordinal)
                ? ReadEagle3(json, name, target)
                : ReadEagle1(json, target);

        ModelConfig layer = config.Layer;
        if (layer.Layers != 1)
            throw new ModelLoadException($"{path}: the head has {layer.Layers} layers; heads of one layer are supported");
        if (layer.Experts is not null)
            throw new ModelLoadException($"{path}: the head's layer is a mixture of experts; a dense one is supported");
        if (layer.VocabularySize != target.VocabularySize)
            throw Foreign($"reads a vocabulary of {layer.VocabularySize} tokens, and the model has {target.VocabularySize}");
        if (config.TargetHiddenSize != target.HiddenSize)
            throw Foreign($"takes states of width {config.TargetHiddenSize}, and the model's have {target.HiddenSize}");
        if (config.DraftVocabularySize > target.VocabularySize)
            throw Foreign($"proposes {config.DraftVocabularySize} tokens, and the model has {target.VocabularySize}");
        for (int i = 0; i < config.Boundaries.Length; i++)
        {
            if (config.Boundaries[i] < (i == 0 ? 0 : config.Boundaries[i - 1] + 1) || config.Boundaries[i] > target.Layers)
                throw Foreign(
                    $"takes the states [{string.Join(", ", config.Boundaries)}], which should rise from 0 to the model's {target.Layers} layers");
        }

        return config;

        ModelLoadException Foreign(string what) => new($"{path}: the head {what}; it was made for another model");
    }

    private static EagleConfig ReadSpeculators(JsonFile json, string type, ModelConfig target)
    {
        if (type != "eagle3")
            throw new ModelLoadException($"{json.Path}: speculators_model_type \"{type}\" is not supported; supported is eagle3");
        JsonFile layer = json.Object("transformer_layer_config")
            ?? throw new ModelLoadException($"{json.Path} lacks \"transformer_layer_config\", which a head of speculators has");
        return new EagleConfig
        {
            Layer = ModelConfig.Read(layer, ModelConfig.ReadArchitecture(layer)),
            IsEagle3 = true,
            DraftVocabularySize = json.Size("draft_vocab_size"),
            TargetHiddenSize = json.Size("target_hidden_size", layer.Size("hidden_size")),
            Boundaries = json.Ints("eagle_aux_hidden_state_layer_ids") ?? DefaultBoundaries(json, target),
            NormBeforeResidual = json.Bool("norm_before_residual") ?? false,
            NormBeforeFuse = json.Bool("norm_before_fc") ?? false,
            NormEachState = json.Bool("fc_norm") ?? false,
            FeedBackNormed = json.Bool("norm_output") ?? false,
        };
    }

    private static EagleConfig ReadEagle3(JsonFile json, string name, ModelConfig target)
    {
        ModelConfig layer = ModelConfig.Read(json, ArchitectureIn(json, name.Replace("Eagle3", "", StringComparison.Ordinal)));
        int[]? boundaries = json.Ints("eagle_aux_hidden_state_layer_ids");
        if (boundaries is null)
        {
            // Of those in eagle_config SpecForge's default, and it alone, names the layers whose output is meant.
            boundaries = json.Object("eagle_config")?.Ints("eagle_aux_hidden_state_layer_ids");
            if (boundaries is not null && boundaries.AsSpan().SequenceEqual([1, (target.Layers / 2) - 1, target.Layers - 4]))
                boundaries = [.. boundaries.Select(id => id + 1)];
        }

        return new EagleConfig
        {
            Layer = layer,
            IsEagle3 = true,
            DraftVocabularySize = json.Size("draft_vocab_size", layer.VocabularySize),
            TargetHiddenSize = json.Size("target_hidden_size", layer.HiddenSize),
            Boundaries = boundaries ?? DefaultBoundaries(json, target),
        };
    }

    private static EagleConfig ReadEagle1(JsonFile json, ModelConfig target)
    {
        ModelConfig layer = ModelConfig.Read(
            json, ArchitectureIn(json, (json.Strings("architectures")?.FirstOrDefault() ?? "").Replace("Eagle", "", StringComparison.Ordinal)));
        return new EagleConfig
        {
            Layer = layer,
            IsEagle3 = false,
            DraftVocabularySize = target.VocabularySize,
            TargetHiddenSize = layer.HiddenSize,
            Boundaries = [target.Layers],
            FuseBias = json.Bool("bias") ?? true,
        };
    }

    /// <summary>The layer's own architecture, without the word for a head in its name; failing that by its model type.</summary>
    private static string ArchitectureIn(JsonFile json, string name) =>
        ModelConfig.IsSupported(name) ? name : ModelConfig.ReadArchitecture(json.String("model_type"), json.Path);

    private static int[] DefaultBoundaries(JsonFile json, ModelConfig target) => target.Layers >= 8
        ? [2, target.Layers / 2, target.Layers - 3]
        : throw new ModelLoadException(
            $"{json.Path} does not say which of the model's {target.Layers} layers feed the head; name them in eagle_aux_hidden_state_layer_ids");
}
