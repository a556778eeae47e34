using Agentic.Kernels;

namespace Agentic.Tests;

/// <summary>Rotary embedding into the cache, and moves within it.</summary>
public sealed unsafe class KvCacheKernelTests
{
    public static TheoryData<string> AllBacks => Backs.All;

    [Theory]
    [MemberData(nameof(AllBacks))]
    public void RopeWriteKv_AgreesWithReference_AndTouchesNoOtherSlot(string back)
    {
        using IKernels kernels = Backs.Open(back);
        using Reference reference = new();
        for (int seed = 0; seed < 60; seed++)
        {
            Random random = new(seed);
            int dim = random.GetItems([10, 16, 24, 64, 96, 128], 1)[0], kvHeads = random.Next(1, 4), heads = kvHeads * random.Next(1, 9);
            int rows = random.Next(1, 30), blocks = 9, blockSize = 4, width = (heads + 2 * kvHeads) * dim;
            (ElementType type, ElementType normType) = ((ElementType)random.Next(3), (ElementType)random.Next(3));
            int[] slots = [.. Enumerable.Range(0, blocks * blockSize)];
            random.Shuffle(slots);

            using Native<float> qkv = Tensors.Floats(random, rows * width), same = new(qkv.Span), cosSin = Tensors.Floats(random, 50 * dim);
            using Native<byte> queryNorm = Tensors.Stored(random, normType, dim), keyNorm = Tensors.Stored(random, normType, dim);
            using Native<int> positions = new([.. Enumerable.Range(0, rows).Select(_ => random.Next(50))]);
            using Native<int> target = new(slots.AsSpan(0, rows));
            using Native<byte> pool = Tensors.Stored(random, type, blocks * 2 * kvHeads * blockSize * dim), expectedPool = new(pool.Span);
            KvLayer kv = new() { Data = pool, Type = type, KvHeads = kvHeads, HeadDim = dim, BlockSize = blockSize };
            bool normed = random.Next(2) == 0;
            RopeWriteKvArgs args = new()
            {
                Qkv = qkv,
                QueryNorm = normed ? queryNorm.Pointer : null,
                KeyNorm = normed ? keyNorm.Pointer : null,
                NormType = normType,
                Epsilon = 1e-6f,
                CosSin = cosSin,
                Positions = positions,
                Slots = target,
                Kv = kv,
                Rows = rows,
                Heads = heads,
            };
            kernels.RopeWriteKv(args);
            reference.RopeWriteKv(args with { Qkv = same, Kv = kv with { Data = expectedPool } });

            for (int row = 0; row < rows; row++)
            {
                Span<float> expected = same.Span.Slice(row * width, heads * dim), actual = qkv.Span.Slice(row * width, heads * dim);
                Tensors.AssertClose(expected, actual, 2e-6, $"queries, seed {seed}");
            }

            // A 16-bit key may round to the other neighbour when float32 arithmetic lands on the other side of a tie.
            double tolerance = type switch { ElementType.Float32 => 2e-6, ElementType.Float16 => 1e-3, _ => 8e-3 };
            Tensors.AssertClose(Widened(expectedPool, type), Widened(pool, type), tolerance, $"cache, seed {seed}");
        }
    }

    [Theory]
    [MemberData(nameof(AllBacks))]
    public void CommitKv_CopiesRunsOfBlocks_AsSlotBySlot(string back)
    {
        using IKernels kernels = Backs.Open(back);
        using Reference reference = new();
        for (int seed = 0; seed < 60; seed++)
        {
            Random random = new(seed);
            int dim = 10, kvHeads = random.Next(1, 4), blockSize = random.Next(1, 6), blocks = 12, half = blocks / 2 * blockSize;
            ElementType type = (ElementType)random.Next(3);

            // Whole blocks and parts of them, block to block or shifted, from the first half of the pool to the second.
            List<KvMove> list = [];
            for (int run = 0; run < 4; run++)
            {
                int length = random.Next(1, 3 * blockSize), from = random.Next(half - length + 1), to = half + random.Next(half - length + 1);
                if (random.Next(3) > 0)
                    (from, to) = (from / blockSize * blockSize, to / blockSize * blockSize);
                list.AddRange(Enumerable.Range(0, length).Select(i => new KvMove(from + i, to + i)));
            }

            using Native<KvMove> moves = new([.. list]);
            using Native<byte> pool = Tensors.Stored(random, type, blocks * 2 * kvHeads * blockSize * dim), expected = new(pool.Span);
            KvLayer kv = new() { Data = pool, Type = type, KvHeads = kvHeads, HeadDim = dim, BlockSize = blockSize };
            using Native<KvLayer> layers = new([kv]), expectedLayers = new([kv with { Data = expected }]);
            kernels.CommitKv(new CommitKvArgs { LayerPools = layers, Layers = 1, Moves = moves, MoveCount = moves.Length });
            reference.CommitKv(new CommitKvArgs { LayerPools = expectedLayers, Layers = 1, Moves = moves, MoveCount = moves.Length });

            Assert.True(expected.Span.SequenceEqual(pool.Span), $"seed {seed}");
        }
    }

    [Theory]
    [MemberData(nameof(AllBacks))]
    public void CommitKv_MovesAcceptedRowsInPlace_InAllLayers(string back)
    {
        using IKernels kernels = Backs.Open(back);
        for (int seed = 0; seed < 30; seed++)
        {
            Random random = new(seed);
            int dim = 24, kvHeads = random.Next(1, 4), blockSize = 4, blocks = 8, context = random.Next(10);
            int elements = blocks * 2 * kvHeads * blockSize * dim;
            ElementType type = (ElementType)random.Next(3);
            using Native<byte> first = Tensors.Stored(random, type, elements), second = Tensors.Stored(random, type, elements);
            using Native<byte> firstBefore = new(first.Span), secondBefore = new(second.Span);
            KvLayer kv = new() { Type = type, KvHeads = kvHeads, HeadDim = dim, BlockSize = blockSize };
            // Accepted rows are a rising selection of the tree's, so that a target may be the source of an earlier move.
            int[] accepted = [.. Enumerable.Range(0, 20).Where(_ => random.Next(2) == 0)];
            using Native<KvMove> moves = new([.. accepted.Select((row, depth) => new KvMove(context + row, context + depth))]);
            using Native<KvLayer> layers = new([kv with { Data = first }, kv with { Data = second }]);
            kernels.CommitKv(new CommitKvArgs { LayerPools = layers, Layers = 2, Moves = moves, MoveCount = moves.Length });

            for (int slot = 0; slot < blocks * blockSize; slot++)
            {
                int depth = slot - context, source = depth >= 0 && depth < accepted.Length ? context + accepted[depth] : slot;
                for (int head = 0; head < kvHeads; head++)
                {
                    AssertMoved(kv, firstBefore, kv.KeyOffset(source, head), first, kv.KeyOffset(slot, head), blockSize);
                    AssertMoved(kv, secondBefore, kv.KeyOffset(source, head), second, kv.KeyOffset(slot, head), blockSize);
                    AssertMoved(kv, firstBefore, kv.ValueOffset(source, head), first, kv.ValueOffset(slot, head), 1);
                    AssertMoved(kv, secondBefore, kv.ValueOffset(source, head), second, kv.ValueOffset(slot, head), 1);
                }
            }
        }
    }

    private static void AssertMoved(KvLayer kv, Native<byte> before, long from, Native<byte> after, long to, int stride)
    {
        int size = Elements.Size(kv.Type);
        for (int i = 0; i < kv.HeadDim; i++, from += stride, to += stride)
            Assert.Equal(before.Span.Slice((int)from * size, size), after.Span.Slice((int)to * size, size));
    }

    private static float[] Widened(Native<byte> pool, ElementType type) =>
        [.. Enumerable.Range(0, pool.Length / Elements.Size(type)).Select(i => Elements.Load(pool, type, i))];
}
