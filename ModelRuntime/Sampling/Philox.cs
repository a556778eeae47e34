using System.Numerics;

namespace Agentic.ModelRuntime;

/// <summary>Philox 4×32-10 (Salmon et al., SC'11): random numbers as a pure function of key and counter, so no draw depends on an earlier one.</summary>
internal static class Philox
{
    /// <summary>Four independent uniform 32-bit words.</summary>
    /// <param name="key">The request's seed.</param>
    /// <param name="choice">Which completion of the request.</param>
    /// <param name="position">Absolute output position, 0 for the first token written.</param>
    /// <param name="block">Which four of the words at this position.</param>
    /// <param name="words">[4], written.</param>
    public static void Draw(ulong key, uint choice, uint position, uint block, Span<uint> words)
    {
        uint c0 = block, c1 = position, c2 = choice, c3 = 0, k0 = (uint)key, k1 = (uint)(key >> 32);
        for (int round = 0; round < 10; round++)
        {
            ulong p0 = 0xD2511F53UL * c0, p1 = 0xCD9E8D57UL * c2;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }

        (words[0], words[1], words[2], words[3]) = (c0, c1, c2, c3);
    }

    /// <summary>A standard Gumbel variate from a uniform word: −ln(−ln u) with u in the open interval (0, 1).</summary>
    public static float Gumbel(uint word) => (float)-Math.Log(-Math.Log((word + 0.5) * (1.0 / 4294967296.0)));

    /// <summary>Slightly more than <see cref="Gumbel"/> gives, or a good deal, without a logarithm: −ln(−ln u) ≤ −ln(1 − u), and the leading ones of u say
    /// how small 1 − u is.</summary>
    public static float GumbelBound(uint word) => (BitOperations.LeadingZeroCount(~word) + 1) * AboveLn2;

    private const float AboveLn2 = 0.6932f;

    /// <summary>No word gives a larger variate: −ln(−ln(1 − 2⁻³³)).</summary>
    public const float LargestGumbel = 22.9f;
}
