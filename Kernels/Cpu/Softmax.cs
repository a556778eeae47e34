using System.Runtime.CompilerServices;

namespace Agentic.Kernels;

/// <summary>The exponentials of a row of scores, and their sum.</summary>
internal static unsafe class Softmax<S, V>
    where S : ISimd<V>
    where V : struct
{
    /// <summary>scores[i] = e^(scores[i] − max) for first ≤ i &lt; end; returns their sum.</summary>
    /// <remarks>Lane i % lanes of one vector gathers the terms in rising order. Up to a vector before and after becomes zero.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Exponentiate(float* scores, int first, int end)
    {
        int alignedFirst = first & -S.Lanes, alignedEnd = (end + S.Lanes - 1) & -S.Lanes;
        new Span<float>(scores + alignedFirst, first - alignedFirst).Fill(float.NegativeInfinity);
        new Span<float>(scores + end, alignedEnd - end).Fill(float.NegativeInfinity);

        V highest = S.Load(scores + alignedFirst);
        for (int i = alignedFirst + S.Lanes; i < alignedEnd; i += S.Lanes)
            highest = S.Max(highest, S.Load(scores + i));
        V max = S.Broadcast(S.MaxAcross(highest)), sum = S.Broadcast(0);
        for (int i = alignedFirst; i < alignedEnd; i += S.Lanes)
        {
            V weight = Exponential<S, V>.Of(S.Subtract(S.Load(scores + i), max));
            S.Store(scores + i, weight);
            sum = S.Add(sum, weight);
        }
        V zero = S.Broadcast(0);
        return S.SumAcross(sum, zero, zero, zero)[0];
    }
}
