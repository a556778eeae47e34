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
/// of AVX-512 two rows by eight columns are as fast as three by eight and faster than four by four, so rows go by two, and the last three of an
/// odd number together. With 16 registers two rows by four columns do not spill, and a last row goes alone.
/// </remarks>
internal static unsafe class DotTile<S, V, W>
    where S : ISimd<V>
    where V : struct
    where W : IStorage
{
    /// <summary>Rows with groups of eight columns, which lie <paramref name="columnStride"/> bytes apart.</summary>
    /// <param name="rows">[rowCount, length] with <paramref name="rowStride"/> elements from row to row.</param>
    /// <param name="rowStride">In elements.</param>
    /// <param name="rowCount">At least one.</param>
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
        bool wide = S.Lanes == Simd512.Lanes;
        nint last = rowCount % 2 == 0 ? 0 : wide ? Math.Min(3, rowCount) : 1, pairs = (rowCount - last) / 2;
        nint atOnce = pairs == 0 || (wide && last == 0) ? groups : 1; // a call for each tile takes 4 % of a tile's time
        for (; groups > 0; groups -= atOnce, columns += 8 * columnStride, scores += 8)
        {
            if (wide && pairs > 0)
                EightColumns<TwoRows>(rows, rowStride, pairs, columns, columnStride, atOnce, length, scores, scoreStride, ahead, near);
            for (nint r = 0; !wide && r < 2 * pairs; r += 2)
            {
                float* row = rows + r * rowStride, rowScores = scores + r * scoreStride;
                TwoByFour(row, row + rowStride, columns, columnStride, length, rowScores, rowScores + scoreStride, columns + ahead, near);
                TwoByFour(
                    row, row + rowStride, columns + 4 * columnStride, columnStride, length, rowScores + 4, rowScores + scoreStride + 4,
                    columns + ahead + 4 * length * W.Size, near);
            }
            float* lastRow = rows + 2 * pairs * rowStride, lastScores = scores + 2 * pairs * scoreStride;
            if (last == 1)
                EightColumns<OneRow>(lastRow, rowStride, 1, columns, columnStride, atOnce, length, lastScores, scoreStride, ahead, near);
            else if (wide && last == 3)
                EightColumns<ThreeRows>(lastRow, rowStride, 1, columns, columnStride, atOnce, length, lastScores, scoreStride, ahead, near);
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void EightColumns<R>(
        float* rows, nint rowStride, nint tiles, byte* columns, nint columnStride, nint groups, nint length,
        float* scores, nint scoreStride, nint ahead, bool near)
        where R : IRowCount
    {
        V zero = S.Broadcast(0);
        for (; groups > 0; groups--, columns += 8 * columnStride, scores += 8)
        {
            float* rowA = rows, tileScores = scores;
            for (nint tile = 0; tile < tiles; tile++, rowA += R.Count * rowStride, tileScores += R.Count * scoreStride)
            {
                float* rowB = rowA + rowStride, rowC = rowB + rowStride;
                V a0 = zero, a1 = zero, a2 = zero, a3 = zero, a4 = zero, a5 = zero, a6 = zero, a7 = zero;
                V b0 = zero, b1 = zero, b2 = zero, b3 = zero, b4 = zero, b5 = zero, b6 = zero, b7 = zero;
                V c0 = zero, c1 = zero, c2 = zero, c3 = zero, c4 = zero, c5 = zero, c6 = zero, c7 = zero;
                byte* column0 = columns, column3 = columns + 3 * columnStride, column6 = column3 + 3 * columnStride;
                for (nint k = 0; k < length; k += 2 * S.Lanes)
                {
                    Prefetch.Lines(columns + ahead + 8 * k * W.Size, 16 * S.Lanes * W.Size, near);
                    V x = S.Load(rowA + k), y = R.Count > 1 ? S.Load(rowB + k) : zero, z = R.Count > 2 ? S.Load(rowC + k) : zero;
                    Add<R>(W.First<S, V>(column0), x, y, z, ref a0, ref b0, ref c0);
                    Add<R>(W.First<S, V>(column0 + columnStride), x, y, z, ref a1, ref b1, ref c1);
                    Add<R>(W.First<S, V>(column0 + 2 * columnStride), x, y, z, ref a2, ref b2, ref c2);
                    Add<R>(W.First<S, V>(column3), x, y, z, ref a3, ref b3, ref c3);
                    Add<R>(W.First<S, V>(column3 + columnStride), x, y, z, ref a4, ref b4, ref c4);
                    Add<R>(W.First<S, V>(column3 + 2 * columnStride), x, y, z, ref a5, ref b5, ref c5);
                    Add<R>(W.First<S, V>(column6), x, y, z, ref a6, ref b6, ref c6);
                    Add<R>(W.First<S, V>(column6 + columnStride), x, y, z, ref a7, ref b7, ref c7);

                    // Three rows leave no registers to keep eight vectors of columns in: behind other addresses the compiler reads them again.
                    byte* again0 = R.Count > 2 ? columns + k * W.Size : column0;
                    byte* again3 = R.Count > 2 ? again0 + 3 * columnStride : column3, again6 = R.Count > 2 ? again3 + 3 * columnStride : column6;
                    x = S.Load(rowA + k + S.Lanes);
                    if (R.Count > 1) y = S.Load(rowB + k + S.Lanes);
                    if (R.Count > 2) z = S.Load(rowC + k + S.Lanes);
                    Add<R>(W.Second<S, V>(again0), x, y, z, ref a0, ref b0, ref c0);
                    Add<R>(W.Second<S, V>(again0 + columnStride), x, y, z, ref a1, ref b1, ref c1);
                    Add<R>(W.Second<S, V>(again0 + 2 * columnStride), x, y, z, ref a2, ref b2, ref c2);
                    Add<R>(W.Second<S, V>(again3), x, y, z, ref a3, ref b3, ref c3);
                    Add<R>(W.Second<S, V>(again3 + columnStride), x, y, z, ref a4, ref b4, ref c4);
                    Add<R>(W.Second<S, V>(again3 + 2 * columnStride), x, y, z, ref a5, ref b5, ref c5);
                    Add<R>(W.Second<S, V>(again6), x, y, z, ref a6, ref b6, ref c6);
                    Add<R>(W.Second<S, V>(again6 + columnStride), x, y, z, ref a7, ref b7, ref c7);

                    nint pair = 2 * S.Lanes * W.Size;
                    column0 += pair; column3 += pair; column6 += pair;
                }

                if (R.Count > 1)
                {
                    S.StoreSums(a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7, tileScores, tileScores + scoreStride);
                }
                else
                {
                    S.SumAcross(a0, a1, a2, a3).Store(tileScores);
                    S.SumAcross(a4, a5, a6, a7).Store(tileScores + 4);
                }
                if (R.Count > 2)
                {
                    S.SumAcross(c0, c1, c2, c3).Store(tileScores + 2 * scoreStride);
                    S.SumAcross(c4, c5, c6, c7).Store(tileScores + 2 * scoreStride + 4);
                }
            }
        }
    }

    /// <summary>A part of a column times as many rows as the tile has.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<R>(V column, V x, V y, V z, ref V a, ref V b, ref V c)
        where R : IRowCount
    {
        a = S.MultiplyAdd(x, column, a);
        if (R.Count > 1) b = S.MultiplyAdd(y, column, b);
        if (R.Count > 2) c = S.MultiplyAdd(z, column, c);
    }
}
