namespace Agentic.ModelRuntime;

/// <summary>A linear layer: [outputs, inputs] and, where the architecture has one, [outputs].</summary>
internal sealed record Projection(Weight Weight, Weight? Bias)
{
    public int Outputs => Weight.Shape[0];

    public int Inputs => Weight.Shape[1];

    /// <summary>Projections of one input as one of all their outputs, where their weights lie one after the other and have no biases. An output has the
    /// same bits; a step has fewer calls. Copied weights and most files' gate and up lie so.</summary>
    public static Projection? Joined(params ReadOnlySpan<Projection> parts)
    {
        int outputs = 0;
        for (int i = 0; i < parts.Length; i++)
        {
            if (parts[i].Bias is not null || (i > 0 && !parts[i - 1].Weight.IsFollowedBy(parts[i].Weight)))
                return null;
            outputs += parts[i].Outputs;
        }

        return new Projection(parts[0].Weight.Slice(0, outputs, parts[0].Inputs), null);
    }
}

/// <summary>down(silu(gate) · up): a dense MLP or one expert.</summary>
internal sealed record Mlp(Projection Gate, Projection Up, Projection Down)
{
    /// <summary>Gate and up in one, or null.</summary>
    public Projection? GateUp { get; } = Projection.Joined(Gate, Up);
}

/// <summary>A router and the experts it chooses from.</summary>
internal sealed record ExpertLayer(Projection Router, Mlp[] Experts);

/// <summary>Weights of one decoder layer; either <see cref="Dense"/> or <see cref="Sparse"/> is there.</summary>
internal sealed record LayerWeights(
    Weight InputNorm, Projection Query, Projection Key, Projection Value, Projection Output, Weight? QueryNorm, Weight? KeyNorm,
    Weight AttentionNorm, Mlp? Dense, ExpertLayer? Sparse)
{
    /// <summary>Queries, keys and values in one, or null.</summary>
    public Projection? QueryKeyValue { get; } = Projection.Joined(Query, Key, Value);
}

/// <summary>A transformer's weights, found by name and held to the shapes of its configuration.</summary>
internal sealed record TransformerWeights(Weight Embedding, LayerWeights[] Layers, Weight FinalNorm, Projection Head)
{
    private const string EmbeddingName = "model.embed_tokens.weight", HeadName = "lm_head.weight";

    /// <exception cref="ModelLoadException">A tensor is absent or of another shape.</exception>
    public static TransformerWeights Load(Checkpoint checkpoint, ModelConfig config)
    {
        // Tied tables are stored once, mostly under the embedding's name. A checkpoint with both has a head of its own.
        bool tied = config.TiedEmbeddings;
        string embedding = tied && !checkpoint.Contains(EmbeddingName) && checkpoint.Contains(HeadName) ? HeadName : EmbeddingName;
        string head = tied && !checkpoint.Contains(HeadName) ? EmbeddingName : HeadName;
        if (!tied && !checkpoint.Contains(HeadName) && checkpoint.Contains(EmbeddingName))
            throw new ModelLoadException(
                $"{checkpoint.Directory} lacks the tensor {HeadName}; if the model scores with its embedding table, config.json should say tie_word_embeddings: true");
        return new TransformerWeights(
            checkpoint.Get(embedding, config.VocabularySize, config.HiddenSize),
            [.. Enumerable.Range(0, config.Layers).Select(layer => LoadLayer(checkpoint, config, layer))],
            checkpoint.Get("model.norm.weight", config.HiddenSize),
            new Projection(checkpoint.Get(head, config.VocabularySize, config.HiddenSize), null));
    }

    private static LayerWeights LoadLayer(Checkpoint checkpoint, ModelConfig config, int layer)
    {
        string prefix = $"model.layers.{layer}.", attention = prefix + "self_attn.", mlp = prefix + "mlp.";
        int hidden = config.HiddenSize, queries = config.Heads * config.HeadDim, keys = config.KvHeads * config.HeadDim;
        bool sparse = config.Experts?.InLayer(layer) ?? false;
        return new LayerWeights(
            checkpoint.Get(prefix + "input_layernorm.weight", hidden),
            LoadProjection(checkpoint, attention + "q_proj", queries, hidden, config.QkvBias),
            LoadProjection(checkpoint, attention + "k_proj", keys, hidden, config.QkvBias),
            LoadProjection(checkpoint, attention + "v_proj", keys, hidden, config.QkvBias),
            LoadProjection(checkpoint, attention + "o_proj", hidden, queries, config.OutputBias),
            config.QueryKeyNorm ? checkpoint.Get(attention + "q_norm.weight", config.HeadDim) : null,
            config.QueryKeyNorm ? checkpoint.Get(attention + "k_norm.weight", config.HeadDim) : null,
            checkpoint.Get(prefix + "post_attention_layernorm.weight", hidden),
            sparse ? null : LoadMlp(checkpoint, mlp, hidden, config.IntermediateSize, config.MlpBias),
            sparse ? LoadExperts(checkpoint, mlp, hidden, config.Experts!) : null);
    }

    private static ExpertLayer LoadExperts(Checkpoint checkpoint, string prefix, int hidden, ExpertConfig config)
    {
        Projection router = LoadProjection(checkpoint, prefix + "gate", config.Count, hidden, bias: false);
        string stacked = prefix + "experts.gate_up_proj";
        if (!checkpoint.Contains(stacked))
            return new ExpertLayer(router, [.. Enumerable.Range(0, config.Count)
                .Select(expert => LoadMlp(checkpoint, $"{prefix}experts.{expert}.", hidden, config.IntermediateSize, bias: false))]);

        // Transformers 5 can also store all experts of a layer in two stacks, gate above up.
        int width = config.IntermediateSize;
        long matrix = (long)width * hidden;
        Weight gateUp = checkpoint.Get(stacked, config.Count, 2 * width, hidden), down = checkpoint.Get(prefix + "experts.down_proj", config.Count, hidden, width);
        return new ExpertLayer(router, [.. Enumerable.Range(0, config.Count).Select(expert => new Mlp(
            new Projection(gateUp.Slice(2 * expert * matrix, width, hidden), null),
            new Projection(gateUp.Slice(((2 * expert) + 1) * matrix, width, hidden), null),
            new Projection(down.Slice(expert * matrix, hidden, width), null)))]);
    }

    private static Mlp LoadMlp(Checkpoint checkpoint, string prefix, int hidden, int width, bool bias) => new(
        LoadProjection(checkpoint, prefix + "gate_proj", width, hidden, bias),
        LoadProjection(checkpoint, prefix + "up_proj", width, hidden, bias),
        LoadProjection(checkpoint, prefix + "down_proj", hidden, width, bias));

    private static Projection LoadProjection(Checkpoint checkpoint, string name, int outputs, int inputs, bool bias) =>
        new(checkpoint.Get(name + ".weight", outputs, inputs), bias ? checkpoint.Get(name + ".bias", outputs) : null);
}
