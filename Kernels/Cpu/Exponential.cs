using System.Runtime.CompilerServices;

namespace Agentic.Kernels;

/// <summary>e^x of each lane, the same bits in every lane and at every width. Within two units in the last place up to 88.</summary>
internal static class Exponential<S, V>
    where S : ISimd<V>
    where V : struct
{
    /// <summary>Zero below −87.3, where a float32 would be subnormal; e^88 above 88.</summary>
    /// <remarks>x = n · ln 2 + r with |r| ≤ ½ ln 2 (ln 2 in two parts), e^x = 2^n · e^r, e^r by its Taylor polynomial
    /// of degree 7, whose remainder at ½ ln 2 is 5e-9 of the value.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Of(V x)
    {
        V limit = S.Broadcast(-87.3f);
        V clamped = S.Min(S.Broadcast(88f), S.Max(limit, x)); // of a NaN and a number the processor keeps the second
        V n = S.Round(S.Multiply(clamped, S.Broadcast(1.44269504f)));
        V r = S.MultiplyAdd(n, S.Broadcast(-0.693359375f), clamped);
        r = S.MultiplyAdd(n, S.Broadcast(2.12194440e-4f), r);
        V p = S.Broadcast(1f / 5040);
        p = S.MultiplyAdd(p, r, S.Broadcast(1f / 720));
        p = S.MultiplyAdd(p, r, S.Broadcast(1f / 120));
        p = S.MultiplyAdd(p, r, S.Broadcast(1f / 24));
        p = S.MultiplyAdd(p, r, S.Broadcast(1f / 6));
        p = S.MultiplyAdd(p, r, S.Broadcast(0.5f));
        p = S.MultiplyAdd(p, r, S.Broadcast(1f));
        p = S.MultiplyAdd(p, r, S.Broadcast(1f));
        return S.ZeroWhereBelow(S.Multiply(p, S.PowerOfTwo(n)), x, limit);
    }
}
