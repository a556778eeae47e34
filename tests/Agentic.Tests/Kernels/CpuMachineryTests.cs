using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Agentic.Kernels;

namespace Agentic.Tests;

/// <summary>What the processor's kernels stand on: workers, exponentials, and no garbage.</summary>
public sealed unsafe class CpuMachineryTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public void WorkerPool_EachItemIsDoneOnce_ByAWorkerPreparedOnce_BeforeRunReturns(int threads)
    {
        using WorkerPool pool = new(threads);
        Random random = new(threads);
        using Native<int> done = new(64 + threads); // items, then workers that have prepared
        for (int loop = 0; loop < 3000; loop++)
        {
            int items = random.Next(65);
            done.Span.Clear();
            if (loop % 3 == 0)
                pool.Run(&CountItem, done, items);
            else
                pool.Run(&CountPrepared, done, items, &Prepare);
            Assert.Equal(items, done.Span[..items].Count(1));
            Assert.Equal(64 - items, done.Span[items..64].Count(0));
            if (loop % 500 == 0)
                Thread.Sleep(5); // long enough for the workers to park
        }

        static void CountItem(void* state, int item, int worker) => Interlocked.Increment(ref ((int*)state)[item]);
        static void CountPrepared(void* state, int item, int worker) => Interlocked.Add(ref ((int*)state)[item], ((int*)state)[64 + worker]);
        static void Prepare(void* state, int worker) => ((int*)state)[64 + worker]++;
    }

    /// <summary>Loops are numbered with 32 bits, which some hours of short steps use up.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void WorkerPool_NumbersOfLoopsBeginAgain_WorkersPrepareForEach(int threads)
    {
        foreach (long number in (long[])[-2, int.MaxValue])
        {
            using WorkerPool pool = new(threads);
            using Native<int> prepared = new(1 + threads); // items done by a worker that had not prepared; by worker, times it did
            Ticket(pool) = number << 32;
            for (int loop = 0; loop < 4; loop++)
            {
                prepared.Span.Clear();
                pool.Run(&Look, prepared, 64, &Prepare);
                Assert.Equal(0, prepared.Span[0]);
                Assert.Equal(1, prepared.Span[1..].ToArray().Max());
            }
        }

        static void Prepare(void* state, int worker) => ((int*)state)[1 + worker]++;
        static void Look(void* state, int item, int worker)
        {
            if (((int*)state)[1 + worker] != 1)
                Interlocked.Increment(ref *(int*)state);
            Thread.SpinWait(50);
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_ticket")]
    private static extern ref long Ticket(WorkerPool pool);

    [Fact]
    public void Exponential_IsWithinTwoUnitsInTheLastPlace_AndTheSameAtEveryWidth()
    {
        using Native<float> x = new(16), wide = new(16);
        for (double start = -87.3; start < 88; start += 0.0173)
        {
            for (int i = 0; i < 16; i++)
                x.Span[i] = (float)(start + i * 0.001);
            Exponential<Simd512, Vector512<float>>.Of(Vector512.Load(x.Pointer)).Store(wide);
            for (int i = 0; i < 16; i++)
            {
                float expected = (float)Math.Exp(Math.Min(x.Span[i], 88)), unit = MathF.BitIncrement(expected) - expected;
                Assert.True(Math.Abs(wide.Span[i] - expected) <= 2 * unit, $"e^{x.Span[i]:R} is {wide.Span[i]:R}, not {expected:R}");
                Assert.Equal(wide.Span[i], Exponential<Scalar, float>.Of(x.Span[i]));
            }
            Assert.Equal(Vector256.Load(wide.Pointer), Exponential<Simd256, Vector256<float>>.Of(Vector256.Load(x.Pointer)));
            Assert.Equal(Vector128.Load(wide.Pointer), Exponential<Simd128, Vector128<float>>.Of(Vector128.Load(x.Pointer)));
        }
        Assert.Equal(0, Exponential<Scalar, float>.Of(float.NegativeInfinity));
        Assert.True(float.IsNaN(Exponential<Scalar, float>.Of(float.NaN)));
        Assert.Equal(Vector512<float>.Zero, Exponential<Simd512, Vector512<float>>.Of(Vector512.Create(-100f)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void SecondCall_AllocatesNothing(int threads)
    {
        using CpuKernels kernels = new(threads);
        using Native<float> input = Tensors.Floats(new Random(1), 8 * 256), output = new(8 * 1024);
        using Native<byte> weight = Tensors.Stored(new Random(2), ElementType.BFloat16, 256 * 1024);
        using Native<int> positions = new([0, 1, 2, 3, 4, 5, 6, 7]), table = new([0]);
        using Native<float> pool = Tensors.Floats(new Random(3), 2 * 2 * 16 * 64);
        SequenceRows sequence = new() { RowCount = 8, BlockTable = table };
        SequenceRows* sequences = &sequence;
        Call();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
            Call();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Call()
        {
            kernels.Linear(new LinearArgs
            {
                Input = input,
                Weight = weight,
                WeightType = ElementType.BFloat16,
                Output = output,
                OutputStride = 1024,
                Rows = 8,
                Inputs = 256,
                Outputs = 1024,
            });
            kernels.SiluMul(new SiluMulArgs { GateUp = input, Output = output, Rows = 8, Width = 128 });
            kernels.TreeAttention(new TreeAttentionArgs
            {
                Query = input,
                QueryStride = 256,
                Output = output,
                Positions = positions,
                Sequences = sequences,
                SequenceCount = 1,
                Kv = new KvLayer { Data = pool, KvHeads = 2, HeadDim = 64, BlockSize = 16 },
                Heads = 4,
                Scale = 1,
            });
        }
    }
}
