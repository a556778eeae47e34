using Agentic.Kernels;

namespace Agentic.Tests;

/// <summary>Linear layers on the processor: right, and the same bits for a row in any company.</summary>
public sealed unsafe class LinearTests
{
    public static TheoryData<string> AllBacks => Backs.All;

    [Theory]
    [MemberData(nameof(AllBacks))]
    public void AnyShape_AgreesWithReference(string back)
    {
        using IKernels kernels = Backs.Open(back);
        for (int seed = 0; seed < 50; seed++)
        {
            using Case linear = new(new Random(seed));
            using Reference reference = new();
            float[] expected = linear.Run(reference, 0, linear.Rows), actual = linear.Run(kernels, 0, linear.Rows);

            Tensors.AssertClose(expected, actual, 1e-6 * Math.Sqrt(linear.Inputs + 1), $"seed {seed}, {linear}");
        }
    }

    [Theory]
    [MemberData(nameof(AllBacks))]
    public void RowInAnyBatch_HasTheBitsOfTheRowAlone(string back)
    {
        using IKernels kernels = Backs.Open(back);
        for (int seed = 0; seed < 25; seed++)
        {
            Random random = new(seed);
            using Case linear = new(random);
            float[][] alone = [.. Enumerable.Range(0, linear.Rows).Select(row => linear.Run(kernels, row, 1))];
            for (int start = 0, rows; start < linear.Rows; start += rows)
            {
                rows = random.Next(1, linear.Rows - start + 1);
                float[] together = linear.Run(kernels, start, rows);
                float[] expected = [.. alone[start..(start + rows)].SelectMany(row => row)];
                Tensors.AssertSameBits(expected, together, $"seed {seed}, {linear}, {start} + {rows}");
            }
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public void Threads_ChangeNoBits(int threads)
    {
        using IKernels one = new CpuKernels(1), many = new CpuKernels(threads);
        for (int seed = 0; seed < 20; seed++)
        {
            int rows = seed % 2 == 0 ? 9 : 45; // one item a thread, or several
            using Case linear = new(new Random(seed), rows, inputs: 320, outputs: 1000 + seed);
            Tensors.AssertSameBits(linear.Run(one, 0, rows), linear.Run(many, 0, rows), $"{linear}");
        }
    }

    /// <summary>Some items are empty then, and nothing but the outputs is written.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public void MoreItemsThanGroupsOfOutputs_ChangeNoBits(int threads)
    {
        using IKernels one = new CpuKernels(1), many = new CpuKernels(threads);
        foreach (int outputs in (int[])[1, 7, 8, 9, 17])
        {
            foreach (int rows in (int[])[1, 2, 3, 5, 700])
            {
                using Case linear = new(new Random(rows + outputs), rows, inputs: 4096, outputs, gap: 2);
                Tensors.AssertSameBits(linear.RunWithGaps(one, 0, rows), linear.RunWithGaps(many, 0, rows), $"{linear}");
            }
        }
    }

    [Fact]
    public void OutputStride_LeavesTheGapsAlone()
    {
        using Case linear = new(new Random(1), rows: 3, inputs: 40, outputs: 5, gap: 2);
        using CpuKernels kernels = new();
        float[] output = linear.RunWithGaps(kernels, 0, 3);

        for (int row = 0; row < 3; row++)
            Assert.All(output[(7 * row + 5)..(7 * row + 7)], gap => Assert.True(float.IsNaN(gap)));
        Assert.DoesNotContain(linear.Run(kernels, 0, 3), float.IsNaN);
    }

    private sealed class Case : IDisposable
    {
        private readonly Native<float> _input;
        private readonly Native<byte> _weight;
        private readonly Native<byte>? _bias;
        private readonly ElementType _type, _biasType;
        private readonly int _outputs, _gap;

        public Case(Random random, int? rows = null, int? inputs = null, int? outputs = null, int? gap = null)
        {
            Rows = rows ?? random.Next(1, random.Next(4) == 0 ? 80 : 23);   // from 32 on columns are widened once
            Inputs = inputs ?? random.GetItems([1, 2, 8, 16, 31, 32, 40, 64, 96, 129, 256, 300], 1)[0];
            _outputs = outputs ?? random.Next(1, 70);
            _gap = gap ?? random.Next(3);
            (_type, _biasType) = ((ElementType)random.Next(3), (ElementType)random.Next(3));
            _input = Tensors.Floats(random, Rows * Inputs);
            _weight = Tensors.Stored(random, _type, _outputs * Inputs);
            _bias = random.Next(2) == 0 ? Tensors.Stored(random, _biasType, _outputs) : null;
        }

        public int Rows { get; }

        public int Inputs { get; }

        public float[] Run(IKernels kernels, int start, int rows) =>
            [.. RunWithGaps(kernels, start, rows).Chunk(_outputs + _gap).SelectMany(row => row.Take(_outputs))];

        public float[] RunWithGaps(IKernels kernels, int start, int rows)
        {
            using Native<float> output = new(rows * (_outputs + _gap));
            kernels.Linear(new LinearArgs
            {
                Input = _input.Pointer + start * Inputs,
                Weight = _weight,
                WeightType = _type,
                Bias = _bias is null ? null : _bias.Pointer,
                BiasType = _biasType,
                Output = output,
                OutputStride = _outputs + _gap,
                Rows = rows,
                Inputs = Inputs,
                Outputs = _outputs,
            });
            return output.Span.ToArray();
        }

        public override string ToString() => $"{Inputs} → {_outputs}, {Rows} rows, {_type}, gap {_gap}";

        public void Dispose()
        {
            _input.Dispose();
            _weight.Dispose();
            _bias?.Dispose();
        }
    }
}
