using Agentic.Kernels;

namespace Agentic.Tests;

/// <summary>Tree attention on the processor: right, and the same bits for a row in a tree, in a chain and alone.</summary>
public sealed class TreeAttentionTests
{
    public static TheoryData<string> AllBacks => Backs.All;

    [Theory]
    [MemberData(nameof(AllBacks))]
    public void AnyForest_AgreesWithReference(string back)
    {
        using IKernels kernels = Backs.Open(back);
        using Reference reference = new();
        for (int seed = 0; seed < 40; seed++)
        {
            AttentionCase attention = new(new Random(seed));
            Tensors.AssertClose(attention.RunTree(reference), attention.RunTree(kernels), 5e-6, $"seed {seed}, {attention}");
        }
    }

    [Theory]
    [MemberData(nameof(AllBacks))]
    public void RowOfATree_HasTheBitsOfDecodingItsPathAlone(string back)
    {
        using IKernels kernels = Backs.Open(back);
        for (int seed = 0; seed < 25; seed++)
        {
            AttentionCase attention = new(new Random(seed));
            float[] tree = attention.RunTree(kernels);
            for (int row = attention.Rows - 1; row >= 0; row -= 1 + attention.Rows / 6)
                Tensors.AssertSameBits(
                    attention.RowOf(tree, row), attention.RunAlone(kernels, row), $"seed {seed}, row {row}, {attention}");
        }
    }

    [Theory]
    [MemberData(nameof(AllBacks))]
    public void RowOfATree_HasTheBitsOfAPrefillChunkThatEndsWithIt(string back)
    {
        using IKernels kernels = Backs.Open(back);
        for (int seed = 0; seed < 25; seed++)
        {
            AttentionCase attention = new(new Random(seed));
            float[] tree = attention.RunTree(kernels);
            int row = attention.Rows - 1;
            foreach (int chunk in new[] { 2, 600 })
                Tensors.AssertSameBits(
                    attention.RowOf(tree, row), attention.RunAlone(kernels, row, chunk), $"seed {seed}, chunk {chunk}, {attention}");
        }
    }

    [Theory]
    [MemberData(nameof(AllBacks))]
    public void TreeRunInTwoLaunches_HasTheBitsOfOne(string back)
    {
        using IKernels kernels = Backs.Open(back);
        using Reference reference = new();
        for (int seed = 0; seed < 40; seed++)
        {
            AttentionCase attention = new(new Random(seed));
            int first = attention.Rows * (seed % 4) / 4;
            float[] rest = attention.RunFrom(kernels, first);
            Tensors.AssertSameBits(attention.RunTree(kernels).AsSpan()[^rest.Length..].ToArray(), rest, $"seed {seed}, from {first}, {attention}");
            Tensors.AssertClose(attention.RunFrom(reference, first), rest, 5e-6, $"seed {seed}, from {first}, {attention}");
        }
    }

    [Theory]
    [MemberData(nameof(AllBacks))]
    public void Sequences_DoNotSeeEachOther(string back)
    {
        using IKernels kernels = Backs.Open(back);
        for (int seed = 0; seed < 15; seed++)
        {
            AttentionCase attention = new(new Random(seed));
            Tensors.AssertSameBits(attention.RunTree(kernels), attention.RunTree(kernels, copies: 3), $"seed {seed}, {attention}");
        }
    }

    [Theory]
    [MemberData(nameof(AllBacks))]
    public void ChainWithoutMask_EqualsChainWithMask(string back)
    {
        using IKernels kernels = Backs.Open(back);
        for (int seed = 0; seed < 15; seed++)
        {
            AttentionCase attention = new(new Random(seed), chain: true);
            Tensors.AssertSameBits(attention.RunTree(kernels), attention.RunTree(kernels, maskless: true), $"seed {seed}, {attention}");
        }
    }
}
