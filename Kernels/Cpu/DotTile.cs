using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Agentic.Kernels;

/// <summary>
/// Dot products of a few rows with a few columns, held in registers: scores[r, c] = Σ_k rows[r, k] · columns[c, k], k along the lanes.
/// A score is one chain of fused multiply-adds, even elements of a pair of vectors before odd ones, and one fixed sum across lanes: its
/// bits do not depend on which rows and columns share the tile.
/// </summary>
/// <remarks>
/// Rows are float32 in the order of <see cref="Permutation{S,V}"/>, columns in storage; lengths are whole pairs. Intel's processors widen and
/// multiply with AVX-512 in the same two units: a column of 16-bit storage, widened for four rows at a time, leaves four fifths of them to the
/// multiplications, for two rows two thirds. So with 32 registers rows go by four with four columns (4 to 16 rows: a tenth less time than by two); those left
/// over, and rows with columns of float32, by two with eight, and the last three of an odd number together. With 16 registers two rows by four
/// columns do not spill, and a last row goes alone.
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
        nint fours = wide && W.Interleaved ? rowCount / 4 : 0, left = rowCount - 4 * fours;
        nint last = left % 2 == 0 ? 0 : wide ? Math.Min(3, left) : 1, pairs = (left - last) / 2;
        bool isOneKind = (fours > 0 ? 1 : 0) + (pairs > 0 ? 1 : 0) + (last > 0 ? 1 : 0) == 1;
        nint atOnce = isOneKind && (wide || pairs == 0) ? groups : 1; // a call for each tile takes 4 % of a tile's time
        for (; groups > 0; groups -= atOnce, columns += 8 * columnStride, scores += 8)
        {
            if (fours > 0)
                FourByFour(rows, rowStride, fours, columns, columnStride, 2 * atOnce, length, scores, scoreStride, ahead, near);
            float* pairRow = rows + 4 * fours * rowStride, pairScores = scores + 4 * fours * scoreStride;
            if (wide && pairs > 0)
                EightColumns<TwoRows>(pairRow, rowStride, pairs, columns, columnStride, atOnce, length, pairScores, scoreStride, ahead, near);
            for (nint r = 0; !wide && r < 2 * pairs; r += 2)
            {
                float* row = rows + r * rowStride, rowScores = scores + r * scoreStride;
                TwoByFour(row, row + rowStride, columns, columnStride, length, rowScores, rowScores + scoreStride, columns + ahead, near);
                TwoByFour(
                    row, row + rowStride, columns + 4 * columnStride, columnStride, length, rowScores + 4, rowScores + scoreStride + 4,
                    columns + ahead + 4 * length * W.Size, near);
            }

            float* lastRow = rows + (rowCount - last) * rowStride, lastScores = scores + (rowCount - last) * scoreStride;
            if (last == 1)
                EightColumns<OneRow>(lastRow, rowStride, 1, columns, columnStride, atOnce, length, lastScores, scoreStride, ahead, near);
            else if (wide && last == 3)
                EightColumns<ThreeRows>(lastRow, rowStride, 1, columns, columnStride, atOnce, length, lastScores, scoreStride, ahead, near);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void FourByFour(
        float* rows, nint rowStride, nint tiles, byte* columns, nint columnStride, nint groups, nint length,
        float* scores, nint scoreStride, nint ahead, bool near)
    {
        V zero = S.Broadcast(0);
        for (; groups > 0; groups--, columns += 4 * columnStride, scores += 4)
        {
            float* rowA = rows, tileScores = scores;
            for (nint tile = 0; tile < tiles; tile++, rowA += 4 * rowStride, tileScores += 4 * scoreStride)
            {
                float* rowD = rowA + 3 * rowStride;
                V a0 = zero, a1 = zero, a2 = zero, a3 = zero, b0 = zero, b1 = zero, b2 = zero, b3 = zero;
                V c0 = zero, c1 = zero, c2 = zero, c3 = zero, d0 = zero, d1 = zero, d2 = zero, d3 = zero;
                byte* column0 = columns, column3 = columns + 3 * columnStride;
                for (nint k = 0; k < length; k += 2 * S.Lanes)
                {
                    Prefetch.Lines(columns + ahead + 4 * k * W.Size, 8 * S.Lanes * W.Size, near);
                    V x = S.Load(rowA + k), y = S.Load(rowA + rowStride + k), z = S.Load(rowA + 2 * rowStride + k), u = S.Load(rowD + k);
                    V w = W.First<S, V>(column0);
                    a0 = S.MultiplyAdd(x, w, a0); b0 = S.MultiplyAdd(y, w, b0); c0 = S.MultiplyAdd(z, w, c0); d0 = S.MultiplyAdd(u, w, d0);
                    w = W.First<S, V>(column0 + columnStride);
                    a1 = S.MultiplyAdd(x, w, a1); b1 = S.MultiplyAdd(y, w, b1); c1 = S.MultiplyAdd(z, w, c1); d1 = S.MultiplyAdd(u, w, d1);
                    w = W.First<S, V>(column0 + 2 * columnStride);
                    a2 = S.MultiplyAdd(x, w, a2); b2 = S.MultiplyAdd(y, w, b2); c2 = S.MultiplyAdd(z, w, c2); d2 = S.MultiplyAdd(u, w, d2);
                    w = W.First<S, V>(column3);
                    a3 = S.MultiplyAdd(x, w, a3); b3 = S.MultiplyAdd(y, w, b3); c3 = S.MultiplyAdd(z, w, c3); d3 = S.MultiplyAdd(u, w, d3);

                    nint second = k + S.Lanes;
                    x = S.Load(rowA + second); y = S.Load(rowA + rowStride + second); z = S.Load(rowA + 2 * rowStride + second); u = S.Load(rowD + second);
                    w = W.Second<S, V>(column0);
                    a0 = S.MultiplyAdd(x, w, a0); b0 = S.MultiplyAdd(y, w, b0); c0 = S.MultiplyAdd(z, w, c0); d0 = S.MultiplyAdd(u, w, d0);
                    w = W.Second<S, V>(column0 + columnStride);
                    a1 = S.MultiplyAdd(x, w, a1); b1 = S.MultiplyAdd(y, w, b1); c1 = S.MultiplyAdd(z, w, c1); d1 = S.MultiplyAdd(u, w, d1);
                    w = W.Second<S, V>(column0 + 2 * columnStride);
                    a2 = S.MultiplyAdd(x, w, a2); b2 = S.MultiplyAdd(y, w, b2); c2 = S.MultiplyAdd(z, w, c2); d2 = S.MultiplyAdd(u, w, d2);
                    w = W.Second<S, V>(column3);
                    a3 = S.MultiplyAdd(x, w, a3); b3 = S.MultiplyAdd(y, w, b3); c3 = S.MultiplyAdd(z, w, c3); d3 = S.MultiplyAdd(u, w, d3);

                    nint pair = 2 * S.Lanes * W.Size;
                    column0 += pair; column3 += pair;
                }

                S.StoreSums(
                    a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3,
                    tileScores, tileScores + scoreStride, tileScores + 2 * scoreStride, tileScores + 3 * scoreStride);
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
                    S.StoreSums(a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7, tileScores, tileScores + 4,
                        tileScores + scoreStride, tileScores + scoreStride + 4);
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
