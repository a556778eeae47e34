using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Agentic.Kernels;

/// <summary>
/// Dot products of a few rows with a few columns, held in registers: scores[r, c] = Σ_k rows[r, k] · columns[c, k], k along the lanes.
/// A score is one chain of fused multiply-adds, even elements of a pair of vectors before odd ones, and one fixed sum across lanes: its
/// bits do not depend on which rows and columns share the tile.
/// </summary>
/// <remarks>
/// Rows are float32 in the order of <see cref="Permutation{S,V}"/>, columns in storage; lengths are whole pairs. With the 32 registers
/// of AVX-512 two rows by eight columns are faster than four by four, with 16 registers two by four, which do not spill.
/// </remarks>
internal static unsafe class DotTile<S, V, W, R>
    where S : ISimd<V>
    where V : struct
    where W : IStorage
    where R : IRowCount
{
    /// <summary>Rows with groups of eight columns, which lie <paramref name="columnStride"/> bytes apart. A call of its own for each tile
    /// would take half as long again as a tile of 256 elements.</summary>
    /// <param name="rows">[rowCount, length] with <paramref name="rowStride"/> elements from row to row.</param>
    /// <param name="rowStride">In elements.</param>
    /// <param name="rowCount">One for a tile of one row; a tile of two takes the last of an odd number twice.</param>
    /// <param name="columns">Start of the first column.</param>
    /// <param name="columnStride">In bytes.</param>
    /// <param name="groups">Of eight columns.</param>
    /// <param name="length">A multiple of two vectors.</param>
    /// <param name="scores">[rowCount, 8 · groups] with <paramref name="scoreStride"/> elements from row to row, written.</param>
    /// <param name="scoreStride">In elements.</param>
    /// <param name="ahead">Bytes from a group's columns to those that are prefetched with it.</param>
    /// <param name="near">They are few enough for the first-level cache.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)] // in a caller's frame it would be out of registers
    public static void Multiply(
        float* rows, nint rowStride, nint rowCount, byte* columns, nint columnStride, nint groups, nint length,
        float* scores, nint scoreStride, nint ahead, bool near)
    {
        for (; groups > 0; groups--, columns += 8 * columnStride, scores += 8)
        {
            float* rowA = rows, scoresA = scores;
            for (nint row = 0; row < rowCount; row += R.Count, rowA += R.Count * rowStride, scoresA += R.Count * scoreStride)
            {
                bool both = row + 1 < rowCount;
                float* rowB = both ? rowA + rowStride : rowA, scoresB = both ? scoresA + scoreStride : scoresA;
                if (S.Lanes == Simd512.Lanes || R.Count == 1)
                {
                    EightColumns(rowA, rowB, columns, columnStride, length, scoresA, scoresB, columns + ahead, near);
                    continue;
                }
                TwoByFour(rowA, rowB, columns, columnStride, length, scoresA, scoresB, columns + ahead, near);
                TwoByFour(
                    rowA, rowB, columns + 4 * columnStride, columnStride, length, scoresA + 4, scoresB + 4,
                    columns + ahead + 4 * length * W.Size, near);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TwoByFour(
        float* rowA, float* rowB, byte* columns, nint columnStride, nint length, float* scoresA, float* scoresB, byte* ahead, bool near)
    {
        V zero = S.Broadcast(0);
        V a0 = zero, a1 = zero, a2 = zero, a3 = zero, b0 = zero, b1 = zero, b2 = zero, b3 = zero;
        byte* column0 = columns, column3 = columns + 3 * columnStride;
        for (nint k = 0; k < length; k += 2 * S.Lanes)
        {
            Prefetch.Lines(ahead + 4 * k * W.Size, 8 * S.Lanes * W.Size, near);
            V x = S.Load(rowA + k), y = S.Load(rowB + k);
            V w = W.First<S, V>(column0);
            a0 = S.MultiplyAdd(x, w, a0); b0 = S.MultiplyAdd(y, w, b0);
            w = W.First<S, V>(column0 + columnStride);
            a1 = S.MultiplyAdd(x, w, a1); b1 = S.MultiplyAdd(y, w, b1);
            w = W.First<S, V>(column0 + 2 * columnStride);
            a2 = S.MultiplyAdd(x, w, a2); b2 = S.MultiplyAdd(y, w, b2);
            w = W.First<S, V>(column3);
            a3 = S.MultiplyAdd(x, w, a3); b3 = S.MultiplyAdd(y, w, b3);

            x = S.Load(rowA + k + S.Lanes);
            y = S.Load(rowB + k + S.Lanes);
            w = W.Second<S, V>(column0);
            a0 = S.MultiplyAdd(x, w, a0); b0 = S.MultiplyAdd(y, w, b0);
            w = W.Second<S, V>(column0 + columnStride);
            a1 = S.MultiplyAdd(x, w, a1); b1 = S.MultiplyAdd(y, w, b1);
            w = W.Second<S, V>(column0 + 2 * columnStride);
            a2 = S.MultiplyAdd(x, w, a2); b2 = S.MultiplyAdd(y, w, b2);
            w = W.Second<S, V>(column3);
            a3 = S.MultiplyAdd(x, w, a3); b3 = S.MultiplyAdd(y, w, b3);

            nint pair = 2 * S.Lanes * W.Size;
            column0 += pair; column3 += pair;
        }

        S.SumAcross(a0, a1, a2, a3).Store(scoresA);
        S.SumAcross(b0, b1, b2, b3).Store(scoresB);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void EightColumns(
        float* rowA, float* rowB, byte* columns, nint columnStride, nint length, float* scoresA, float* scoresB, byte* ahead, bool near)
    {
        V zero = S.Broadcast(0);
        V a0 = zero, a1 = zero, a2 = zero, a3 = zero, a4 = zero, a5 = zero, a6 = zero, a7 = zero;
        V b0 = zero, b1 = zero, b2 = zero, b3 = zero, b4 = zero, b5 = zero, b6 = zero, b7 = zero;
        byte* column0 = columns, column3 = columns + 3 * columnStride, column6 = column3 + 3 * columnStride;
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

        if (R.Count > 1)
        {
            S.StoreSums(a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7, scoresA, scoresB);
            return;
        }
        S.SumAcross(a0, a1, a2, a3).Store(scoresA);
        S.SumAcross(a4, a5, a6, a7).Store(scoresA + 4);
    }
}
