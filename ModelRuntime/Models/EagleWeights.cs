using Agentic.Kernels;

namespace Agentic.ModelRuntime;

/// <summary>A draft head's weights, found by name and held to the shapes of its configuration.</summary>
/// <remarks>
/// Embedding is [vocabulary, hidden], the head's own or the target's. StateNorms are one for each target state (EAGLE-3.1), one for all side by
/// side, or none. Fuse takes target states to hidden (EAGLE-3), or embedding and state (EAGLE-1). TargetTokens is [draft vocabulary], the target's
/// id of each draft token, or null where they are the same. EAGLE-1 has no norm but AttentionNorm, and the target's head.
/// </remarks>
internal sealed record EagleWeights(
    Weight Embedding, Weight[] StateNorms, Projection Fuse, Weight? EmbeddingNorm, Weight? HiddenNorm, Projection Query, Projection Key,
    Projection Value, Projection Output, Weight? QueryNorm, Weight? KeyNorm, Weight AttentionNorm, Mlp Mlp, Weight? FinalNorm, Projection Head,
    int[]? TargetTokens)
{
    /// <summary>Queries, keys and values in one, or null.</summary>
    public Projection? QueryKeyValue { get; } = Projection.Joined(Query, Key, Value);

    /// <summary>Keys and values in one, or null.</summary>
    public Projection? KeyValue { get; } = Projection.Joined(Key, Value);

    /// <exception cref="ModelLoadException">A tensor is absent, unknown, of another shape, or holds what is no number.</exception>
    public static EagleWeights Load(Checkpoint checkpoint, EagleConfig config, TransformerWeights target)
    {
        var reader = new Reader(checkpoint);
        ModelConfig shape = config.Layer;
        int hidden = shape.HiddenSize, queries = shape.Heads * shape.HeadDim, keys = shape.KvHeads * shape.HeadDim;
        int states = config.Boundaries.Length * config.TargetHiddenSize, input = config.IsEagle3 ? 2 * hidden : hidden;
        string layer = checkpoint.Names.Any(name => name.StartsWith("midlayer.", StringComparison.Ordinal)) ? "midlayer." : "layers.0.";
        string attention = layer + "self_attn.", mlp = layer + "mlp.";
        var weights = new EagleWeights(
            TargetTokens: LoadTargetTokens(reader, config),
            Embedding: LoadEmbedding(reader, config, target),
            StateNorms: config.NormEachState
                ? [.. Enumerable.Range(0, config.Boundaries.Length).Select(i => reader.Get($"fc_norm.{i}.weight", config.TargetHiddenSize))]
                : config.NormBeforeFuse ? [reader.Get("input_norm.weight", states)] : [],
            Fuse: reader.Projection("fc", hidden, config.IsEagle3 ? states : hidden + config.TargetHiddenSize, config.FuseBias),
            EmbeddingNorm: config.IsEagle3 ? reader.Get(layer + "input_layernorm.weight", hidden) : null,
            HiddenNorm: config.IsEagle3 ? reader.Get(layer + "hidden_norm.weight", hidden) : null,
            Query: reader.Projection(attention + "q_proj", queries, input, shape.QkvBias),
            Key: reader.Projection(attention + "k_proj", keys, input, shape.QkvBias),
            Value: reader.Projection(attention + "v_proj", keys, input, shape.QkvBias),
            Output: reader.Projection(attention + "o_proj", hidden, queries, shape.OutputBias),
            QueryNorm: shape.QueryKeyNorm ? reader.Get(attention + "q_norm.weight", shape.HeadDim) : null,
            KeyNorm: shape.QueryKeyNorm ? reader.Get(attention + "k_norm.weight", shape.HeadDim) : null,
            AttentionNorm: reader.Get(layer + "post_attention_layernorm.weight", hidden),
            Mlp: new Mlp(
                reader.Projection(mlp + "gate_proj", shape.IntermediateSize, hidden, shape.MlpBias),
                reader.Projection(mlp + "up_proj", shape.IntermediateSize, hidden, shape.MlpBias),
                reader.Projection(mlp + "down_proj", hidden, shape.IntermediateSize, shape.MlpBias)),
            FinalNorm: config.IsEagle3 ? reader.Get("norm.weight", hidden) : null,
            Head: config.IsEagle3 ? reader.Projection("lm_head", config.DraftVocabularySize, hidden, bias: false) : target.Head);
        reader.RefuseTheRest();
        return weights;
    }

    private static Weight LoadEmbedding(Reader reader, EagleConfig config, TransformerWeights target)
    {
        const string Name = "embed_tokens.weight";
        bool own = reader.Checkpoint.Contains(Name);
        int hidden = config.Layer.HiddenSize;

        // EAGLE-1 heads carry a copy of the target's table.
        if (own && (config.IsEagle3 || hidden != config.TargetHiddenSize))
            return reader.Get(Name, config.Layer.VocabularySize, hidden);
        reader.Ignore(Name);
        return hidden == config.TargetHiddenSize
            ? target.Embedding
            : throw new ModelLoadException(
                $"{reader.Checkpoint.Directory} lacks the tensor {Name}, and the model's own table has rows of {config.TargetHiddenSize}, not {hidden}");
    }

    private static int[]? LoadTargetTokens(Reader reader, EagleConfig config)
    {
        reader.Ignore("t2d");
        if (!reader.Checkpoint.Contains("d2t"))
        {
            return config.DraftVocabularySize == config.Layer.VocabularySize
                ? null
                : throw new ModelLoadException(
                    $"{reader.Checkpoint.Directory} lacks the tensor d2t, without which {config.DraftVocabularySize} draft tokens have no meaning; "
                    + "fetch the whole head");
        }

        return TokensOf(reader.Integers("d2t", config.DraftVocabularySize), config.Layer.VocabularySize, reader.Checkpoint.Directory);
    }

    /// <summary>The target's tokens by what d2t adds to each of the head's.</summary>
    /// <exception cref="ModelLoadException">They do not rise, or leave the vocabulary.</exception>
    public static int[] TokensOf(ReadOnlySpan<long> offsets, int vocabularySize, string source)
    {
        int[] tokens = new int[offsets.Length];
        for (int i = 0; i < tokens.Length; i++)
        {
            long token = i + offsets[i];
            if (token < 0 || token >= vocabularySize || (i > 0 && token <= tokens[i - 1]))
                throw new ModelLoadException($"{source}: d2t maps draft token {i} to {token}; tokens should rise and stay below {vocabularySize}");
            tokens[i] = (int)token;
        }

        return tokens;
    }

    /// <summary>Takes tensors from a checkpoint and remembers which.</summary>
    private sealed class Reader(Checkpoint checkpoint)
    {
        private readonly HashSet<string> _taken = new(StringComparer.Ordinal);

        public Checkpoint Checkpoint => checkpoint;

        public void Ignore(string name) => _taken.Add(name);

        public Weight Get(string name, params int[] shape)
        {
            _taken.Add(name);
            Weight weight = checkpoint.Get(name, shape);
            return AllFinite(weight)
                ? weight
                : throw new ModelLoadException($"{checkpoint.Directory}: tensor {name} holds values that are no numbers; the head is broken");
        }

        public long[] Integers(string name, int length)
        {
            _taken.Add(name);
            return checkpoint.Integers(name, length);
        }

        public Projection Projection(string name, int outputs, int inputs, bool bias) =>
            new(Get(name + ".weight", outputs, inputs), bias ? Get(name + ".bias", outputs) : null);

        /// <summary>A tensor that nobody took means that the head computes something else than what was read from its configuration.</summary>
        public void RefuseTheRest()
        {
            string? unknown = checkpoint.Names.FirstOrDefault(
                name => !_taken.Contains(name) && !name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal));
            if (unknown is not null)
                throw new ModelLoadException(
                    $"{checkpoint.Directory} has the tensor {unknown}, which a head of its configuration does not have: config.json and weights do not belong together");
        }

        private static unsafe bool AllFinite(Weight weight)
        {
            for (long i = 0; i < weight.Elements; i++)
            {
                bool finite = weight.Type switch
                {
                    ElementType.Float32 => float.IsFinite(((float*)weight.Data)[i]),
                    ElementType.Float16 => Half.IsFinite(((Half*)weight.Data)[i]),
                    _ => (((ushort*)weight.Data)[i] & 0x7F80) != 0x7F80,
                };
                if (!finite)
                    return false;
            }

            return true;
        }
    }
}
