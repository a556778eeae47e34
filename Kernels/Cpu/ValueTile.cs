using System.Runtime.CompilerServices;

namespace Agentic.Kernels;

/// <summary>Values of keys that lie next to each other.</summary>
internal unsafe struct ValueRun
{
    /// <summary>[Keys, dim] in storage.</summary>
    public byte* Values;

    /// <summary>Values that are read soon, any address.</summary>
    public byte* Ahead;

    /// <summary>How many.</summary>
    public nint Keys;
}

/// <summary>
/// The weighted sum of values: sums[r, i] += Σ_key weights[r, key] · values[key, i] for up to four rows, key after key in rising order.
/// Each element is one chain of fused multiply-adds over the keys, so it does not matter where a run of keys is cut or who shares the tile.
/// </summary>
internal static unsafe class ValueTile<S, V, W, R>
    where S : ISimd<V>
    where V : struct
    where W : IStorage
    where R : IRowCount
{
    /// <summary>Runs of keys, one after the other.</summary>
    /// <param name="weights">[R, keys of all runs] with <paramref name="weightStride"/> elements from row to row.</param>
    /// <param name="weightStride">In elements.</param>
    /// <param name="runs">Keys in rising order.</param>
    /// <param name="count">Runs.</param>
    /// <param name="dim">A multiple of two vectors.</param>
    /// <param name="sums">[R, dim] in storage order, added to.</param>
    public static void Accumulate(float* weights, nint weightStride, ValueRun* runs, int count, nint dim, float* sums)
    {
        nint i = 0;
        for (; i + 4 * S.Lanes <= dim; i += 4 * S.Lanes)
            TwoPairs(weights, weightStride, runs, count, i * W.Size, dim, sums + i);
        if (i < dim)
            OnePair(weights, weightStride, runs, count, i * W.Size, dim, sums + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TwoPairs(float* weights, nint weightStride, ValueRun* runs, int count, nint pairs, nint dim, float* sums)
    {
        V zero = S.Broadcast(0);
        int lanes = S.Lanes;
        float* sumsB = sums + dim, sumsC = sumsB + dim, sumsD = sumsC + dim;
        V a0 = S.Load(sums), a1 = S.Load(sums + lanes), a2 = S.Load(sums + 2 * lanes), a3 = S.Load(sums + 3 * lanes);
        V b0 = zero, b1 = zero, b2 = zero, b3 = zero;
        V c0 = zero, c1 = zero, c2 = zero, c3 = zero, d0 = zero, d1 = zero, d2 = zero, d3 = zero;
        if (R.Count > 1)
        {
            b0 = S.Load(sumsB); b1 = S.Load(sumsB + lanes); b2 = S.Load(sumsB + 2 * lanes); b3 = S.Load(sumsB + 3 * lanes);
        }
        if (R.Count > 2)
        {
            c0 = S.Load(sumsC); c1 = S.Load(sumsC + lanes); c2 = S.Load(sumsC + 2 * lanes); c3 = S.Load(sumsC + 3 * lanes);
        }
        if (R.Count > 3)
        {
            d0 = S.Load(sumsD); d1 = S.Load(sumsD + lanes); d2 = S.Load(sumsD + 2 * lanes); d3 = S.Load(sumsD + 3 * lanes);
        }

        for (ValueRun* run = runs; run < runs + count; weights += run++->Keys)
        {
            byte* values = run->Values + pairs, ahead = run->Ahead + pairs;
            for (nint key = 0; key < run->Keys; key++)
            {
                byte* upper = values + 2 * lanes * W.Size;
                V v0 = W.First<S, V>(values), v1 = W.Second<S, V>(values), v2 = W.First<S, V>(upper), v3 = W.Second<S, V>(upper);
                Prefetch.Lines(ahead, 4 * S.Lanes * W.Size, near: true);
                values += dim * W.Size;
                ahead += dim * W.Size;
                V p = S.Broadcast(weights[key]);
                a0 = S.MultiplyAdd(p, v0, a0); a1 = S.MultiplyAdd(p, v1, a1);
                a2 = S.MultiplyAdd(p, v2, a2); a3 = S.MultiplyAdd(p, v3, a3);
                if (R.Count > 1)
                {
                    p = S.Broadcast(weights[weightStride + key]);
                    b0 = S.MultiplyAdd(p, v0, b0); b1 = S.MultiplyAdd(p, v1, b1);
                    b2 = S.MultiplyAdd(p, v2, b2); b3 = S.MultiplyAdd(p, v3, b3);
                }
                if (R.Count > 2)
                {
                    p = S.Broadcast(weights[2 * weightStride + key]);
                    c0 = S.MultiplyAdd(p, v0, c0); c1 = S.MultiplyAdd(p, v1, c1);
                    c2 = S.MultiplyAdd(p, v2, c2); c3 = S.MultiplyAdd(p, v3, c3);
                }
                if (R.Count > 3)
                {
                    p = S.Broadcast(weights[3 * weightStride + key]);
                    d0 = S.MultiplyAdd(p, v0, d0); d1 = S.MultiplyAdd(p, v1, d1);
                    d2 = S.MultiplyAdd(p, v2, d2); d3 = S.MultiplyAdd(p, v3, d3);
                }
            }
        }

        S.Store(sums, a0); S.Store(sums + lanes, a1); S.Store(sums + 2 * lanes, a2); S.Store(sums + 3 * lanes, a3);
        if (R.Count > 1)
        {
            S.Store(sumsB, b0); S.Store(sumsB + lanes, b1); S.Store(sumsB + 2 * lanes, b2); S.Store(sumsB + 3 * lanes, b3);
        }
        if (R.Count > 2)
        {
            S.Store(sumsC, c0); S.Store(sumsC + lanes, c1); S.Store(sumsC + 2 * lanes, c2); S.Store(sumsC + 3 * lanes, c3);
        }
        if (R.Count > 3)
        {
            S.Store(sumsD, d0); S.Store(sumsD + lanes, d1); S.Store(sumsD + 2 * lanes, d2); S.Store(sumsD + 3 * lanes, d3);
        }
    }

    // Only head dimensions such as 24 or 96 end with a single pair; rows one after the other are good enough for it.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OnePair(float* weights, nint weightStride, ValueRun* runs, int count, nint pair, nint dim, float* sums)
    {
        for (int row = 0; row < R.Count; row++)
        {
            V first = S.Load(sums), second = S.Load(sums + S.Lanes);
            float* weight = weights;
            for (ValueRun* run = runs; run < runs + count; run++)
            {
                byte* values = run->Values + pair;
                for (nint key = 0; key < run->Keys; key++, values += dim * W.Size)
                {
                    V p = S.Broadcast(*weight++);
                    first = S.MultiplyAdd(p, W.First<S, V>(values), first);
                    second = S.MultiplyAdd(p, W.Second<S, V>(values), second);
                }
            }
            S.Store(sums, first);
            S.Store(sums + S.Lanes, second);
            weights += weightStride;
            sums += dim;
        }
    }
}
