using Agentic.Kernels;
using Agentic.ModelRuntime;
using static TorchSharp.torch;

namespace Agentic.Tests;

/// <summary>TorchSharp loads on this machine, computes, and agrees with the kernels: a second reference from another hand.</summary>
public sealed unsafe class TorchTests
{
    private const string NoTorch = "libtorch is not here (AGENTIC_LIBTORCH names its folder)";

    // Only whether the file is there: asking TorchSharp would load what this guards.
    public static bool HasTorch => TorchLocator.FindTorch() is not null;

    [Fact(Skip = NoTorch, SkipUnless = nameof(HasTorch))]
    public void Library_LoadsAndComputes()
    {
        Assert.Null(TorchLibrary.Status.Problem);

        using Tensor sum = ones(3, 4).matmul(ones(4, 2)).sum();
        Assert.Equal(24f, sum.item<float>());
    }

    [Theory(Skip = NoTorch, SkipUnless = nameof(HasTorch))]
    [InlineData(false)]
    [InlineData(true)]
    public void Linear_EqualsTorch(bool reference)
    {
        Assert.Null(TorchLibrary.Status.Problem);
        const int rows = 5, inputs = 67, outputs = 33;
        float[] input = Normal(1, rows * inputs), weight = Normal(2, outputs * inputs), bias = Normal(3, outputs),
            output = new float[rows * outputs];
        using IKernels kernels = Kernels(reference);
        fixed (float* x = input, w = weight, b = bias, y = output)
        {
            kernels.Linear(new LinearArgs
            {
                Input = x,
                Weight = w,
                Bias = b,
                Output = y,
                OutputStride = outputs,
                Rows = rows,
                Inputs = inputs,
                Outputs = outputs,
            });
        }

        using Tensor expected = nn.functional.linear(tensor(input).view(rows, inputs), tensor(weight).view(outputs, inputs), tensor(bias));
        AssertClose(expected, output);
    }

    [Theory(Skip = NoTorch, SkipUnless = nameof(HasTorch))]
    [InlineData(false)]
    [InlineData(true)]
    public void TreeAttention_EqualsMaskedAttentionInTorch(bool reference)
    {
        Assert.Null(TorchLibrary.Status.Problem);
        const int context = 37, heads = 4, kvHeads = 2, dim = 16, blockSize = 16;
        int[] parents = [-1, 0, 1, 0, 3], depths = [0, 1, 2, 1, 2], blocks = [4, 0, 2];
        int rows = parents.Length, keys = context + rows;
        float[] query = Normal(4, rows * heads * dim), key = Normal(5, kvHeads * keys * dim), value = Normal(6, kvHeads * keys * dim);
        float[] pool = new float[5 * 2 * kvHeads * blockSize * dim], output = new float[rows * heads * dim];
        bool[] visible = new bool[rows * keys];
        uint[] ancestors = new uint[rows];
        for (int row = 0; row < rows; row++)
        {
            visible.AsSpan(row * keys, context).Fill(true);
            for (int ancestor = row; ancestor >= 0; ancestor = parents[ancestor])
            {
                visible[row * keys + context + ancestor] = true;
                ancestors[row] |= 1u << ancestor;
            }
        }

        using IKernels kernels = Kernels(reference);
        int[] positions = [.. depths.Select(depth => context + depth)];
        fixed (float* q = query, data = pool, o = output)
        fixed (int* p = positions, table = blocks)
        fixed (uint* mask = ancestors)
        {
            var kv = new KvLayer { Data = data, KvHeads = kvHeads, HeadDim = dim, BlockSize = blockSize };
            for (int slot = 0; slot < keys * kvHeads * dim; slot++)
            {
                int head = slot / dim / keys, position = slot / dim % keys,
                    physical = blocks[position / blockSize] * blockSize + position % blockSize;
                data[kv.KeyOffset(physical, head) + slot % dim * blockSize] = key[slot];
                data[kv.ValueOffset(physical, head) + slot % dim] = value[slot];
            }

            var sequence = new SequenceRows
            {
                RowCount = rows,
                ContextLength = context,
                BlockTable = table,
                Ancestors = mask,
                AncestorWords = 1,
            };
            kernels.TreeAttention(new TreeAttentionArgs
            {
                Query = q,
                QueryStride = heads * dim,
                Output = o,
                Positions = p,
                Sequences = &sequence,
                SequenceCount = 1,
                Kv = kv,
                Heads = heads,
                Scale = 1 / MathF.Sqrt(dim),
            });
        }

        using Tensor expected = nn.functional.scaled_dot_product_attention(
            tensor(query).view(1, rows, heads, dim).transpose(1, 2),
            tensor(key).view(1, kvHeads, keys, dim).repeat_interleave(heads / kvHeads, dim: 1),
            tensor(value).view(1, kvHeads, keys, dim).repeat_interleave(heads / kvHeads, dim: 1),
            tensor(visible).view(rows, keys));
        AssertClose(expected.transpose(1, 2).contiguous(), output);
    }

    private static IKernels Kernels(bool reference) => reference ? new Reference() : new CpuKernels();

    private static float[] Normal(int seed, int count)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(
            _ => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];
    }

    private static void AssertClose(Tensor expected, float[] actual)
    {
        float[] values = expected.data<float>().ToArray();
        Assert.Equal(values.Length, actual.Length);
        for (int i = 0; i < actual.Length; i++)
            Assert.Equal(values[i], actual[i], 2e-5f);
    }
}
