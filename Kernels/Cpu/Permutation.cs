using System.Runtime.CompilerServices;

namespace Agentic.Kernels;

/// <summary>
/// The order in which 16-bit storage is read: within each pair of vectors, even elements first, then odd ones. What meets such storage is
/// brought into this order once, with two instructions a pair; a result is brought back at its end.
/// </summary>
internal static unsafe class Permutation<S, V>
    where S : ISimd<V>
    where V : struct
{
    /// <summary>target = factor · source in storage order; whole pairs only.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply<W>(float* source, float* target, nint length, float factor)
        where W : IStorage
    {
        V scale = S.Broadcast(factor);
        for (nint k = 0; k < length; k += 2 * S.Lanes)
        {
            V lower = S.Multiply(scale, S.Load(source + k)), upper = S.Multiply(scale, S.Load(source + k + S.Lanes));
            S.Store(target + k, W.Interleaved ? S.Even(lower, upper) : lower);
            S.Store(target + k + S.Lanes, W.Interleaved ? S.Odd(lower, upper) : upper);
        }
    }

    /// <summary>target = factor · source, from storage order to plain order; whole pairs only.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Undo<W>(float* source, float* target, nint length, float factor)
        where W : IStorage
    {
        V scale = S.Broadcast(factor);
        for (nint k = 0; k < length; k += 2 * S.Lanes)
        {
            V first = S.Multiply(scale, S.Load(source + k)), second = S.Multiply(scale, S.Load(source + k + S.Lanes));
            S.Store(target + k, W.Interleaved ? S.InterleaveLower(first, second) : first);
            S.Store(target + k + S.Lanes, W.Interleaved ? S.InterleaveUpper(first, second) : second);
        }
    }
}
