using System.Runtime.Intrinsics.X86;

namespace Agentic.SuffixCache;

/// <summary>How much each suffix of a text has in common with the one before it in the order, in linear time (Kärkkäinen, Manzini, Puglisi:
/// Permuted longest-common-prefix array, 2009).</summary>
internal static unsafe class CommonLengths
{
    // The text runs on where it is compared: only jumps miss the cache.
    private const int Ahead = 16;

    /// <summary>Writes, by the starts of suffixes, how many symbols each shares with its neighbour; 0 for the first in the order.</summary>
    /// <param name="text">[length]</param>
    /// <param name="sorted">[length] starts of suffixes in their order.</param>
    /// <param name="length">Of the text, at least 1.</param>
    /// <param name="common">[length]</param>
    public static void Count(int* text, int* sorted, int length, int* common)
    {
        const int None = -1;
        common[sorted[0]] = None;
        for (int i = 1; i < length; i++)
        {
            if (Sse.IsSupported && i + Ahead < length)
                Sse.Prefetch0(common + sorted[i + Ahead]);
            common[sorted[i]] = sorted[i - 1];
        }

        // A suffix without its first symbol shares at most one symbol less with one of those before it.
        for (int suffix = 0, shared = 0; suffix < length; suffix++)
        {
            if (Sse.IsSupported && suffix + Ahead < length)
                Sse.Prefetch0(text + common[suffix + Ahead] + shared);
            int before = common[suffix];
            shared = before == None ? 0 : Math.Max(shared - 1, 0);
            int most = length - Math.Max(suffix, before);
            while (before != None && shared < most && text[suffix + shared] == text[before + shared])
                shared++;
            common[suffix] = shared;
        }
    }
}
