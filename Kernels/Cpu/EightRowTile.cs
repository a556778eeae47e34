using System.Runtime.CompilerServices;

namespace Agentic.Kernels;

/// <summary>
/// The scores of <see cref="ScoreTile{S,V,W,R}"/> and the weighted sums of <see cref="ValueTile{S,V,W,R}"/> for eight rows at once: the
/// same chains, two vectors wide. For machines of 32 registers, where two multiply-adds for each broadcast are faster than
/// four with four rows at once.
/// </summary>
internal static unsafe class EightRowTile<S, V, W>
    where S : ISimd<V>
    where V : struct
    where W : IStorage
{
    public const int Rows = 8;

    /// <summary>Whether the registers hold sixteen sums and what is multiplied.</summary>
    public static bool Fits => S.Lanes == Simd512.Lanes;

    /// <summary>Eight queries against two vectors of keys.</summary>
    /// <param name="queries">[dim, 8].</param>
    /// <param name="keys">Start of the first vector, then of the second.</param>
    /// <param name="next">Starts of the two that are read next, any address.</param>
    /// <param name="keyStride">Bytes from one element of a vector's keys to the next.</param>
    /// <param name="dim">Elements of a key.</param>
    /// <param name="scores">[8, 2 vectors] with <paramref name="stride"/> elements from row to row, written.</param>
    /// <param name="stride">In elements.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(float* queries, byte** keys, byte** next, nint keyStride, nint dim, float* scores, nint stride)
    {
        V zero = S.Broadcast(0);
        V a0 = zero, a1 = zero, b0 = zero, b1 = zero, c0 = zero, c1 = zero, d0 = zero, d1 = zero;
        V e0 = zero, e1 = zero, f0 = zero, f1 = zero, g0 = zero, g1 = zero, h0 = zero, h1 = zero;
        byte* keys0 = keys[0], keys1 = keys[1], next0 = next[0], next1 = next[1];
        nint end = dim * keyStride;
        for (nint offset = 0; offset < end; offset += keyStride, queries += Rows)
        {
            Prefetch.Line(next0 + offset);
            Prefetch.Line(next1 + offset);
            V k0 = W.Load<S, V>(keys0 + offset), k1 = W.Load<S, V>(keys1 + offset);
            V q = S.Broadcast(queries[0]);
            a0 = S.MultiplyAdd(q, k0, a0); a1 = S.MultiplyAdd(q, k1, a1);
            q = S.Broadcast(queries[1]);
            b0 = S.MultiplyAdd(q, k0, b0); b1 = S.MultiplyAdd(q, k1, b1);
            q = S.Broadcast(queries[2]);
            c0 = S.MultiplyAdd(q, k0, c0); c1 = S.MultiplyAdd(q, k1, c1);
            q = S.Broadcast(queries[3]);
            d0 = S.MultiplyAdd(q, k0, d0); d1 = S.MultiplyAdd(q, k1, d1);
            q = S.Broadcast(queries[4]);
            e0 = S.MultiplyAdd(q, k0, e0); e1 = S.MultiplyAdd(q, k1, e1);
            q = S.Broadcast(queries[5]);
            f0 = S.MultiplyAdd(q, k0, f0); f1 = S.MultiplyAdd(q, k1, f1);
            q = S.Broadcast(queries[6]);
            g0 = S.MultiplyAdd(q, k0, g0); g1 = S.MultiplyAdd(q, k1, g1);
            q = S.Broadcast(queries[7]);
            h0 = S.MultiplyAdd(q, k0, h0); h1 = S.MultiplyAdd(q, k1, h1);
        }

        Store(scores, a0, a1);
        Store(scores + stride, b0, b1);
        Store(scores + 2 * stride, c0, c1);
        Store(scores + 3 * stride, d0, d1);
        Store(scores + 4 * stride, e0, e1);
        Store(scores + 5 * stride, f0, f1);
        Store(scores + 6 * stride, g0, g1);
        Store(scores + 7 * stride, h0, h1);
    }

    /// <summary>sums[r, i] += Σ_key weights[r, key] · values[key, i] over runs of keys.</summary>
    /// <param name="weights">[8, keys of all runs] with <paramref name="stride"/> elements from row to row.</param>
    /// <param name="stride">In elements.</param>
    /// <param name="runs">Keys in rising order.</param>
    /// <param name="count">Runs.</param>
    /// <param name="dim">A multiple of two vectors.</param>
    /// <param name="sums">[8, dim] in storage order, added to.</param>
    public static void Accumulate(float* weights, nint stride, ValueRun* runs, int count, nint dim, float* sums)
    {
        for (nint i = 0; i < dim; i += 2 * S.Lanes)
            AccumulatePair(weights, stride, runs, count, dim, i * W.Size, sums + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AccumulatePair(float* weights, nint stride, ValueRun* runs, int count, nint dim, nint pair, float* sums)
    {
        int lanes = S.Lanes;
        V a0 = S.Load(sums), a1 = S.Load(sums + lanes);
        V b0 = S.Load(sums + dim), b1 = S.Load(sums + dim + lanes);
        V c0 = S.Load(sums + 2 * dim), c1 = S.Load(sums + 2 * dim + lanes);
        V d0 = S.Load(sums + 3 * dim), d1 = S.Load(sums + 3 * dim + lanes);
        V e0 = S.Load(sums + 4 * dim), e1 = S.Load(sums + 4 * dim + lanes);
        V f0 = S.Load(sums + 5 * dim), f1 = S.Load(sums + 5 * dim + lanes);
        V g0 = S.Load(sums + 6 * dim), g1 = S.Load(sums + 6 * dim + lanes);
        V h0 = S.Load(sums + 7 * dim), h1 = S.Load(sums + 7 * dim + lanes);

        float* weights3 = weights + 3 * stride, weights6 = weights3 + 3 * stride;
        for (ValueRun* run = runs; run < runs + count; run++)
        {
            byte* values = run->Values + pair, ahead = run->Ahead + pair;
            for (byte* end = values + run->Keys * dim * W.Size; values < end; values += dim * W.Size, ahead += dim * W.Size)
            {
                V v0 = W.First<S, V>(values), v1 = W.Second<S, V>(values);
                Prefetch.Lines(ahead, 2 * S.Lanes * W.Size, near: true);
                V p = S.Broadcast(*weights);
                a0 = S.MultiplyAdd(p, v0, a0); a1 = S.MultiplyAdd(p, v1, a1);
                p = S.Broadcast(weights[stride]);
                b0 = S.MultiplyAdd(p, v0, b0); b1 = S.MultiplyAdd(p, v1, b1);
                p = S.Broadcast(weights[2 * stride]);
                c0 = S.MultiplyAdd(p, v0, c0); c1 = S.MultiplyAdd(p, v1, c1);
                p = S.Broadcast(*weights3);
                d0 = S.MultiplyAdd(p, v0, d0); d1 = S.MultiplyAdd(p, v1, d1);
                p = S.Broadcast(weights3[stride]);
                e0 = S.MultiplyAdd(p, v0, e0); e1 = S.MultiplyAdd(p, v1, e1);
                p = S.Broadcast(weights3[2 * stride]);
                f0 = S.MultiplyAdd(p, v0, f0); f1 = S.MultiplyAdd(p, v1, f1);
                p = S.Broadcast(*weights6);
                g0 = S.MultiplyAdd(p, v0, g0); g1 = S.MultiplyAdd(p, v1, g1);
                p = S.Broadcast(weights6[stride]);
                h0 = S.MultiplyAdd(p, v0, h0); h1 = S.MultiplyAdd(p, v1, h1);
                weights++; weights3++; weights6++;
            }
        }

        Store(sums, a0, a1);
        Store(sums + dim, b0, b1);
        Store(sums + 2 * dim, c0, c1);
        Store(sums + 3 * dim, d0, d1);
        Store(sums + 4 * dim, e0, e1);
        Store(sums + 5 * dim, f0, f1);
        Store(sums + 6 * dim, g0, g1);
        Store(sums + 7 * dim, h0, h1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* target, V first, V second)
    {
        S.Store(target, first);
        S.Store(target + S.Lanes, second);
    }
}
