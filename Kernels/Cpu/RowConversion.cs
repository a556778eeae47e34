using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Agentic.Kernels;

/// <summary>Rows of stored elements to float32, exactly, and back, rounded to nearest even.</summary>
internal static unsafe class RowConversion<S, V>
    where S : ISimd<V>
    where V : struct
{
    public static void Widen(void* source, ElementType type, long firstElement, float* target, int count)
    {
        byte* start = (byte*)source + firstElement * Elements.Size(type);
        switch (type)
        {
            case ElementType.Float32: NativeMemory.Copy(start, target, (nuint)count * sizeof(float)); break;
            case ElementType.BFloat16: Widen<BFloat16Storage>(start, target, count); break;
            case ElementType.Float16: Widen<Float16Storage>(start, target, count); break;
            default: throw new ArgumentOutOfRangeException(nameof(type), type, null);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Narrow(float* source, void* target, ElementType type, long firstElement, int count)
    {
        switch (type)
        {
            case ElementType.Float32:
                NativeMemory.Copy(source, (float*)target + firstElement, (nuint)count * sizeof(float));
                break;
            case ElementType.BFloat16:
                int i = 0;
                for (; i + 2 * S.Lanes <= count; i += 2 * S.Lanes)
                    S.StoreBFloat16((ushort*)target + firstElement + i, S.Load(source + i), S.Load(source + i + S.Lanes));
                for (; i < count; i++)
                    Elements.Store(target, type, firstElement + i, source[i]);
                break;
            default:
                for (int element = 0; element < count; element++)
                    Elements.Store(target, type, firstElement + element, source[element]);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Widen<W>(byte* source, float* target, int count)
        where W : IStorage
    {
        int i = 0;
        for (; i + 2 * S.Lanes <= count; i += 2 * S.Lanes)
        {
            V even = W.First<S, V>(source + i * W.Size), odd = W.Second<S, V>(source + i * W.Size);
            S.Store(target + i, S.InterleaveLower(even, odd));
            S.Store(target + i + S.Lanes, S.InterleaveUpper(even, odd));
        }
        for (; i < count; i++)
            target[i] = W.Single(source + i * W.Size);
    }
}
