using Agentic.Kernels;

namespace Agentic.Tests;

/// <summary>Operations that are asked for bfloat16 results: rounded in the places where the plain mathematics rounds.</summary>
public sealed unsafe class PrecisionTests
{
    private const ElementType BFloat16 = ElementType.BFloat16;

    public static TheoryData<string> AllBacks => Backs.All;

    [Theory]
    [MemberData(nameof(AllBacks))]
    public void Rows_AreRoundedAsTheReferenceRounds(string back)
    {
        using IKernels kernels = Backs.Open(back);
        using Reference reference = new();
        for (int seed = 0; seed < 40; seed++)
        {
            Random random = new(seed);
            int width = random.GetItems([1, 5, 40, 256, 300, 1031], 1)[0], rows = random.Next(1, 8), experts = 6, chosen = 3;
            using Native<float> delta = Rounded(random, rows * width), residual = Rounded(random, rows * width), gateUp = Rounded(random, 2 * rows * width, 8);
            using Native<float> scales = Rounded(random, rows), logits = Rounded(random, rows * experts, 4);
            using Native<byte> weight = Tensors.Stored(random, BFloat16, width * width), norm = Tensors.Stored(random, BFloat16, width);
            using Native<int> indices = new([.. Enumerable.Range(0, rows).Reverse()]);

            Compare("add", width, (back, output) => back.ScatterAddRows(new ScatterAddRowsArgs
            {
                Input = delta,
                RowIndices = indices,
                Scales = scales,
                Output = output,
                Rows = rows,
                Width = width,
                Precision = BFloat16,
            }));
            Compare("linear", width, (back, output) => back.Linear(new LinearArgs
            {
                Input = delta,
                Weight = weight,
                WeightType = BFloat16,
                Bias = norm,
                BiasType = BFloat16,
                Output = output,
                OutputStride = width,
                Rows = rows,
                Inputs = width,
                Outputs = width,
                Precision = BFloat16,
            }));
            Compare("norm", width, (back, output) =>
            {
                using Native<float> sum = new(residual.Span);
                back.AddRmsNorm(new AddRmsNormArgs
                {
                    Delta = delta,
                    Residual = sum,
                    Weight = norm,
                    WeightType = BFloat16,
                    Output = output,
                    Rows = rows,
                    Hidden = width,
                    Epsilon = 1e-5f,
                    Precision = BFloat16,
                });
            });
            Compare("activation", width, (back, output) => back.SiluMul(new SiluMulArgs
            {
                GateUp = gateUp,
                Output = output,
                Rows = rows,
                Width = width,
                Precision = BFloat16,
            }));
            Compare("route", chosen, (back, output) =>
            {
                using Native<int> ids = new(rows * chosen);
                back.RouteExperts(new RouteExpertsArgs
                {
                    Logits = logits,
                    ExpertIds = ids,
                    Weights = output,
                    Rows = rows,
                    Experts = experts,
                    ExpertsPerToken = chosen,
                    Normalize = seed % 2 == 0,
                    Precision = BFloat16,
                });
            });

            void Compare(string operation, int outputs, Action<IKernels, Native<float>> run)
            {
                using Native<float> expected = new(rows * outputs), actual = new(rows * outputs);
                expected.Span.Fill(0.75f);
                actual.Span.Fill(0.75f);
                run(reference, expected);
                run(kernels, actual);
                AssertRounded(expected.Span, actual.Span, $"{operation}, seed {seed}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllBacks))]
    public void Rotation_RoundsProductsAndSums(string back)
    {
        using IKernels kernels = Backs.Open(back);
        using Reference reference = new();
        for (int seed = 0; seed < 40; seed++)
        {
            Random random = new(seed);
            int dim = random.GetItems([10, 16, 24, 64, 128], 1)[0], rows = random.Next(1, 9), kvHeads = 2, heads = 4, width = (heads + (2 * kvHeads)) * dim;
            using Native<float> qkv = Rounded(random, rows * width), same = new(qkv.Span), cosSin = Tensors.Floats(random, 20 * dim);
            using Native<byte> norm = Tensors.Stored(random, BFloat16, dim), pool = Tensors.Stored(random, BFloat16, 2 * kvHeads * 16 * dim);
            using Native<int> positions = new([.. Enumerable.Range(0, rows).Select(_ => random.Next(20))]), slots = new([.. Enumerable.Range(0, rows)]);
            RopeWriteKvArgs args = new()
            {
                Qkv = qkv,
                QueryNorm = seed % 2 == 0 ? norm.Pointer : null,
                NormType = BFloat16,
                Epsilon = 1e-6f,
                CosSin = cosSin,
                Positions = positions,
                Slots = slots,
                Kv = new KvLayer { Data = pool, Type = BFloat16, KvHeads = kvHeads, HeadDim = dim, BlockSize = 16 },
                Rows = rows,
                Heads = heads,
                Precision = BFloat16,
            };
            kernels.RopeWriteKv(args);
            reference.RopeWriteKv(args with { Qkv = same });

            for (int row = 0; row < rows; row++)
            {
                Span<float> expected = same.Span.Slice(row * width, heads * dim), actual = qkv.Span.Slice(row * width, heads * dim);
                if (args.QueryNorm is null)
                    Tensors.AssertSameBits(expected, actual, $"seed {seed}"); // products of two bfloat16 are exact in float32
                else
                    AssertRounded(expected, actual, $"seed {seed}");
            }
        }
    }

    /// <summary>All are bfloat16, and nearly all the same ones: float32 arithmetic may land on the other side of a tie, a step or two away.</summary>
    private static void AssertRounded(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what)
    {
        float largest = 0;
        int different = 0;
        foreach (float value in expected)
            largest = Math.Max(largest, Math.Abs(value));
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(0, BitConverter.SingleToInt32Bits(actual[i]) & 0xFFFF);
            Assert.True(Math.Abs(expected[i] - actual[i]) <= largest / 64, $"{what}: element {i} is {actual[i]} and should be {expected[i]}.");
            different += expected[i] == actual[i] ? 0 : 1;
        }
        Assert.True(different <= 1 + (expected.Length / 50), $"{what}: {different} of {expected.Length} differ.");
    }

    private static Native<float> Rounded(Random random, int length, float scale = 1)
    {
        Native<float> tensor = Tensors.Floats(random, length, scale);
        foreach (ref float element in tensor.Span)
            element = Elements.Round(element, BFloat16);
        return tensor;
    }
}
