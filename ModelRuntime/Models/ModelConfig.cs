namespace Agentic.ModelRuntime;

/// <summary>Shape of a decoder-only transformer, from a checkpoint's config.json.</summary>
/// <remarks>Reads what transformers 4 and 5 write. A key that is absent has the default of its architecture in transformers 5; sizes that every
/// checkpoint states are required. What would change the mathematics and is not computed here is refused.</remarks>
internal sealed record ModelConfig
{
    private const string Supported = "supported are LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM and Qwen3MoeForCausalLM";

    public required string Architecture { get; init; }

    public required int VocabularySize { get; init; }

    public required int HiddenSize { get; init; }

    public required int Layers { get; init; }

    public required int Heads { get; init; }

    public required int KvHeads { get; init; }

    public required int HeadDim { get; init; }

    /// <summary>Width of a dense MLP.</summary>
    public required int IntermediateSize { get; init; }

    public required int MaxPositions { get; init; }

    public required float NormEpsilon { get; init; }

    public required RopeConfig Rope { get; init; }

    /// <summary>Biases of the query, key and value projections.</summary>
    public required bool QkvBias { get; init; }

    /// <summary>Bias of the attention's output projection.</summary>
    public required bool OutputBias { get; init; }

    public required bool MlpBias { get; init; }

    /// <summary>RMS norms of each query and key head before rotation.</summary>
    public required bool QueryKeyNorm { get; init; }

    /// <summary>The head scores with the embedding table, unless the checkpoint has a head of its own.</summary>
    public required bool TiedEmbeddings { get; init; }

    /// <summary>[layers] keys a row sees: those at positions above its own minus this; 0: all.</summary>
    public required int[] SlidingWindows { get; init; }

    /// <summary>Experts, or null for a dense model.</summary>
    public ExpertConfig? Experts { get; init; }

    /// <summary>Tokens that end an output, as config.json has them.</summary>
    public required int[] EosTokenIds { get; init; }

    public static ModelConfig Read(string path)
    {
        JsonFile json = JsonFile.Read(path);
        return Read(json, ReadArchitecture(json));
    }

    /// <summary>The shape as an object of a larger file has it.</summary>
    /// <param name="json">Sizes and switches.</param>
    /// <param name="architecture">One that is supported, whatever the object calls itself.</param>
    public static ModelConfig Read(JsonFile json, string architecture)
    {
        string path = json.Path;
        if (json.Find("quantization_config") is not null)
            throw new ModelLoadException($"{path}: quantized checkpoints are not supported; use the original in bf16, f16 or f32");
        if (json.String("hidden_act") is { } activation and not ("silu" or "swish"))
            throw new ModelLoadException($"{path}: hidden_act \"{activation}\" is not supported; supported is silu");

        bool llama = architecture == "LlamaForCausalLM", mistral = architecture == "MistralForCausalLM", qwen2 = architecture == "Qwen2ForCausalLM";
        bool mixture = architecture == "Qwen3MoeForCausalLM", qwen3 = architecture == "Qwen3ForCausalLM";
        int hidden = json.Size("hidden_size"), heads = json.Size("num_attention_heads"), layers = json.Size("num_hidden_layers");
        int kvHeads = json.Size("num_key_value_heads", llama || json.IsNull("num_key_value_heads") ? heads : mistral ? 8 : mixture ? 4 : 32);
        int headDim = json.Size("head_dim", qwen3 ? 128 : hidden / heads);
        if (heads % kvHeads != 0)
            throw new ModelLoadException($"{path}: num_attention_heads ({heads}) is no multiple of num_key_value_heads ({kvHeads})");
        if (headDim % 2 != 0)
            throw new ModelLoadException($"{path}: head_dim is {headDim} and should be even, for rotary embedding turns pairs");

        int maxPositions = json.Size("max_position_embeddings", llama ? 2048 : mistral ? 131072 : 32768);
        bool attentionBias = !mistral && !qwen2 && (json.Bool("attention_bias") ?? false);
        return new ModelConfig
        {
            Architecture = architecture,
            VocabularySize = json.Size("vocab_size"),
            HiddenSize = hidden,
            Layers = layers,
            Heads = heads,
            KvHeads = kvHeads,
            HeadDim = headDim,
            IntermediateSize = json.Size("intermediate_size"),
            MaxPositions = maxPositions,
            NormEpsilon = (float)(json.Number("rms_norm_eps") ?? 1e-6),
            Rope = RopeConfig.Read(json, maxPositions),
            QkvBias = qwen2 || attentionBias,
            OutputBias = attentionBias,
            MlpBias = llama && (json.Bool("mlp_bias") ?? false),
            QueryKeyNorm = qwen3 || mixture,
            TiedEmbeddings = json.Bool("tie_word_embeddings") ?? false,
            SlidingWindows = ReadSlidingWindows(json, architecture, layers),
            Experts = mixture ? ExpertConfig.Read(json) : null,
            EosTokenIds = json.Ints("eos_token_id") ?? [],
        };
    }

    /// <summary>The architecture the object names, or its model type stands for.</summary>
    public static string ReadArchitecture(JsonFile json) => json.Strings("architectures")?.FirstOrDefault() is not { } architecture
        ? ReadArchitecture(json.String("model_type"), json.Path)
        : IsSupported(architecture)
            ? architecture
            : throw new ModelLoadException($"{json.Path}: architecture {architecture} is not supported; {Supported}");

    /// <summary>The architecture a model type stands for.</summary>
    public static string ReadArchitecture(string? modelType, string path) => modelType switch
    {
        "llama" => "LlamaForCausalLM",
        "mistral" => "MistralForCausalLM",
        "qwen2" => "Qwen2ForCausalLM",
        "qwen3" => "Qwen3ForCausalLM",
        "qwen3_moe" => "Qwen3MoeForCausalLM",
        null => throw new ModelLoadException($"{path} names no \"architectures\" and no \"model_type\"; {Supported}"),
        _ => throw new ModelLoadException($"{path}: architecture {modelType} is not supported; {Supported}"),
    };

    public static bool IsSupported(string architecture) =>
        architecture is "LlamaForCausalLM" or "MistralForCausalLM" or "Qwen2ForCausalLM" or "Qwen3ForCausalLM" or "Qwen3MoeForCausalLM";

    /// <summary>Mistral and the Qwen3 mixture have one window for all layers; Qwen2 and Qwen3 name each layer's kind, or say from which layer on.
    /// Llama has none, whatever its file says.</summary>
    private static int[] ReadSlidingWindows(JsonFile json, string architecture, int layers)
    {
        int[] windows = new int[layers];
        if (architecture == "LlamaForCausalLM")
            return windows;
        bool perLayer = architecture is "Qwen2ForCausalLM" or "Qwen3ForCausalLM", mistral = architecture == "MistralForCausalLM";
        bool used = mistral ? !json.IsNull("sliding_window") : (json.Bool("use_sliding_window") ?? false) && !json.IsNull("sliding_window");
        int window = used ? json.Size("sliding_window", 4096) : 0;
        if (!perLayer)
        {
            Array.Fill(windows, window);
            return windows;
        }

        if (json.Strings("layer_types") is not { } types)
        {
            for (int layer = json.Int("max_window_layers") ?? 28; layer < layers; layer++)
                windows[layer] = window;
            return windows;
        }

        if (types.Length != layers)
            throw new ModelLoadException($"{json.Path}: layer_types names {types.Length} layers and num_hidden_layers is {layers}");
        for (int layer = 0; layer < layers; layer++)
        {
            windows[layer] = types[layer] switch
            {
                "full_attention" => 0,
                "sliding_attention" when window > 0 => window,
                "sliding_attention" => throw new ModelLoadException(
                    $"{json.Path}: layer_types has sliding_attention, but use_sliding_window is not true or sliding_window not set"),
                { } other => throw new ModelLoadException(
                    $"{json.Path}: layer type \"{other}\" is not supported; supported are full_attention and sliding_attention"),
            };
        }

        return windows;
    }
}

/// <summary>The experts of a mixture model (Qwen3-MoE).</summary>
/// <param name="Count">Experts of a layer.</param>
/// <param name="PerToken">Experts a token takes.</param>
/// <param name="IntermediateSize">Width of an expert.</param>
/// <param name="Normalize">Whether a token's expert weights are divided by their sum.</param>
/// <param name="SparseStep">Every this many layers one has experts.</param>
/// <param name="DenseLayers">Layers that never have.</param>
internal sealed record ExpertConfig(int Count, int PerToken, int IntermediateSize, bool Normalize, int SparseStep, int[] DenseLayers)
{
    public static ExpertConfig Read(JsonFile json)
    {
        int count = json.Int("num_experts") ?? json.Int("num_local_experts") ?? 128, perToken = json.Size("num_experts_per_tok", 8);
        if (count < 0 || (count > 0 && perToken > count))
            throw new ModelLoadException($"{json.Path}: num_experts_per_tok is {perToken}, num_experts {count}");
        return new ExpertConfig(
            count, perToken, json.Size("moe_intermediate_size", 768), json.Bool("norm_topk_prob") ?? false, json.Size("decoder_sparse_step", 1),
            json.Ints("mlp_only_layers") ?? []);
    }

    public bool InLayer(int layer) => Count > 0 && !DenseLayers.Contains(layer) && (layer + 1) % SparseStep == 0;
}
