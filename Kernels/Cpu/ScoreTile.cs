using System.Runtime.CompilerServices;

namespace Agentic.Kernels;

/// <summary>
/// Scores of up to four queries against four vectors of keys: scores[r, key] = Σ_i queries[i, r] · keys[i, key], keys along the lanes.
/// A score is one chain of fused multiply-adds over i in a lane of its own, so its bits depend on its query and its key alone.
/// </summary>
internal static unsafe class ScoreTile<S, V, W, R>
    where S : ISimd<V>
    where V : struct
    where W : IStorage
    where R : IRowCount
{
    /// <summary>Vectors of keys in a tile: sixteen chains with four queries; with two still the eight that hide the latency of the multiply-add.</summary>
    public const int Vectors = 4;

    /// <summary>Sixteen multiply-adds for four loads and four broadcasts.</summary>
    /// <param name="queries">[dim, 8], the first R of each eight read.</param>
    /// <param name="keys">Starts of the four vectors at element 0 of their keys, then of four that are read next, any address.</param>
    /// <param name="keyStride">Bytes from one element of a vector's keys to the next.</param>
    /// <param name="dim">Elements of a key.</param>
    /// <param name="scores">[R, 4 vectors] with <paramref name="scoreStride"/> elements from row to row, written.</param>
    /// <param name="scoreStride">In elements.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(float* queries, byte** keys, nint keyStride, nint dim, float* scores, nint scoreStride)
    {
        V zero = S.Broadcast(0);
        V a0 = zero, a1 = zero, a2 = zero, a3 = zero, b0 = zero, b1 = zero, b2 = zero, b3 = zero;
        V c0 = zero, c1 = zero, c2 = zero, c3 = zero, d0 = zero, d1 = zero, d2 = zero, d3 = zero;
        byte* keys0 = keys[0], keys1 = keys[1], keys2 = keys[2], keys3 = keys[3];
        byte* next0 = keys[4], next1 = keys[5], next2 = keys[6], next3 = keys[7];
        nint end = dim * keyStride;
        for (nint offset = 0; offset < end; offset += keyStride, queries += 8)
        {
            // A block of keys is a page at most: what the processor prefetches by itself ends with it.
            Prefetch.Line(next0 + offset);
            Prefetch.Line(next1 + offset);
            Prefetch.Line(next2 + offset);
            Prefetch.Line(next3 + offset);
            V k0 = W.Load<S, V>(keys0 + offset), k1 = W.Load<S, V>(keys1 + offset);
            V k2 = W.Load<S, V>(keys2 + offset), k3 = W.Load<S, V>(keys3 + offset);
            V q = S.Broadcast(queries[0]);
            a0 = S.MultiplyAdd(q, k0, a0); a1 = S.MultiplyAdd(q, k1, a1); a2 = S.MultiplyAdd(q, k2, a2); a3 = S.MultiplyAdd(q, k3, a3);
            if (R.Count > 1)
            {
                q = S.Broadcast(queries[1]);
                b0 = S.MultiplyAdd(q, k0, b0); b1 = S.MultiplyAdd(q, k1, b1); b2 = S.MultiplyAdd(q, k2, b2); b3 = S.MultiplyAdd(q, k3, b3);
            }
            if (R.Count > 2)
            {
                q = S.Broadcast(queries[2]);
                c0 = S.MultiplyAdd(q, k0, c0); c1 = S.MultiplyAdd(q, k1, c1); c2 = S.MultiplyAdd(q, k2, c2); c3 = S.MultiplyAdd(q, k3, c3);
            }
            if (R.Count > 3)
            {
                q = S.Broadcast(queries[3]);
                d0 = S.MultiplyAdd(q, k0, d0); d1 = S.MultiplyAdd(q, k1, d1); d2 = S.MultiplyAdd(q, k2, d2); d3 = S.MultiplyAdd(q, k3, d3);
            }
        }

        Store(a0, a1, a2, a3, scores);
        if (R.Count > 1)
            Store(b0, b1, b2, b3, scores + scoreStride);
        if (R.Count > 2)
            Store(c0, c1, c2, c3, scores + 2 * scoreStride);
        if (R.Count > 3)
            Store(d0, d1, d2, d3, scores + 3 * scoreStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(V first, V second, V third, V fourth, float* scores)
    {
        S.Store(scores, first);
        S.Store(scores + S.Lanes, second);
        S.Store(scores + 2 * S.Lanes, third);
        S.Store(scores + 3 * S.Lanes, fourth);
    }
}
