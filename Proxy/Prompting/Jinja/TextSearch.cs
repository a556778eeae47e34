namespace Agentic.Proxy;

/// <summary>
/// Finds a text in a text in time proportional to their lengths. .NET's own search compares anew at each place where the ends
/// agree: a minute for half a million characters in a million, if they are chosen so.
/// </summary>
internal static class TextSearch
{
    // Up to here .NET's search is a few vector comparisons a place.
    private const int Short = 64;

    /// <summary>Where the pattern next stands at or after a place; -1 if nowhere.</summary>
    public static int IndexOf(string text, string pattern, int start = 0)
    {
        int at = pattern.Length <= Short ? text.IndexOf(pattern, start, StringComparison.Ordinal)
            : Search(text.Length - start, i => text[start + i], pattern.Length, i => pattern[i]) is var found and >= 0 ? start + found : -1;
        Budget.Current.Charge(1 + ((at < 0 ? text.Length : at) - start >> 6));
        return at;
    }

    /// <summary>Where the pattern last stands before an end; -1 if nowhere.</summary>
    public static int LastIndexOf(string text, string pattern, int end)
    {
        int at = pattern.Length <= Short ? text.AsSpan(0, end).LastIndexOf(pattern)
            : Search(end, i => text[end - 1 - i], pattern.Length, i => pattern[^(i + 1)]) is var found and >= 0
                ? end - found - pattern.Length : -1;
        Budget.Current.Charge(1 + (end - Math.Max(at, 0) >> 6));
        return at;
    }

    public static long Count(string text, string pattern)
    {
        long count = 0;
        for (int at = IndexOf(text, pattern); at >= 0; at = IndexOf(text, pattern, at + pattern.Length))
            count++;
        return count;
    }

    /// <summary>Knuth, Morris and Pratt (1977): after a mismatch goes on with the longest beginning that still agrees.</summary>
    private static int Search(int length, Func<int, char> text, int size, Func<int, char> pattern)
    {
        if (size > length)
            return -1;
        Budget budget = Budget.Current;
        budget.Reserve(size * (long)sizeof(int));
        budget.Charge(size >> 3);
        int[] shorter = new int[size];
        for (int i = 1, agrees = 0; i < size; i++)
        {
            while (agrees > 0 && pattern(i) != pattern(agrees))
                agrees = shorter[agrees - 1];
            if (pattern(i) == pattern(agrees))
                agrees++;
            shorter[i] = agrees;
        }

        for (int i = 0, agrees = 0; i < length; i++)
        {
            while (agrees > 0 && text(i) != pattern(agrees))
                agrees = shorter[agrees - 1];
            if (text(i) == pattern(agrees))
                agrees++;
            if (agrees == size)
                return i + 1 - size;
        }

        return -1;
    }
}
