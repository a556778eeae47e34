using Agentic.Kernels;

namespace Agentic.ModelRuntime;

/// <summary>The paged KV pools of all layers, each laid out as <see cref="KvLayer"/> says.</summary>
internal sealed unsafe class KvCache : IDisposable
{
    private readonly NativeArray<byte>[] _pools;
    private readonly NativeArray<KvLayer> _layers = new();

    public KvCache(ModelConfig config, ModelOptions options, int blocks)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(blocks, 1);
        Slots = blocks * options.BlockSize;
        _pools = new NativeArray<byte>[config.Layers];
        _layers.Reserve(config.Layers);
        for (int layer = 0; layer < config.Layers; layer++)
        {
            _pools[layer] = new NativeArray<byte>(BytesPerBlock(config, options) / config.Layers * blocks);
            _layers.Data[layer] = new KvLayer
            {
                Data = _pools[layer].Data,
                Type = options.Precision,
                KvHeads = config.KvHeads,
                HeadDim = config.HeadDim,
                BlockSize = options.BlockSize,
            };
        }
    }

    /// <summary>[layers] pools.</summary>
    public KvLayer* Layers => _layers.Data;

    /// <summary>Slots of a pool.</summary>
    public int Slots { get; }

    /// <summary>Bytes of one block over all layers.</summary>
    public static long BytesPerBlock(ModelConfig config, ModelOptions options) =>
        2L * config.Layers * config.KvHeads * options.BlockSize * config.HeadDim * Weight.BytesOf(options.Precision);

    public void Dispose()
    {
        foreach (NativeArray<byte> pool in _pools)
            pool.Dispose();
        _layers.Dispose();
    }
}
