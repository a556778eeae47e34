using Agentic.Kernels;

namespace Agentic.Tests;

/// <summary>The operations that treat each row by itself.</summary>
public sealed unsafe class RowKernelTests
{
    public static TheoryData<string> AllBacks => Backs.All;

    private static readonly int[] Widths = [1, 3, 8, 16, 40, 64, 96, 100, 256, 1031];

    [Theory]
    [MemberData(nameof(AllBacks))]
    public void AddRmsNorm_AgreesWithReference_AndWritesTheResidual(string back)
    {
        ForEachCase(back, (kernels, reference, random, width, rows, type) =>
        {
            using Native<float> delta = Tensors.Floats(random, rows * width), residual = Tensors.Floats(random, rows * width, 3);
            using Native<float> same = new(residual.Span), output = new(rows * width), expected = new(rows * width);
            using Native<byte> weight = Tensors.Stored(random, type, width);
            AddRmsNormArgs args = new()
            {
                Delta = random.Next(4) == 0 ? null : delta.Pointer,
                Residual = residual,
                Weight = weight,
                WeightType = type,
                Output = output,
                Rows = rows,
                Hidden = width,
                Epsilon = 1e-5f,
            };
            kernels.AddRmsNorm(args);
            reference.AddRmsNorm(args with { Residual = same, Output = expected });

            Tensors.AssertSameBits(same.Span, residual.Span, "residual");
            Tensors.AssertClose(expected.Span, output.Span, 1e-6, "output");
            kernels.AddRmsNorm(args with { Delta = null, Residual = same.Pointer + (rows - 1) * width, Output = expected, Rows = 1 });
            Tensors.AssertSameBits(output.Span[^width..], expected.Span[..width], "last row alone");
        });
    }

    [Theory]
    [MemberData(nameof(AllBacks))]
    public void AddRmsNorm_RowsOfWiderMatrices_SameBitsAndNothingBetweenThemIsTouched(string back)
    {
        ForEachCase(back, (kernels, _, random, width, rows, type) =>
        {
            int residualStride = width + random.Next(3), outputStride = width + 1 + random.Next(3);
            using Native<float> wide = Tensors.Floats(random, rows * residualStride, 3), narrow = new(rows * width), delta = Tensors.Floats(random, rows * width);
            using Native<float> output = new(rows * outputStride), expected = new(rows * width);
            using Native<byte> weight = Tensors.Stored(random, type, width);
            for (int row = 0; row < rows; row++)
                wide.Span.Slice(row * residualStride, width).CopyTo(narrow.Span[(row * width)..]);
            output.Span.Fill(7);
            float[] before = wide.Span.ToArray();
            AddRmsNormArgs args = new()
            {
                Delta = delta,
                Residual = narrow,
                Weight = weight,
                WeightType = type,
                Output = expected,
                Rows = rows,
                Hidden = width,
                Epsilon = 1e-5f,
            };
            kernels.AddRmsNorm(args);
            kernels.AddRmsNorm(args with { Residual = wide, ResidualStride = residualStride, Output = output, OutputStride = outputStride });

            for (int row = 0; row < rows; row++)
            {
                Tensors.AssertSameBits(expected.Span.Slice(row * width, width), output.Span.Slice(row * outputStride, width), "output");
                Tensors.AssertSameBits(narrow.Span.Slice(row * width, width), wide.Span.Slice(row * residualStride, width), "residual");
                Assert.All(output.Span.Slice((row * outputStride) + width, outputStride - width).ToArray(), gap => Assert.Equal(7, gap));
                int gap = (row * residualStride) + width;
                Assert.Equal(before[gap..((row + 1) * residualStride)], wide.Span[gap..((row + 1) * residualStride)].ToArray());
            }
        });
    }

    [Theory]
    [MemberData(nameof(AllBacks))]
    public void SiluMul_AgreesWithReference(string back)
    {
        ForEachCase(back, (kernels, reference, random, width, rows, _) =>
        {
            using Native<float> gateUp = Tensors.Floats(random, 2 * rows * width, 100), output = new(rows * width);
            using Native<float> expected = new(rows * width);
            SiluMulArgs args = new() { GateUp = gateUp, Output = output, Rows = rows, Width = width };
            kernels.SiluMul(args);
            reference.SiluMul(args with { Output = expected });

            Tensors.AssertClose(expected.Span, output.Span, 1e-6, "output");
        });
    }

    [Theory]
    [MemberData(nameof(AllBacks))]
    public void Embed_WidensExactly(string back)
    {
        ForEachCase(back, (kernels, reference, random, width, rows, type) =>
        {
            using Native<byte> table = Tensors.Stored(random, type, 50 * width);
            using Native<int> ids = new([.. Enumerable.Range(0, rows).Select(_ => random.Next(50))]);
            using Native<float> output = new(rows * width), expected = new(rows * width);
            EmbedArgs args = new() { TokenIds = ids, Table = table, TableType = type, Output = output, Rows = rows, Hidden = width };
            kernels.Embed(args);
            reference.Embed(args with { Output = expected });

            Tensors.AssertSameBits(expected.Span, output.Span, "output");
        });
    }

    [Theory]
    [MemberData(nameof(AllBacks))]
    public void EveryFloat16_WidensExactly(string back)
    {
        using IKernels kernels = Backs.Open(back);
        using Native<ushort> table = new([.. Enumerable.Range(0, 65536).Select(bits => (ushort)bits)]);
        using Native<float> output = new(65536);
        using Native<int> ids = new([0]);
        kernels.Embed(new EmbedArgs
        {
            TokenIds = ids,
            Table = table,
            TableType = ElementType.Float16,
            Output = output,
            Rows = 1,
            Hidden = 65536,
        });

        for (int bits = 0; bits < 65536; bits++)
        {
            float expected = (float)BitConverter.UInt16BitsToHalf((ushort)bits);
            if (float.IsNaN(expected))
                Assert.True(float.IsNaN(output.Span[bits]));
            else
                Assert.Equal(BitConverter.SingleToUInt32Bits(expected), BitConverter.SingleToUInt32Bits(output.Span[bits]));
        }
    }

    [Theory]
    [MemberData(nameof(AllBacks))]
    public void RouteExperts_AgreesWithReference_TiesByLowestId(string back)
    {
        ForEachCase(back, (kernels, reference, random, experts, rows, _) =>
        {
            int k = random.Next(1, Math.Min(8, experts) + 1);
            using Native<float> logits = new([.. Enumerable.Range(0, rows * experts).Select(_ => random.Next(-9, 9) / 2f)]);
            using Native<int> ids = new(rows * k), expectedIds = new(rows * k);
            using Native<float> weights = new(rows * k), expectedWeights = new(rows * k);
            RouteExpertsArgs args = new()
            {
                Logits = logits,
                ExpertIds = ids,
                Weights = weights,
                Rows = rows,
                Experts = experts,
                ExpertsPerToken = k,
                Normalize = random.Next(2) == 0,
            };
            kernels.RouteExperts(args);
            reference.RouteExperts(args with { ExpertIds = expectedIds, Weights = expectedWeights });

            Assert.Equal(expectedIds.Span, ids.Span);
            Tensors.AssertClose(expectedWeights.Span, weights.Span, 1e-6, "weights");
        });
    }

    [Theory]
    [MemberData(nameof(AllBacks))]
    public void GatheredRowsScatteredBack_AgreeWithReference(string back)
    {
        ForEachCase(back, (kernels, reference, random, width, rows, _) =>
        {
            int[] order = [.. Enumerable.Range(0, rows + 3)];
            random.Shuffle(order);
            using Native<int> indices = new(order.AsSpan(0, rows));
            using Native<float> all = Tensors.Floats(random, (rows + 3) * width), gathered = new(rows * width);
            using Native<float> scales = Tensors.Floats(random, rows);
            using Native<float> expected = new(all.Span);
            kernels.GatherRows(new GatherRowsArgs { Input = all, RowIndices = indices, Output = gathered, Rows = rows, Width = width });
            for (int row = 0; row < rows; row++)
                Assert.Equal(all.Span.Slice(order[row] * width, width), gathered.Span.Slice(row * width, width));

            ScatterAddRowsArgs args = new()
            {
                Input = gathered,
                RowIndices = indices,
                Scales = scales,
                Output = all,
                Rows = rows,
                Width = width,
            };
            kernels.ScatterAddRows(args);
            reference.ScatterAddRows(args with { Output = expected });
            Tensors.AssertClose(expected.Span, all.Span, 2e-7, "scattered");
        });
    }

    private static void ForEachCase(string back, Action<IKernels, IKernels, Random, int, int, ElementType> test)
    {
        using IKernels kernels = Backs.Open(back), reference = new Reference();
        foreach (int width in Widths)
        {
            foreach (int rows in new[] { 1, 2, 7, 90 })
                test(kernels, reference, new Random(width ^ rows), width, rows, (ElementType)(rows % 3));
        }
    }
}
