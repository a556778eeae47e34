using System.Runtime.Intrinsics.X86;

namespace Agentic.SuffixCache;

/// <summary>Sorts the suffixes of a text in linear time: induced sorting (SA-IS; Nong, Zhang, Chan, 2009), however much the text repeats
/// itself.</summary>
internal static unsafe class SuffixArray
{
    /// <summary>Writes the starts of all suffixes, in their order.</summary>
    /// <param name="text">[length] symbols, 0 to <paramref name="symbols"/>, excluded. A suffix that ends sorts before one that goes on.</param>
    /// <param name="sorted">[length]</param>
    /// <param name="length">Of the text.</param>
    /// <param name="symbols">Size of the alphabet.</param>
    public static void Sort(int* text, int* sorted, int length, int symbols)
    {
        if (length <= 1)
        {
            if (length == 1)
                sorted[0] = 0;
            return;
        }

        NativeBlock small = NativeBlock.Allocate(length, sizeof(byte)), buckets = NativeBlock.Allocate(symbols, sizeof(int));
        Sort(text, sorted, length, symbols, (byte*)small.Address, (int*)buckets.Address);
        small.Free();
        buckets.Free();
    }

    // small, [length], takes 1 where a suffix sorts before the one that follows it (S-type); buckets, [symbols], is room.
    private static void Sort(int* text, int* sorted, int length, int symbols, byte* small, int* buckets)
    {
        small[length - 1] = 0;
        for (int i = length - 2; i >= 0; i--)
            small[i] = text[i] < text[i + 1] || (text[i] == text[i + 1] && small[i + 1] == 1) ? (byte)1 : (byte)0;

        // The substrings between leftmost S-types (LMS), sorted by inducing from their first symbols.
        new Span<int>(sorted, length).Fill(-1);
        BucketEnds(text, length, symbols, buckets);
        for (int i = 1; i < length; i++)
        {
            if (IsLeftmost(small, i))
                sorted[--buckets[text[i]]] = i;
        }

        Induce(text, sorted, length, symbols, buckets);

        int count = 0;
        for (int i = 0; i < length; i++)
        {
            if (sorted[i] > 0 && IsLeftmost(small, sorted[i]))
                sorted[count++] = sorted[i];
        }

        if (count > 1)
        {
            int names = Name(text, sorted, length, small, count);
            int* reduced = sorted + length - count;
            if (names < count)
            {
                SuffixArray.Sort(reduced, sorted, count, names);
            }
            else
            {
                for (int i = 0; i < count; i++)
                    sorted[reduced[i]] = i;
            }

            // From ranks among the substrings back to places in the text.
            for (int i = 1, j = 0; i < length; i++)
            {
                if (IsLeftmost(small, i))
                    reduced[j++] = i;
            }

            for (int i = 0; i < count; i++)
                sorted[i] = reduced[sorted[i]];
        }

        new Span<int>(sorted + count, length - count).Fill(-1);
        BucketEnds(text, length, symbols, buckets);
        for (int i = count - 1; i >= 0; i--)
        {
            int start = sorted[i];
            sorted[i] = -1;
            sorted[--buckets[text[start]]] = start;
        }

        Induce(text, sorted, length, symbols, buckets);
    }

    private static bool IsLeftmost(byte* small, int i) => i > 0 && small[i] == 1 && small[i - 1] == 0;

    /// <summary>From the order of the leftmost S-types that of all L-types, and from it that of all S-types.</summary>
    /// <remarks>A type is told by neighbouring symbols, which come with one cache miss; each entry's are asked for well ahead, and then its
    /// bucket (as libsais does).</remarks>
    private static void Induce(int* text, int* sorted, int length, int symbols, int* buckets)
    {
        const int Ahead = 16;
        BucketStarts(text, length, symbols, buckets);
        sorted[buckets[text[length - 1]]++] = length - 1;
        for (int i = 0; i < length; i++)
        {
            if (Sse.IsSupported && i + (2 * Ahead) < length)
            {
                Sse.Prefetch0(text + sorted[i + (2 * Ahead)] - 1);
                int soon = sorted[i + Ahead];
                if (soon > 0)
                    Sse.Prefetch0(buckets + text[soon - 1]);
            }

            // Entries are leftmost S-types, which an L-type precedes, and L-types: one of the same symbol before it is one too.
            int before = sorted[i] - 1;
            if (before >= 0 && text[before] >= text[before + 1])
                sorted[buckets[text[before]]++] = before;
        }

        BucketEnds(text, length, symbols, buckets);
        for (int i = length - 1; i >= 0; i--)
        {
            if (Sse.IsSupported && i >= 2 * Ahead)
            {
                Sse.Prefetch0(text + sorted[i - (2 * Ahead)] - 1);
                int soon = sorted[i - Ahead];
                if (soon > 0)
                    Sse.Prefetch0(buckets + text[soon - 1]);
            }

            // S-types fill their bucket from its end: an entry in what is filled is one.
            int before = sorted[i] - 1;
            if (before < 0)
                continue;
            int symbol = text[before], after = text[before + 1];
            if (symbol < after || (symbol == after && i >= buckets[symbol]))
                sorted[--buckets[symbol]] = before;
        }
    }

    /// <summary>Replaces the sorted LMS substrings' starts by their names in the order of the text, at the end of the room.</summary>
    /// <returns>Distinct names.</returns>
    private static int Name(int* text, int* sorted, int length, byte* small, int count)
    {
        int* byPlace = sorted + count;
        new Span<int>(byPlace, length - count).Fill(-1);
        int names = 0;
        for (int i = 0, previous = -1; i < count; i++)
        {
            int start = sorted[i];
            if (previous < 0 || !SameSubstring(text, small, length, previous, start))
                names++;
            byPlace[start / 2] = names - 1;
            previous = start;
        }

        for (int from = length - 1, to = length; to > length - count; from--)
        {
            if (sorted[from] >= 0)
                sorted[--to] = sorted[from];
        }

        return names;
    }

    private static bool SameSubstring(int* text, byte* small, int length, int a, int b)
    {
        for (int i = 0; ; i++)
        {
            if (a + i >= length || b + i >= length || text[a + i] != text[b + i] || small[a + i] != small[b + i])
                return false;
            if (i > 0 && (IsLeftmost(small, a + i) || IsLeftmost(small, b + i)))
                return IsLeftmost(small, a + i) && IsLeftmost(small, b + i);
        }
    }

    private static void BucketStarts(int* text, int length, int symbols, int* buckets)
    {
        Count(text, length, symbols, buckets);
        int start = 0;
        for (int i = 0; i < symbols; i++)
            (buckets[i], start) = (start, start + buckets[i]);
    }

    private static void BucketEnds(int* text, int length, int symbols, int* buckets)
    {
        Count(text, length, symbols, buckets);
        int end = 0;
        for (int i = 0; i < symbols; i++)
            buckets[i] = end += buckets[i];
    }

    private static void Count(int* text, int length, int symbols, int* buckets)
    {
        new Span<int>(buckets, symbols).Clear();
        for (int i = 0; i < length; i++)
            buckets[text[i]]++;
    }
}
