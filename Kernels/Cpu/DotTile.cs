using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Agentic.Kernels;

/// <summary>
/// Dot products of a few rows with a few columns, held in registers: scores[r, c] = Σ_k rows[r, k] · columns[c, k], k along the lanes.
/// A score is one chain of fused multiply-adds, even elements of a pair of vectors before odd ones, and one fixed sum across lanes: its
/// bits do not depend on which rows and columns share the tile. Both the linear layer and the attention scores are made of this.
/// </summary>
/// <remarks>Rows are float32 in the order of <see cref="Permutation{S,V}"/>, columns in storage; lengths are whole pairs.</remarks>
internal static unsafe class DotTile<S, V, W, R>
    where S : ISimd<V>
    where V : struct
    where W : IStorage
    where R : IRowCount
{
    /// <summary>Up to four rows with four columns: sixteen chains hide the latency of the multiply-add.</summary>
    /// <param name="rows">[R, length] with <paramref name="rowStride"/> elements from row to row.</param>
    /// <param name="rowStride">In elements.</param>
    /// <param name="column0">Start of the first column.</param>
    /// <param name="column1">Start of the second.</param>
    /// <param name="column2">Start of the third.</param>
    /// <param name="column3">Start of the fourth.</param>
    /// <param name="length">A multiple of two vectors.</param>
    /// <param name="scores">[R, 4] with <paramref name="scoreStride"/> elements from row to row, written.</param>
    /// <param name="scoreStride">In elements.</param>
    /// <param name="ahead">Memory of the columns' size that is read soon, any address.</param>
    /// <param name="near">It is small enough to be prefetched into the first-level cache.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FourColumns(
        float* rows, nint rowStride, byte* column0, byte* column1, byte* column2, byte* column3, nint length,
        float* scores, nint scoreStride, byte* ahead, bool near)
    {
        V zero = S.Broadcast(0);
        V a0 = zero, a1 = zero, a2 = zero, a3 = zero, b0 = zero, b1 = zero, b2 = zero, b3 = zero;
        V c0 = zero, c1 = zero, c2 = zero, c3 = zero, d0 = zero, d1 = zero, d2 = zero, d3 = zero;
        float* rowA = rows, rowB = rows + rowStride, rowC = rowB + rowStride, rowD = rowC + rowStride;
        for (nint k = 0; k < length; k += 2 * S.Lanes)
        {
            nint offset = k * W.Size;
            Prefetch.Lines(ahead + 4 * offset, 8 * S.Lanes * W.Size, near);
            V w0 = W.First<S, V>(column0 + offset), w1 = W.First<S, V>(column1 + offset);
            V w2 = W.First<S, V>(column2 + offset), w3 = W.First<S, V>(column3 + offset);
            V x = S.Load(rowA + k);
            a0 = S.MultiplyAdd(x, w0, a0); a1 = S.MultiplyAdd(x, w1, a1); a2 = S.MultiplyAdd(x, w2, a2); a3 = S.MultiplyAdd(x, w3, a3);
            if (R.Count > 1)
            {
                x = S.Load(rowB + k);
                b0 = S.MultiplyAdd(x, w0, b0); b1 = S.MultiplyAdd(x, w1, b1); b2 = S.MultiplyAdd(x, w2, b2); b3 = S.MultiplyAdd(x, w3, b3);
            }
            if (R.Count > 2)
            {
                x = S.Load(rowC + k);
                c0 = S.MultiplyAdd(x, w0, c0); c1 = S.MultiplyAdd(x, w1, c1); c2 = S.MultiplyAdd(x, w2, c2); c3 = S.MultiplyAdd(x, w3, c3);
            }
            if (R.Count > 3)
            {
                x = S.Load(rowD + k);
                d0 = S.MultiplyAdd(x, w0, d0); d1 = S.MultiplyAdd(x, w1, d1); d2 = S.MultiplyAdd(x, w2, d2); d3 = S.MultiplyAdd(x, w3, d3);
            }

            w0 = W.Second<S, V>(column0 + offset); w1 = W.Second<S, V>(column1 + offset);
            w2 = W.Second<S, V>(column2 + offset); w3 = W.Second<S, V>(column3 + offset);
            x = S.Load(rowA + k + S.Lanes);
            a0 = S.MultiplyAdd(x, w0, a0); a1 = S.MultiplyAdd(x, w1, a1); a2 = S.MultiplyAdd(x, w2, a2); a3 = S.MultiplyAdd(x, w3, a3);
            if (R.Count > 1)
            {
                x = S.Load(rowB + k + S.Lanes);
                b0 = S.MultiplyAdd(x, w0, b0); b1 = S.MultiplyAdd(x, w1, b1); b2 = S.MultiplyAdd(x, w2, b2); b3 = S.MultiplyAdd(x, w3, b3);
            }
            if (R.Count > 2)
            {
                x = S.Load(rowC + k + S.Lanes);
                c0 = S.MultiplyAdd(x, w0, c0); c1 = S.MultiplyAdd(x, w1, c1); c2 = S.MultiplyAdd(x, w2, c2); c3 = S.MultiplyAdd(x, w3, c3);
            }
            if (R.Count > 3)
            {
                x = S.Load(rowD + k + S.Lanes);
                d0 = S.MultiplyAdd(x, w0, d0); d1 = S.MultiplyAdd(x, w1, d1); d2 = S.MultiplyAdd(x, w2, d2); d3 = S.MultiplyAdd(x, w3, d3);
            }
        }

        S.SumAcross(a0, a1, a2, a3).Store(scores);
        if (R.Count > 1)
            S.SumAcross(b0, b1, b2, b3).Store(scores + scoreStride);
        if (R.Count > 2)
            S.SumAcross(c0, c1, c2, c3).Store(scores + 2 * scoreStride);
        if (R.Count > 3)
            S.SumAcross(d0, d1, d2, d3).Store(scores + 3 * scoreStride);
    }

    /// <summary>One or two rows with eight columns, which lie <paramref name="columnStride"/> bytes apart.</summary>
    /// <param name="rows">[R, length] with <paramref name="rowStride"/> elements from row to row.</param>
    /// <param name="rowStride">In elements.</param>
    /// <param name="columns">Start of the first column.</param>
    /// <param name="columnStride">In bytes.</param>
    /// <param name="length">A multiple of two vectors.</param>
    /// <param name="scores">[R, 8] with <paramref name="scoreStride"/> elements from row to row, written.</param>
    /// <param name="scoreStride">In elements.</param>
    /// <param name="ahead">Memory of the columns' size that is read soon, any address.</param>
    /// <param name="near">It is small enough to be prefetched into the first-level cache.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void EightColumns(
        float* rows, nint rowStride, byte* columns, nint columnStride, nint length, float* scores, nint scoreStride,
        byte* ahead, bool near)
    {
        V zero = S.Broadcast(0);
        V a0 = zero, a1 = zero, a2 = zero, a3 = zero, a4 = zero, a5 = zero, a6 = zero, a7 = zero;
        V b0 = zero, b1 = zero, b2 = zero, b3 = zero, b4 = zero, b5 = zero, b6 = zero, b7 = zero;
        byte* column0 = columns, column3 = columns + 3 * columnStride, column6 = column3 + 3 * columnStride;
        float* rowA = rows, rowB = rows + rowStride;
        for (nint k = 0; k < length; k += 2 * S.Lanes)
        {
            Prefetch.Lines(ahead + 8 * k * W.Size, 16 * S.Lanes * W.Size, near);
            V x = S.Load(rowA + k), y = R.Count > 1 ? S.Load(rowB + k) : zero;
            V w = W.First<S, V>(column0);
            a0 = S.MultiplyAdd(x, w, a0);
            if (R.Count > 1) b0 = S.MultiplyAdd(y, w, b0);
            w = W.First<S, V>(column0 + columnStride);
            a1 = S.MultiplyAdd(x, w, a1);
            if (R.Count > 1) b1 = S.MultiplyAdd(y, w, b1);
            w = W.First<S, V>(column0 + 2 * columnStride);
            a2 = S.MultiplyAdd(x, w, a2);
            if (R.Count > 1) b2 = S.MultiplyAdd(y, w, b2);
            w = W.First<S, V>(column3);
            a3 = S.MultiplyAdd(x, w, a3);
            if (R.Count > 1) b3 = S.MultiplyAdd(y, w, b3);
            w = W.First<S, V>(column3 + columnStride);
            a4 = S.MultiplyAdd(x, w, a4);
            if (R.Count > 1) b4 = S.MultiplyAdd(y, w, b4);
            w = W.First<S, V>(column3 + 2 * columnStride);
            a5 = S.MultiplyAdd(x, w, a5);
            if (R.Count > 1) b5 = S.MultiplyAdd(y, w, b5);
            w = W.First<S, V>(column6);
            a6 = S.MultiplyAdd(x, w, a6);
            if (R.Count > 1) b6 = S.MultiplyAdd(y, w, b6);
            w = W.First<S, V>(column6 + columnStride);
            a7 = S.MultiplyAdd(x, w, a7);
            if (R.Count > 1) b7 = S.MultiplyAdd(y, w, b7);

            x = S.Load(rowA + k + S.Lanes);
            if (R.Count > 1) y = S.Load(rowB + k + S.Lanes);
            w = W.Second<S, V>(column0);
            a0 = S.MultiplyAdd(x, w, a0);
            if (R.Count > 1) b0 = S.MultiplyAdd(y, w, b0);
            w = W.Second<S, V>(column0 + columnStride);
            a1 = S.MultiplyAdd(x, w, a1);
            if (R.Count > 1) b1 = S.MultiplyAdd(y, w, b1);
            w = W.Second<S, V>(column0 + 2 * columnStride);
            a2 = S.MultiplyAdd(x, w, a2);
            if (R.Count > 1) b2 = S.MultiplyAdd(y, w, b2);
            w = W.Second<S, V>(column3);
            a3 = S.MultiplyAdd(x, w, a3);
            if (R.Count > 1) b3 = S.MultiplyAdd(y, w, b3);
            w = W.Second<S, V>(column3 + columnStride);
            a4 = S.MultiplyAdd(x, w, a4);
            if (R.Count > 1) b4 = S.MultiplyAdd(y, w, b4);
            w = W.Second<S, V>(column3 + 2 * columnStride);
            a5 = S.MultiplyAdd(x, w, a5);
            if (R.Count > 1) b5 = S.MultiplyAdd(y, w, b5);
            w = W.Second<S, V>(column6);
            a6 = S.MultiplyAdd(x, w, a6);
            if (R.Count > 1) b6 = S.MultiplyAdd(y, w, b6);
            w = W.Second<S, V>(column6 + columnStride);
            a7 = S.MultiplyAdd(x, w, a7);
            if (R.Count > 1) b7 = S.MultiplyAdd(y, w, b7);

            nint pair = 2 * S.Lanes * W.Size;
            column0 += pair; column3 += pair; column6 += pair;
        }

        S.SumAcross(a0, a1, a2, a3).Store(scores);
        S.SumAcross(a4, a5, a6, a7).Store(scores + 4);
        if (R.Count > 1)
        {
            S.SumAcross(b0, b1, b2, b3).Store(scores + scoreStride);
            S.SumAcross(b4, b5, b6, b7).Store(scores + scoreStride + 4);
        }
    }
}
