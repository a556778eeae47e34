using System.Runtime.InteropServices;
using Agentic.Kernels;

namespace Agentic.ModelRuntime;

/// <summary>An EAGLE draft head: one decoder layer that guesses the target's next states from its last ones and the token that followed.</summary>
/// <remarks>
/// EAGLE-3 (arXiv 2503.01840) with the options of 3.1, and EAGLE-1 (arXiv 2401.15077), whose weights EAGLE-2 and HASS share. A row is the pair
/// of the hidden state at position i and the token at i + 1, and stands at position i; it scores the token at i + 2. The hidden state is what
/// <see cref="FuseStates"/> makes of the target's states where they are known, and what the head itself put out for the row before where they are not.
/// </remarks>
internal sealed unsafe class EagleHead : IDraftHead, IDisposable
{
    private readonly IKernels _kernels;
    private readonly EagleWeights _weights;
    private readonly TransformerWeights _target;
    private readonly RopeTable _rope;
    private readonly FeedForward _feedForward;
    private readonly float _targetEpsilon;
    private readonly SequenceLayout _sequences = new();
    private readonly NativeArray<float> _states = new(), _normed = new(), _input = new(), _residual = new(), _qkv = new(), _attention = new();
    private readonly NativeArray<float> _delta = new(), _scoredAttention = new(), _logits = new();
    private Checkpoint? _checkpoint;
    private TrimmedHead? _trimmed;
    private KvCache? _cache;

    private EagleHead(EagleWeights weights, EagleConfig config, TransformerWeights target, float targetEpsilon, IKernels kernels, int blockSize)
    {
        (_weights, Config, _target, _targetEpsilon, _kernels, BlockSize) = (weights, config, target, targetEpsilon, kernels, blockSize);
        _rope = new RopeTable(config.Layer.Rope, config.Layer.HeadDim);
        _feedForward = new FeedForward(config.Layer, ElementType.Float32, kernels);
    }

    public EagleConfig Config { get; }

    /// <inheritdoc/>
    public int HiddenSize => Config.Layer.HiddenSize;

    /// <inheritdoc/>
    public int VocabularySize => Config.DraftVocabularySize;

    /// <inheritdoc/>
    public int MaxPositions => Config.Layer.MaxPositions;

    /// <inheritdoc/>
    public int BlockSize { get; }

    /// <summary>Opens a directory with a head's config.json and weights.</summary>
    /// <param name="directory">Of SafeAILab, SpecForge or speculators; safetensors or pytorch_model.bin.</param>
    /// <param name="target">The model it drafts for; stays the caller's and outlives the head.</param>
    /// <param name="kernels">Where it computes; likewise.</param>
    /// <param name="blockSize">Pairs of one KV block.</param>
    /// <exception cref="ModelLoadException">It is no head, a damaged one, or one of another model.</exception>
    public static EagleHead Load(string directory, Transformer target, IKernels kernels, int blockSize = 16)
    {
        Checkpoint checkpoint = Checkpoint.Open(directory);
        try
        {
            EagleConfig config = EagleConfig.Read(Path.Combine(directory, "config.json"), target.Config);
            EagleWeights weights = EagleWeights.Load(checkpoint, config, target.Weights);
            checkpoint.DropCopied();
            TrimmedHead? trimmed = config.IsEagle3 ? null : TrimmedHead.Find(directory, weights.Head);
            if (trimmed is not null)
            {
                weights = weights with { Head = trimmed.Projection, TargetTokens = trimmed.TargetTokens };
                config = config with { DraftVocabularySize = trimmed.TargetTokens.Length };
            }

            return new EagleHead(weights, config, target.Weights, target.Config.NormEpsilon, kernels, blockSize)
            {
                _checkpoint = checkpoint,
                _trimmed = trimmed,
            };
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Another head over these weights, with a KV pool and buffers of its own. Only one of them computes at a time; this one outlives it.</summary>
    public EagleHead Share() => new(_weights, Config, _target, _targetEpsilon, _kernels, BlockSize);

    /// <inheritdoc/>
    public void AllocateKv(int blocks)
    {
        if (_cache?.Slots == blocks * BlockSize)
            return;
        _cache?.Dispose();
        _cache = new KvCache(Config.Layer, new ModelOptions(BlockSize: BlockSize), blocks);
    }

    /// <inheritdoc/>
    public void CopyKv(ReadOnlySpan<KvMove> moves)
    {
        KvCache cache = _cache ?? throw new InvalidOperationException("The KV pool is not allocated yet.");
        fixed (KvMove* first = moves)
            _kernels.CommitKv(new CommitKvArgs { LayerPools = cache.Layers, Layers = 1, Moves = first, MoveCount = moves.Length });
    }

    /// <inheritdoc/>
    public int TargetToken(int draftToken) => _weights.TargetTokens is int[] tokens ? tokens[draftToken] : draftToken;

    /// <summary>Hidden states from the target's, boundary by boundary.</summary>
    /// <param name="states">[boundaries] pointers to [rows, target hidden].</param>
    /// <param name="rows">Rows.</param>
    /// <param name="output">[rows, hidden], written.</param>
    public void Fuse(ReadOnlySpan<nint> states, int rows, float* output)
    {
        int width = Config.TargetHiddenSize, all = width * states.Length;
        float* joined = _states.Reserve((long)rows * all);
        for (int i = 0; i < states.Length; i++)
            CopyColumns((float*)states[i], width, joined + (i * width), all, rows);
        FuseStates(joined, rows, output);
    }

    /// <inheritdoc/>
    public void FuseStates(float* states, int rows, float* output)
    {
        int width = Config.TargetHiddenSize, boundaries = Config.Boundaries.Length, all = width * boundaries;
        float epsilon = Config.Layer.NormEpsilon;
        if (!Config.IsEagle3)
        {
            Norm(states, _target.FinalNorm, width, output, rows, _targetEpsilon);
            return;
        }

        if (Config.NormEachState)
        {
            float* normed = _normed.Reserve((long)rows * all);
            for (int i = 0; i < boundaries; i++)
                Norm(states + (i * width), _weights.StateNorms[i], width, normed + (i * width), rows, epsilon, all, all);
            states = normed;
        }
        else if (Config.NormBeforeFuse)
        {
            float* normed = _normed.Reserve((long)rows * all);
            Norm(states, _weights.StateNorms[0], all, normed, rows, epsilon);
            states = normed;
        }

        _kernels.Apply(_weights.Fuse, states, output, HiddenSize, rows, ElementType.Float32);
    }

    /// <inheritdoc/>
    /// <remarks>Of rows that are not scored only keys and values are computed: they depend on the pair alone, so catching up is cheap.</remarks>
    public StepLogits Forward(StepRows rows, float* hidden, float* output)
    {
        KvCache cache = _cache ?? throw new InvalidOperationException("The KV pool is not allocated yet.");
        int count = rows.RowCount, highest = 0, scoredCount = rows.LogitRows.Length;
        foreach (int position in rows.Positions)
            highest = Math.Max(highest, position);
        float* cosSin = _rope.Covering(highest + 1);
        float* residual = _residual.Reserve((long)scoredCount * HiddenSize), delta = _delta.Reserve((long)count * HiddenSize);
        float* input = _input.Reserve((long)count * 2 * HiddenSize), normed = _normed.Reserve((long)count * 2 * HiddenSize);
        fixed (int* tokens = rows.TokenIds, positions = rows.Positions, slots = rows.Slots, scored = rows.LogitRows)
        fixed (uint* ancestors = rows.Ancestors)
        {
            int sequences = _sequences.Lay(rows, ancestors, BlockSize, scoredOnly: true);
            Join(tokens, hidden, input, delta, normed, count);
            float* attended = Attend(input, cache, cosSin, positions, slots, rows.LogitRows, sequences, count);
            if (scoredCount < count)
                attended = Gather(attended, scored, scoredCount, Config.Layer.Heads * Config.Layer.HeadDim, _scoredAttention);
            KeepResidual(input, hidden, residual, rows.LogitRows);

            _kernels.Apply(_weights.Output, attended, delta, HiddenSize, scoredCount, ElementType.Float32);
            AddNorm(delta, residual, _weights.AttentionNorm, HiddenSize, normed, scoredCount, Config.Layer.NormEpsilon);
            _feedForward.Run(_weights.Mlp, normed, delta, scoredCount);
            return Score(delta, residual, normed, output, scoredCount);
        }
    }

    public void Dispose()
    {
        foreach (NativeArray<float> array in (ReadOnlySpan<NativeArray<float>>)
            [_states, _normed, _input, _residual, _qkv, _attention, _delta, _scoredAttention, _logits])
            array.Dispose();
        _sequences.Dispose();
        _feedForward.Dispose();
        _rope.Dispose();
        _cache?.Dispose();
        _trimmed?.Dispose();
        _checkpoint?.Dispose();
    }

    /// <summary>What the attention is projected from: embedding and state side by side, the embedding first, or of EAGLE-1 what they are fused to.</summary>
    private void Join(int* tokens, float* hidden, float* input, float* embedded, float* joined, int rows)
    {
        int width = HiddenSize;
        _kernels.Embed(new EmbedArgs
        {
            TokenIds = tokens,
            Table = _weights.Embedding.Pointer,
            TableType = _weights.Embedding.Type,
            Output = embedded,
            Rows = rows,
            Hidden = width,
        });
        if (Config.IsEagle3)
        {
            Norm(embedded, _weights.EmbeddingNorm!, width, input, rows, Config.Layer.NormEpsilon, outputStride: 2 * width);
            Norm(hidden, _weights.HiddenNorm!, width, input + width, rows, Config.Layer.NormEpsilon, outputStride: 2 * width);
            return;
        }

        CopyColumns(embedded, width, joined, 2 * width, rows);
        CopyColumns(hidden, width, joined + width, 2 * width, rows);
        _kernels.Apply(_weights.Fuse, joined, input, width, rows, ElementType.Float32);
    }

    /// <summary>The residual stream of the scored rows, [scored rows, hidden].</summary>
    private void KeepResidual(float* input, float* hidden, float* residual, ReadOnlySpan<int> scored)
    {
        int width = HiddenSize;
        float* source = !Config.IsEagle3 ? input : Config.NormBeforeResidual ? input + width : hidden;
        int stride = Config.IsEagle3 && Config.NormBeforeResidual ? 2 * width : width;
        for (int i = 0; i < scored.Length; i++)
            NativeMemory.Copy(source + ((long)scored[i] * stride), residual + ((long)i * width), (nuint)width * sizeof(float));
    }

    /// <summary>Writes all rows' keys and values, and attends with those that are scored.</summary>
    /// <returns>[rows, heads · head dim]; of rows that are not scored, anything.</returns>
    private float* Attend(
        float* input, KvCache cache, float* cosSin, int* positions, int* slots, ReadOnlySpan<int> scored, int sequences, int rows)
    {
        ModelConfig shape = Config.Layer;
        int queries = shape.Heads * shape.HeadDim, keys = shape.KvHeads * shape.HeadDim, width = queries + (2 * keys);
        int inputs = Config.IsEagle3 ? 2 * HiddenSize : HiddenSize;
        float* qkv = _qkv.Reserve((long)rows * width), attended = _attention.Reserve((long)rows * queries);
        if (scored.Length == rows && _weights.QueryKeyValue is { } all)
        {
            _kernels.Apply(all, input, qkv, width, rows, ElementType.Float32);
        }
        else
        {
            int together = scored.Length == rows ? rows : 1;
            for (int i = 0; i < scored.Length; i += together)
                _kernels.Apply(_weights.Query, input + ((long)scored[i] * inputs), qkv + ((long)scored[i] * width), width, together, ElementType.Float32);
            _kernels.Apply(_weights.KeyValue ?? _weights.Key, input, qkv + queries, width, rows, ElementType.Float32);
            if (_weights.KeyValue is null)
                _kernels.Apply(_weights.Value, input, qkv + queries + keys, width, rows, ElementType.Float32);
        }

        _kernels.RopeWriteKv(new RopeWriteKvArgs
        {
            Qkv = qkv,
            QueryNorm = _weights.QueryNorm is { } queryNorm ? queryNorm.Pointer : null,
            KeyNorm = _weights.KeyNorm is { } keyNorm ? keyNorm.Pointer : null,
            NormType = _weights.QueryNorm?.Type ?? default,
            Epsilon = shape.NormEpsilon,
            CosSin = cosSin,
            Positions = positions,
            Slots = slots,
            Kv = cache.Layers[0],
            Rows = rows,
            Heads = shape.Heads,
        });
        _kernels.TreeAttention(new TreeAttentionArgs
        {
            Query = qkv,
            QueryStride = width,
            Output = attended,
            Positions = positions,
            Sequences = _sequences.Data,
            SequenceCount = sequences,
            Kv = cache.Layers[0],
            Heads = shape.Heads,
            Scale = (float)Math.Pow(shape.HeadDim, -0.5),
            SlidingWindow = shape.SlidingWindows[0],
        });
        return attended;
    }

    /// <summary>Adds the layer's last part, hands out what the next draft step continues from, and scores.</summary>
    private StepLogits Score(float* delta, float* residual, float* normed, float* output, int rows)
    {
        long bytes = (long)rows * HiddenSize * sizeof(float);
        float* state = residual;
        if (_weights.FinalNorm is { } norm)
        {
            AddNorm(delta, residual, norm, HiddenSize, normed, rows, Config.Layer.NormEpsilon);
            state = normed;
        }
        else
        {
            for (long i = 0; i < (long)rows * HiddenSize; i++)
                residual[i] += delta[i];
        }

        NativeMemory.Copy(Config.FeedBackNormed ? normed : residual, output, (nuint)bytes);
        float* logits = _logits.Reserve((long)rows * Config.DraftVocabularySize);
        if (rows > 0)
            _kernels.Apply(_weights.Head, state, logits, Config.DraftVocabularySize, rows, ElementType.Float32);
        return new StepLogits(logits, rows, Config.DraftVocabularySize);
    }

    private float* Gather(float* input, int* rows, int count, int width, NativeArray<float> output)
    {
        output.Reserve((long)count * width);
        _kernels.GatherRows(new GatherRowsArgs { Input = input, RowIndices = rows, Output = output.Data, Rows = count, Width = width });
        return output.Data;
    }

    private void Norm(
        float* input, Weight weight, int width, float* output, int rows, float epsilon, int inputStride = 0, int outputStride = 0) =>
        AddNorm(null, input, weight, width, output, rows, epsilon, inputStride, outputStride);

    private void AddNorm(
        float* delta, float* residual, Weight weight, int width, float* output, int rows, float epsilon, int residualStride = 0, int outputStride = 0) =>
        _kernels.AddRmsNorm(new AddRmsNormArgs
        {
            Delta = delta,
            Residual = residual,
            Weight = weight.Pointer,
            WeightType = weight.Type,
            Output = output,
            ResidualStride = residualStride,
            OutputStride = outputStride,
            Rows = rows,
            Hidden = width,
            Epsilon = epsilon,
        });

    /// <summary>[rows, width] into columns of a wider matrix.</summary>
    private static void CopyColumns(float* source, int width, float* target, int stride, int rows)
    {
        for (int row = 0; row < rows; row++)
            NativeMemory.Copy(source + ((long)row * width), target + ((long)row * stride), (nuint)width * sizeof(float));
    }
}
