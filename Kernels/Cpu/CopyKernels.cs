using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Agentic.Kernels;

/// <summary>The operations that only move rows.</summary>
internal static unsafe class CopyKernels<S, V>
    where S : ISimd<V>
    where V : struct
{
    public static void Embed(in EmbedArgs args)
    {
        for (int row = 0; row < args.Rows; row++)
        {
            long first = (long)args.TokenIds[row] * args.Hidden;
            RowConversion<S, V>.Widen(args.Table, args.TableType, first, args.Output + (nint)row * args.Hidden, args.Hidden);
        }
    }

    public static void Gather(in GatherRowsArgs args)
    {
        nuint bytes = (nuint)args.Width * sizeof(float);
        for (int row = 0; row < args.Rows; row++)
            NativeMemory.Copy(args.Input + (nint)args.RowIndices[row] * args.Width, args.Output + (nint)row * args.Width, bytes);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ScatterAdd(in ScatterAddRowsArgs args)
    {
        for (int row = 0; row < args.Rows; row++)
        {
            float* input = args.Input + (nint)row * args.Width, output = args.Output + (nint)args.RowIndices[row] * args.Width;
            if (args.Precision != ElementType.Float32)
            {
                AddRounded(input, args.Scales[row], output, args.Width, args.Precision);
                continue;
            }
            V scale = S.Broadcast(args.Scales[row]);
            int i = 0;
            for (; i + S.Lanes <= args.Width; i += S.Lanes)
                S.Store(output + i, S.MultiplyAdd(scale, S.Load(input + i), S.Load(output + i)));
            for (; i < args.Width; i++)
                output[i] = float.FusedMultiplyAdd(args.Scales[row], input[i], output[i]);
        }
    }

    private static void AddRounded(float* input, float scale, float* output, int width, ElementType precision)
    {
        for (int i = 0; i < width; i++)
            output[i] += Elements.Round(scale * input[i], precision);
        RoundKernel<S, V>.Round(output, width, precision);
    }

    /// <summary>In the order of the moves, since a target may be the source of an earlier one. A block's, one after the other, are one copy: its keys
    /// lie far apart.</summary>
    public static void Commit(in CommitKvArgs args)
    {
        for (int layer = 0; layer < args.Layers; layer++)
        {
            KvLayer kv = args.LayerPools[layer];
            int size = Elements.Size(kv.Type);
            for (int move = 0; move < args.MoveCount; move++)
            {
                (int from, int to) = args.Moves[move];
                if (from == to)
                    continue;
                if (IsWholeBlock(args, move, kv.BlockSize))
                {
                    long bytes = 2L * kv.KvHeads * kv.BlockSize * kv.HeadDim * size;
                    NativeMemory.Copy((byte*)kv.Data + from / kv.BlockSize * bytes, (byte*)kv.Data + to / kv.BlockSize * bytes, (nuint)bytes);
                    move += kv.BlockSize - 1;
                    continue;
                }

                for (int head = 0; head < kv.KvHeads; head++)
                {
                    byte* data = (byte*)kv.Data, key = data + kv.KeyOffset(from, head) * size, newKey = data + kv.KeyOffset(to, head) * size;
                    if (size == sizeof(float))
                        CopyStrided((float*)key, (float*)newKey, kv.HeadDim, kv.BlockSize);
                    else
                        CopyStrided((ushort*)key, (ushort*)newKey, kv.HeadDim, kv.BlockSize);
                    byte* value = data + kv.ValueOffset(from, head) * size, newValue = data + kv.ValueOffset(to, head) * size;
                    NativeMemory.Copy(value, newValue, (nuint)(kv.HeadDim * size));
                }
            }
        }
    }

    private static bool IsWholeBlock(in CommitKvArgs args, int move, int blockSize)
    {
        (int from, int to) = args.Moves[move];
        bool isWhole = from % blockSize == 0 && to % blockSize == 0 && args.MoveCount - move >= blockSize;
        for (int i = 1; isWhole && i < blockSize; i++)
            isWhole = args.Moves[move + i] == new KvMove(from + i, to + i);
        return isWhole;
    }

    private static void CopyStrided<T>(T* source, T* target, int count, nint stride)
        where T : unmanaged
    {
        for (nint i = 0; i < count * stride; i += stride)
            target[i] = source[i];
    }
}
