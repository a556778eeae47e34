using System.Buffers;
using System.Globalization;
using System.Text;

namespace Agentic.Proxy;

/// <summary>Strings counted in code points, as Python counts them; .NET's are UTF-16.</summary>
internal static class PyString
{
    /// <summary>What Python's <c>str.isspace</c> holds for.</summary>
    public static readonly SearchValues<char> Spaces = SearchValues.Create(
        [.. Enumerable.Range(0, 0x3001).Select(c => (char)c).Where(c => char.IsWhiteSpace(c) || c is >= '\x1c' and <= '\x1f')]);

    private static readonly object[] Ascii = [.. Enumerable.Range(0, 128).Select(c => ((char)c).ToString())];

    public static bool IsSpace(char c) => Spaces.Contains(c);

    public static int Length(string text)
    {
        if (!HasSurrogates(text))
            return text.Length;
        int pairs = 0;
        for (int i = 0; i + 1 < text.Length; i++)
            pairs += char.IsSurrogatePair(text[i], text[i + 1]) ? 1 : 0;
        return text.Length - pairs;
    }

    public static IEnumerable<object?> Characters(string text)
    {
        for (int i = 0; i < text.Length;)
        {
            int width = Width(text, i);
            yield return width == 1 && text[i] < 128 ? Ascii[text[i]] : text.Substring(i, width);
            i += width;
        }
    }

    /// <summary>The character at an index that lies inside, counted from the end when negative; null outside.</summary>
    public static string? At(string text, long index)
    {
        int length = Length(text);
        if (index < 0)
            index += length;
        if (index < 0 || index >= length)
            return null;
        if (length != text.Length)
            return Offset(text, index) is var at ? text.Substring(at, Width(text, at)) : null;
        return text[(int)index] < 128 ? (string)Ascii[text[(int)index]] : text[(int)index].ToString();
    }

    /// <summary>The UTF-16 position of a code point.</summary>
    public static int Offset(string text, long index)
    {
        if (!HasSurrogates(text))
            return (int)Math.Clamp(index, 0, text.Length);
        int offset = 0;
        for (long i = 0; i < index && offset < text.Length; i++)
            offset += Width(text, offset);
        return offset;
    }

    /// <summary>The code point at a UTF-16 position.</summary>
    public static long IndexOf(string text, int offset) => HasSurrogates(text) ? Length(text[..offset]) : offset;

    public static string Reverse(string text)
    {
        Budget.Current.ChargeText(2L * text.Length);
        char[] result = text.ToCharArray();
        Array.Reverse(result);
        for (int i = 0; i + 1 < result.Length; i++)
        {
            if (char.IsSurrogatePair(result[i + 1], result[i]))
                (result[i], result[i + 1]) = (result[i + 1], result[i]);
        }

        return new string(result);
    }

    /// <summary>Every character made into another text.</summary>
    public static string Each(string text, Func<string, string> change)
    {
        StringBuilder result = new(text.Length);
        foreach (object? character in Characters(text))
        {
            Budget.Current.Charge();
            result.Append(change((string)character!));
        }

        return result.ToString();
    }

    /// <summary>By code point; ordinal comparison of UTF-16 would put U+FFxx behind the astral planes.</summary>
    public static int Compare(string left, string right)
    {
        if (ReferenceEquals(left, right))
            return 0;
        int at = left.AsSpan().CommonPrefixLength(right);
        if (at == left.Length || at == right.Length)
            return left.Length.CompareTo(right.Length);
        char a = left[at], b = right[at];
        return char.IsSurrogate(a) != char.IsSurrogate(b) ? (char.IsSurrogate(a) ? 1 : -1) : a.CompareTo(b);
    }

    /// <summary>Upper case with the letters that become several or leave their alphabet's rule, which .NET leaves alone.</summary>
    public static string Upper(string text)
    {
        Budget.Current.ChargeText(text.Length);
        string upper = text.ToUpperInvariant();
        if (Ascii7(upper))
            return upper;
        StringBuilder result = new(upper.Length);
        foreach (char c in upper)
        {
            _ = c switch
            {
                'ı' => result.Append('I'),
                'ſ' => result.Append('S'),
                'ß' => result.Append("SS"),
                'ŉ' => result.Append("ʼN"),
                'ǰ' => result.Append("J̌"),
                'ΐ' => result.Append("\u0399\u0308\u0301"),
                'ΰ' => result.Append("\u03a5\u0308\u0301"),
                'և' => result.Append("ԵՒ"),
                'ﬀ' => result.Append("FF"),
                'ﬁ' => result.Append("FI"),
                'ﬂ' => result.Append("FL"),
                'ﬃ' => result.Append("FFI"),
                'ﬄ' => result.Append("FFL"),
                'ﬅ' or 'ﬆ' => result.Append("ST"),
                _ => result.Append(c),
            };
        }

        return result.ToString();
    }

    /// <summary>Lower case, with the sigma that ends a word and the dotted I.</summary>
    public static string Lower(string text)
    {
        Budget.Current.ChargeText(text.Length);
        if (Ascii7(text))
            return text.ToLowerInvariant();
        StringBuilder result = new(text.ToLowerInvariant());
        for (int i = 0; i < text.Length; i++)
        {
            bool endsWord = text[i] == 'Σ' && i > 0 && char.IsLetter(text[i - 1]) && (i + 1 == text.Length || !char.IsLetter(text[i + 1]));
            if (endsWord)
                result[i] = 'ς';
        }

        return result.Replace("İ", "i̇").ToString();
    }

    /// <summary>First character in upper case, the rest in lower.</summary>
    public static string Capitalize(string text)
    {
        if (text.Length == 0)
            return text;
        int width = Width(text, 0);
        return AsWord(text, width);
    }

    /// <summary>Every run of letters capitalised.</summary>
    public static string Title(string text)
    {
        StringBuilder result = new(text.Length);
        int start = -1;   // of a run of letters
        for (int i = 0; i <= text.Length; i += i < text.Length ? Width(text, i) : 1)
        {
            Budget.Current.Charge();
            bool cased = i < text.Length && IsCased(text[i..(i + Width(text, i))]);
            if (cased && start < 0)
                start = i;
            if (cased)
                continue;
            if (start >= 0)
                result.Append(AsWord(text[start..i], Width(text, start)));
            start = -1;
            if (i < text.Length)
                result.Append(text, i, Width(text, i));
        }

        return result.ToString();
    }

    // The rest is made small together with the first: a sigma ends a word only behind a letter.
    private static string AsWord(string text, int first) => Titled(text[..first]) + Lower(text)[Lower(text[..first]).Length..];

    /// <summary>One character as the first of a word: of two joined letters only the first is large, and Georgian's stay small.</summary>
    private static string Titled(string character)
    {
        int digraph = "ǆǉǌǳ".IndexOf(Lower(character), StringComparison.Ordinal);
        if (digraph >= 0 && character.Length == 1)
            return "ǅǈǋǲ"[digraph].ToString();
        if (character[0] is 'ŉ' or < 'ა' or > 'ჿ')
        {
            string upper = Upper(character);
            return upper.Length > character.Length && character[0] != 'ŉ' ? upper[..1] + Lower(upper[1..]) : upper;
        }

        return character;
    }

    public static bool IsCased(string character) => CharUnicodeInfo.GetUnicodeCategory(character, 0)
        is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter;

    public static bool HasSurrogates(string text)
    {
        Budget.ChargeReading(text);
        return text.AsSpan().IndexOfAnyInRange('\ud800', '\udfff') >= 0;
    }

    private static bool Ascii7(string text) => System.Text.Ascii.IsValid(text);

    public static int Width(string text, int at) => char.IsHighSurrogate(text[at]) && at + 1 < text.Length
        && char.IsLowSurrogate(text[at + 1]) ? 2 : 1;
}
