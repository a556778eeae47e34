using Agentic.Kernels;

namespace Agentic.Tests;

/// <summary>The reference against numbers that can be worked out by hand.</summary>
public sealed unsafe class ReferenceTests : IDisposable
{
    private readonly Reference _reference = new();

    public void Dispose() => _reference.Dispose();

    [Fact]
    public void Linear_MultipliesByTheTransposeAndAddsTheBias()
    {
        using Native<float> input = new([1, 2]), weight = new([3, 4, 5, 6]), bias = new([0.5f, -0.5f]), output = new(2);
        _reference.Linear(new LinearArgs
        {
            Input = input,
            Weight = weight,
            Bias = bias,
            Output = output,
            OutputStride = 2,
            Rows = 1,
            Inputs = 2,
            Outputs = 2,
        });

        Assert.Equal([11.5f, 16.5f], output.Span);
    }

    [Fact]
    public void AddRmsNorm_AddsBeforeItNormalizes()
    {
        using Native<float> delta = new([2, 3]), residual = new([1, 1]), weight = new([1, 2]), output = new(2);
        AddRmsNormArgs args = new() { Delta = delta, Residual = residual, Weight = weight, Output = output, Rows = 1, Hidden = 2 };
        _reference.AddRmsNorm(args);

        Assert.Equal([3, 4], residual.Span);
        Tensors.AssertClose([3 / MathF.Sqrt(12.5f), 8 / MathF.Sqrt(12.5f)], output.Span, 1e-6, "output");
    }

    [Fact]
    public void RopeWriteKv_TurnsHalvesByAQuarter_AndLeavesValues()
    {
        using Native<float> qkv = new([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]), cosSin = new([0, 1, 1, 0]), pool = new(16);
        using Native<int> positions = new([0]), slots = new([1]);
        _reference.RopeWriteKv(new RopeWriteKvArgs
        {
            Qkv = qkv,
            CosSin = cosSin,
            Positions = positions,
            Slots = slots,
            Rows = 1,
            Heads = 1,
            Kv = new KvLayer { Data = pool, KvHeads = 1, HeadDim = 4, BlockSize = 2 },
        });

        Assert.Equal([-3, 2, 1, 4], qkv.Span[..4]);      // (1, 3) turned by 90°, (2, 4) by none
        Assert.Equal([float.NaN, -7, float.NaN, 6, float.NaN, 5, float.NaN, 8], pool.Span[..8]);
        Assert.Equal([9, 10, 11, 12], pool.Span[12..16]);
    }

    [Fact]
    public void TreeAttention_SiblingIsNotSeen()
    {
        // Root and two children; keys of 1, values 1, 2, 3: the last child averages the root's and its own.
        using Native<float> query = new([1, 0, 1, 0, 1, 0]), output = new(6);
        using Native<float> pool = new([1, 1, 1, 0, 0, 0, 0, 0, 1, 10, 2, 20, 3, 30, 0, 0]);
        using Native<int> positions = new([0, 1, 1]), table = new([0]);
        using Native<uint> ancestors = new([0b001, 0b011, 0b101]);
        SequenceRows sequence = new() { RowCount = 3, BlockTable = table, Ancestors = ancestors, AncestorWords = 1 };
        _reference.TreeAttention(new TreeAttentionArgs
        {
            Query = query,
            QueryStride = 2,
            Output = output,
            Positions = positions,
            Sequences = &sequence,
            SequenceCount = 1,
            Kv = new KvLayer { Data = pool, KvHeads = 1, HeadDim = 2, BlockSize = 4 },
            Heads = 1,
            Scale = 1,
        });

        Assert.Equal([1, 10, 1.5f, 15, 2, 20], output.Span);
    }

    [Fact]
    public void SiluMul_IsGateTimesSigmoidTimesUp()
    {
        using Native<float> gateUp = new([0, 1, 5, 3]), output = new(2);
        _reference.SiluMul(new SiluMulArgs { GateUp = gateUp, Output = output, Rows = 1, Width = 2 });

        Tensors.AssertClose([0, 3 / (1 + MathF.Exp(-1))], output.Span, 1e-6, "output");
    }

    [Fact]
    public void RouteExperts_EqualLogits_TakeTheLowestIds()
    {
        using Native<float> logits = new([0, 1, 1, 1]), weights = new(2);
        using Native<int> ids = new(2);
        _reference.RouteExperts(new RouteExpertsArgs
        {
            Logits = logits,
            ExpertIds = ids,
            Weights = weights,
            Rows = 1,
            Experts = 4,
            ExpertsPerToken = 2,
            Normalize = true,
        });

        Assert.Equal([1, 2], ids.Span);
        Assert.Equal([0.5f, 0.5f], weights.Span);
    }
}
