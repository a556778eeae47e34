using System.Runtime.InteropServices;
using Agentic.Kernels;

namespace Agentic.ModelRuntime;

/// <summary>The decoder-only transformer of Llama 2 and 3, Mistral, Qwen2, Qwen3 and Qwen3-MoE.</summary>
/// <remarks>
/// One shape with switches: pre-norm, grouped-query attention with rotary embedding, a gated MLP or a mixture of them; some projections have
/// biases, some layers a sliding window, Qwen3 norms its heads. Activations lie as float32, rounded to the options' precision. Every operation
/// treats a row alike whatever the other rows are, so a token's logits have the same bits in a prefill chunk, in a draft tree and decoded alone.
/// </remarks>
public sealed unsafe class Transformer : ITargetModel, ITargetStates
{
    private readonly IKernels _kernels;
    private readonly Checkpoint? _checkpoint;
    private readonly ModelConfig _config;
    private readonly ModelOptions _options;
    private readonly RopeTable _rope;
    private readonly FeedForward _feedForward;
    private readonly float _attentionScale;
    private readonly int _qkvWidth;
    private readonly NativeArray<float> _residual = new(), _normed = new(), _delta = new(), _qkv = new(), _attention = new();
    private readonly NativeArray<float> _scoredResidual = new(), _scoredAttention = new(), _logits = new();
    private readonly SequenceLayout _sequences = new();
    private KvCache? _cache;
    private int[] _boundaries = [];
    private NativeArray<float>[] _boundaryStates = [];

    private Transformer(Checkpoint checkpoint, ModelConfig config, ModelOptions options, IKernels kernels)
        : this(TransformerWeights.Load(checkpoint, config), ModelFingerprint.Compute(config, checkpoint), config, options, kernels)
    {
        _checkpoint = checkpoint;
        checkpoint.DropCopied();
    }

    private Transformer(TransformerWeights weights, string fingerprint, ModelConfig config, ModelOptions options, IKernels kernels)
    {
        (_kernels, _config, _options, Weights, Fingerprint) = (kernels, config, options, weights, fingerprint);
        _rope = new RopeTable(config.Rope, config.HeadDim);
        _feedForward = new FeedForward(config, options.Precision, kernels);
        _attentionScale = (float)Math.Pow(config.HeadDim, -0.5);
        _qkvWidth = (config.Heads + (2 * config.KvHeads)) * config.HeadDim;
    }

    /// <inheritdoc/>
    public int VocabularySize => _config.VocabularySize;

    /// <inheritdoc/>
    public int MaxPositions => _config.MaxPositions;

    /// <inheritdoc/>
    public int BlockSize => _options.BlockSize;

    /// <inheritdoc/>
    public long KvBytesPerBlock => KvCache.BytesPerBlock(_config, _options);

    /// <inheritdoc/>
    public string Fingerprint { get; }

    internal ModelConfig Config => _config;

    internal TransformerWeights Weights { get; }

    /// <summary>Opens a Hugging Face checkpoint directory: config.json and safetensors.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="options">In which numbers it is kept and computed.</param>
    /// <param name="kernels">Where it computes. Stays the caller's, and outlives the model.</param>
    /// <exception cref="ModelLoadException">A file is absent, damaged, or of a model that is not supported.</exception>
    public static Transformer Load(string directory, ModelOptions options, IKernels kernels)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.BlockSize, 1, nameof(options));
        Checkpoint checkpoint = Checkpoint.Open(directory, options.Storage);
        try
        {
            return new Transformer(checkpoint, ModelConfig.Read(Path.Combine(directory, "config.json")), options, kernels);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Another model over these weights, with a KV pool and buffers of its own, for whoever compares engines turn by turn: only one of them
    /// computes at a time. This one outlives it.</summary>
    public Transformer Share() => new(Weights, Fingerprint, _config, _options, _kernels);

    /// <inheritdoc/>
    public void AllocateKv(int blocks)
    {
        if (_cache is not null)
            throw new InvalidOperationException("The KV pool is allocated already.");
        _cache = new KvCache(_config, _options, blocks);
    }

    /// <inheritdoc/>
    public StepLogits Forward(StepRows rows)
    {
        KvCache cache = _cache ?? throw new InvalidOperationException("The KV pool is not allocated yet.");
        int count = rows.RowCount;
        float* cosSin = _rope.Covering(Check(rows, cache) + 1);
        Reserve(count);
        fixed (int* tokens = rows.TokenIds, positions = rows.Positions, slots = rows.Slots, scored = rows.LogitRows)
        fixed (uint* ancestors = rows.Ancestors)
        {
            int sequences = _sequences.Lay(rows, ancestors, BlockSize);
            _kernels.Embed(new EmbedArgs
            {
                TokenIds = tokens,
                Table = Weights.Embedding.Pointer,
                TableType = Weights.Embedding.Type,
                Output = _residual.Data,
                Rows = count,
                Hidden = _config.HiddenSize,
            });

            float* residual = _residual.Data, attended = _attention.Data, delta = null;
            for (int layer = 0; layer < _config.Layers; layer++)
            {
                LayerWeights weights = Weights.Layers[layer];
                AddRmsNorm(delta, residual, weights.InputNorm, _normed.Data, count);
                Capture(layer, count);
                WriteKv(weights, cache.Layers[layer], cosSin, positions, slots, count);
                if (layer == _config.Layers - 1 && rows.LogitRows.Length < count && !Captured(_config.Layers))
                {
                    // Of the last layer's rows those that are not scored leave their keys and values, and nothing else is ever read of them.
                    sequences = _sequences.Lay(rows, ancestors, BlockSize, scoredOnly: true);
                    Attend(cache.Layers[layer], positions, sequences, _config.SlidingWindows[layer]);
                    count = rows.LogitRows.Length;
                    residual = Gather(residual, scored, count, _config.HiddenSize, _scoredResidual);
                    attended = Gather(attended, scored, count, _config.Heads * _config.HeadDim, _scoredAttention);
                }
                else
                {
                    Attend(cache.Layers[layer], positions, sequences, _config.SlidingWindows[layer]);
                }

                _kernels.Apply(weights.Output, attended, _delta.Data, _config.HiddenSize, count, _options.Precision);
                AddRmsNorm(_delta.Data, residual, weights.AttentionNorm, _normed.Data, count);
                _feedForward.Run(weights, _normed.Data, _delta.Data, count);
                delta = _delta.Data;
            }

            return Score(residual, delta, count, scored, rows.LogitRows.Length);
        }
    }

    /// <inheritdoc/>
    public void CommitKv(ReadOnlySpan<KvMove> moves)
    {
        KvCache cache = _cache ?? throw new InvalidOperationException("The KV pool is not allocated yet.");
        fixed (KvMove* first = moves)
            _kernels.CommitKv(new CommitKvArgs { LayerPools = cache.Layers, Layers = _config.Layers, Moves = first, MoveCount = moves.Length });
    }

    /// <summary>Keeps the residual stream at these boundaries in every later step, for a draft head: boundary b enters layer b, and the one after the
    /// last layer enters the final norm.</summary>
    internal void CaptureBoundaries(params int[] boundaries)
    {
        foreach (int boundary in boundaries)
            ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)boundary, (uint)_config.Layers, nameof(boundaries));
        foreach (NativeArray<float> states in _boundaryStates)
            states.Dispose();
        _boundaries = boundaries;
        _boundaryStates = [.. boundaries.Select(_ => new NativeArray<float>())];
    }

    /// <summary>[rows, hidden] of the last step at the boundary of this index in what was asked for. Valid until the next step.</summary>
    internal float* Boundary(int index) => _boundaryStates[index].Data;

    /// <inheritdoc/>
    int ITargetStates.StateSize => _boundaries.Length * _config.HiddenSize;

    /// <inheritdoc/>
    void ITargetStates.CopyState(int row, float* into)
    {
        int width = _config.HiddenSize;
        for (int i = 0; i < _boundaryStates.Length; i++)
            NativeMemory.Copy(_boundaryStates[i].Data + ((long)row * width), into + ((long)i * width), (nuint)width * sizeof(float));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (NativeArray<float> array in (ReadOnlySpan<NativeArray<float>>)
            [_residual, _normed, _delta, _qkv, _attention, _scoredResidual, _scoredAttention, _logits, .. _boundaryStates])
            array.Dispose();
        _sequences.Dispose();
        _feedForward.Dispose();
        _rope.Dispose();
        _cache?.Dispose();
        _checkpoint?.Dispose();
    }

    /// <summary>Refuses rows that would read or write outside a table, and returns the highest position.</summary>
    private int Check(StepRows rows, KvCache cache)
    {
        foreach (int token in rows.TokenIds)
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)token, (uint)_config.VocabularySize, nameof(rows));
        foreach (int slot in rows.Slots)
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)slot, (uint)cache.Slots, nameof(rows));
        int highest = 0;
        foreach (int position in rows.Positions)
            highest = Math.Max(highest, position);
        return highest;
    }

    private void Reserve(int rows)
    {
        _residual.Reserve((long)rows * _config.HiddenSize);
        _normed.Reserve((long)rows * _config.HiddenSize);
        _delta.Reserve((long)rows * _config.HiddenSize);
        _qkv.Reserve((long)rows * _qkvWidth);
        _attention.Reserve((long)rows * _config.Heads * _config.HeadDim);
    }

    /// <summary>The rows' queries, and their keys and values in the cache.</summary>
    private void WriteKv(LayerWeights weights, KvLayer cache, float* cosSin, int* positions, int* slots, int rows)
    {
        int queries = _config.Heads * _config.HeadDim, keys = _config.KvHeads * _config.HeadDim;
        _kernels.Apply(weights.QueryKeyValue ?? weights.Query, _normed.Data, _qkv.Data, _qkvWidth, rows, _options.Precision);
        if (weights.QueryKeyValue is null)
        {
            _kernels.Apply(weights.Key, _normed.Data, _qkv.Data + queries, _qkvWidth, rows, _options.Precision);
            _kernels.Apply(weights.Value, _normed.Data, _qkv.Data + queries + keys, _qkvWidth, rows, _options.Precision);
        }

        _kernels.RopeWriteKv(new RopeWriteKvArgs
        {
            Qkv = _qkv.Data,
            QueryNorm = weights.QueryNorm is { } queryNorm ? queryNorm.Pointer : null,
            KeyNorm = weights.KeyNorm is { } keyNorm ? keyNorm.Pointer : null,
            NormType = weights.QueryNorm?.Type ?? default,
            Epsilon = _config.NormEpsilon,
            CosSin = cosSin,
            Positions = positions,
            Slots = slots,
            Kv = cache,
            Rows = rows,
            Heads = _config.Heads,
            Precision = _options.Precision,
        });
    }

    private void Attend(KvLayer cache, int* positions, int sequences, int slidingWindow) => _kernels.TreeAttention(new TreeAttentionArgs
    {
        Query = _qkv.Data,
        QueryStride = _qkvWidth,
        Output = _attention.Data,
        Positions = positions,
        Sequences = _sequences.Data,
        SequenceCount = sequences,
        Kv = cache,
        Heads = _config.Heads,
        Scale = _attentionScale,
        SlidingWindow = slidingWindow,
        Precision = _options.Precision,
    });

    /// <summary>Final norm and head of the rows whose logits are wanted: a prefill chunk in mid-prompt wants none.</summary>
    private StepLogits Score(float* residual, float* delta, int rows, int* scored, int count)
    {
        if (Captured(_config.Layers))
        {
            AddRmsNorm(delta, residual, Weights.FinalNorm, _normed.Data, rows);
            Capture(_config.Layers, rows);
            delta = null;
            if (count < rows)
                residual = Gather(residual, scored, count, _config.HiddenSize, _scoredResidual);
        }

        float* logits = _logits.Reserve((long)count * VocabularySize);
        AddRmsNorm(delta, residual, Weights.FinalNorm, _normed.Data, count);
        _kernels.Apply(Weights.Head, _normed.Data, logits, VocabularySize, count, _options.Precision);
        return new StepLogits(logits, count, VocabularySize);
    }

    private float* Gather(float* input, int* indices, int count, int width, NativeArray<float> output)
    {
        output.Reserve((long)count * width);
        _kernels.GatherRows(new GatherRowsArgs { Input = input, RowIndices = indices, Output = output.Data, Rows = count, Width = width });
        return output.Data;
    }

    private void AddRmsNorm(float* delta, float* residual, Weight weight, float* output, int rows) => _kernels.AddRmsNorm(new AddRmsNormArgs
    {
        Delta = delta,
        Residual = residual,
        Weight = weight.Pointer,
        WeightType = weight.Type,
        Output = output,
        Rows = rows,
        Hidden = _config.HiddenSize,
        Epsilon = _config.NormEpsilon,
        Precision = _options.Precision,
    });

    private bool Captured(int boundary) => Array.IndexOf(_boundaries, boundary) >= 0;

    private void Capture(int boundary, int rows)
    {
        for (int i = 0; i < _boundaries.Length; i++)
        {
            long length = (long)rows * _config.HiddenSize;
            if (_boundaries[i] == boundary)
                NativeMemory.Copy(_residual.Data, _boundaryStates[i].Reserve(length), (nuint)(length * sizeof(float)));
        }
    }
}
