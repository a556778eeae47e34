using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Agentic.ModelRuntime;

/// <summary>Philox 4×32-10 (Salmon et al., SC'11): random numbers as a pure function of key and counter, so no draw depends on an earlier one.</summary>
internal static class Philox
{
    /// <summary>Words of <see cref="DrawMany"/>.</summary>
    public const int Many = 32;

    private const uint Multiplier0 = 0xD2511F53, Multiplier1 = 0xCD9E8D57, Weyl0 = 0x9E3779B9, Weyl1 = 0xBB67AE85;
    private const int Rounds = 10, WordsOfBlock = 4;

    /// <summary>Four independent uniform 32-bit words.</summary>
    /// <param name="key">The request's seed.</param>
    /// <param name="choice">Which completion of the request.</param>
    /// <param name="position">Absolute output position, 0 for the first token written.</param>
    /// <param name="block">Which four of the words at this position.</param>
    /// <param name="words">[4], written.</param>
    public static void Draw(ulong key, uint choice, uint position, uint block, Span<uint> words)
    {
        uint c0 = block, c1 = position, c2 = choice, c3 = 0, k0 = (uint)key, k1 = (uint)(key >> 32);
        for (int round = 0; round < Rounds; round++)
        {
            ulong p0 = (ulong)Multiplier0 * c0, p1 = (ulong)Multiplier1 * c2;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
            k0 += Weyl0;
            k1 += Weyl1;
        }

        (words[0], words[1], words[2], words[3]) = (c0, c1, c2, c3);
    }

    /// <summary>The words of eight blocks, one block after another: as <see cref="Draw"/> gives them.</summary>
    /// <param name="key">The request's seed.</param>
    /// <param name="choice">Which completion of the request.</param>
    /// <param name="position">Absolute output position.</param>
    /// <param name="block">The first.</param>
    /// <param name="words">[<see cref="Many"/>], written.</param>
    public static void DrawMany(ulong key, uint choice, uint position, uint block, Span<uint> words)
    {
        if (!Avx2.IsSupported)
        {
            for (int at = 0; at < Many; at += WordsOfBlock)
                Draw(key, choice, position, block++, words[at..]);
            return;
        }

        // A block a lane, in an order that leaves neighbours together when words are put beside each other.
        Vector256<uint> c0 = Vector256.Create(block) + Vector256.Create(0u, 2, 4, 6, 1, 3, 5, 7);
        Vector256<uint> c1 = Vector256.Create(position), c2 = Vector256.Create(choice), c3 = default;
        uint k0 = (uint)key, k1 = (uint)(key >> 32);
        for (int round = 0; round < Rounds; round++)
        {
            (Vector256<uint> high0, Vector256<uint> low0) = Multiply(c0, Multiplier0);
            (Vector256<uint> high1, Vector256<uint> low1) = Multiply(c2, Multiplier1);
            (c0, c1, c2, c3) = (high1 ^ c1 ^ Vector256.Create(k0), low1, high0 ^ c3 ^ Vector256.Create(k1), low0);
            k0 += Weyl0;
            k1 += Weyl1;
        }

        Vector256<ulong> first = Avx2.UnpackLow(c0, c1).AsUInt64(), second = Avx2.UnpackHigh(c0, c1).AsUInt64();
        Vector256<ulong> firstRest = Avx2.UnpackLow(c2, c3).AsUInt64(), secondRest = Avx2.UnpackHigh(c2, c3).AsUInt64();
        Avx2.UnpackLow(first, firstRest).AsUInt32().CopyTo(words);
        Avx2.UnpackHigh(first, firstRest).AsUInt32().CopyTo(words[8..]);
        Avx2.UnpackLow(second, secondRest).AsUInt32().CopyTo(words[16..]);
        Avx2.UnpackHigh(second, secondRest).AsUInt32().CopyTo(words[24..]);

        static (Vector256<uint> High, Vector256<uint> Low) Multiply(Vector256<uint> values, uint by)
        {
            Vector256<uint> factor = Vector256.Create(by);
            Vector256<ulong> even = Avx2.Multiply(values, factor), odd = Avx2.Multiply((values.AsUInt64() >> 32).AsUInt32(), factor);
            Vector256<ulong> upper = Vector256.Create(0xFFFFFFFF00000000);
            return (((even >> 32) | (odd & upper)).AsUInt32(), ((even & ~upper) | (odd << 32)).AsUInt32());
        }
    }

    /// <summary>A standard Gumbel variate from a uniform word: −ln(−ln u) with u in the open interval (0, 1).</summary>
    public static float Gumbel(uint word) => (float)-Math.Log(-Math.Log((word + 0.5) * (1.0 / 4294967296.0)));

    /// <summary>Slightly more than <see cref="Gumbel"/> gives, or a good deal, without a logarithm: −ln(−ln u) ≤ −ln(1 − u), and log₂(1 + m) ≥ m, so that
    /// exponent and mantissa of a number are at most its logarithm.</summary>
    public static Vector256<float> GumbelBound(Vector256<uint> words)
    {
        const float AboveLn2 = 0.6932f, Margin = 1e-3f, OfMantissa = 1f / (1 << 23);
        const int Bits = 32, Bias = 127;

        // Half of 1 − u in 2⁻³²nds, rounded down.
        Vector256<float> rest = Vector256.ConvertToSingle((~words >> 1).AsInt32());
        Vector256<float> logarithm = Vector256.ConvertToSingle(rest.AsInt32()) * OfMantissa;
        return ((Vector256.Create(Bits - 1f + Bias) - logarithm) * AboveLn2) + Vector256.Create(Margin);
    }

    /// <summary>No word gives a larger variate: −ln(−ln(1 − 2⁻³³)).</summary>
    public const float LargestGumbel = 22.9f;
}
