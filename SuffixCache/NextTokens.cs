using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Agentic.SuffixCache;

/// <summary>What follows each occurrence: the tokens of all of them at one depth lie side by side, so that few comparisons tell who goes on
/// alike.</summary>
/// <remarks>Looked up as far as it is asked for, some depths at a time.</remarks>
internal sealed class NextTokens
{
    private const int Depths = Occurrence.FollowingAtOnce;

    private Occurrences _occurrences = new();
    private int[] _tokens = [];      // [depth, occurrence]
    private ulong[] _lookedUp = [];  // whose, for so many depths each

    /// <summary>Now those of other occurrences.</summary>
    public void Begin(Occurrences occurrences)
    {
        _occurrences = occurrences;
        Array.Clear(_lookedUp);
    }

    /// <summary>[<see cref="Occurrences.Capacity"/>] the tokens at a depth (0: right behind the context), <see cref="Occurrence.Ended"/> where
    /// an output is over and <see cref="TokenLog.Separator"/> where nothing is known; anything for those not in the set.</summary>
    public ReadOnlySpan<int> At(int depth, ulong set)
    {
        int part = depth / Depths;
        if (part >= _lookedUp.Length)
        {
            Array.Resize(ref _lookedUp, Math.Max(part + 1, 2 * _lookedUp.Length));
            Array.Resize(ref _tokens, _lookedUp.Length * Depths * Occurrences.Capacity);
        }

        if ((set & ~_lookedUp[part]) != 0)
            LookUp(part, set & ~_lookedUp[part]);
        return _tokens.AsSpan(depth * Occurrences.Capacity, Occurrences.Capacity);
    }

    /// <summary>Who is followed by a token.</summary>
    /// <param name="tokens">As <see cref="At"/> has them.</param>
    /// <param name="token">Which.</param>
    /// <returns>One bit each.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Equal(ReadOnlySpan<int> tokens, int token)
    {
        ref int first = ref MemoryMarshal.GetReference(tokens);
        Vector256<int> wanted = Vector256.Create(token);
        return Eight(ref first, 0, wanted) | Eight(ref first, 8, wanted) | Eight(ref first, 16, wanted)
            | Eight(ref first, 24, wanted) | Eight(ref first, 32, wanted) | Eight(ref first, 40, wanted);

        static ulong Eight(ref int tokens, int i, Vector256<int> wanted) =>
            (ulong)Vector256.Equals(Vector256.LoadUnsafe(ref tokens, (nuint)i), wanted).ExtractMostSignificantBits() << i;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void LookUp(int part, ulong set)
    {
        _lookedUp[part] |= set;
        Span<int> tokens = _tokens.AsSpan(part * Depths * Occurrences.Capacity, Depths * Occurrences.Capacity);
        for (; set != 0; set &= set - 1)
        {
            int i = BitOperations.TrailingZeroCount(set);
            Vector256<int> following = _occurrences[i].Following(part * Depths);
            ref int to = ref tokens[i];
            to = following[0];
            Unsafe.Add(ref to, Occurrences.Capacity) = following[1];
            Unsafe.Add(ref to, 2 * Occurrences.Capacity) = following[2];
            Unsafe.Add(ref to, 3 * Occurrences.Capacity) = following[3];
            Unsafe.Add(ref to, 4 * Occurrences.Capacity) = following[4];
            Unsafe.Add(ref to, 5 * Occurrences.Capacity) = following[5];
            Unsafe.Add(ref to, 6 * Occurrences.Capacity) = following[6];
            Unsafe.Add(ref to, 7 * Occurrences.Capacity) = following[7];
        }
    }
}
