using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Agentic.ModelRuntime;

/// <summary>A regular expression of a tokenizer, matched over code points.</summary>
/// <remarks>
/// .NET matches UTF-16 units, so that 𝒜 is two surrogates and no letter. Here text has one unit a code point while it is matched:
/// code points past U+FFFF fall into a few kinds by which of the pattern's sets they belong to, each kind is written as one surrogate
/// (which well-formed text never has alone), and that surrogate is added to the sets of its kind.
/// </remarks>
internal sealed class UnicodeRegex
{
    private const int FirstStandIn = 0xD800;
    private const int MaxKinds = 0x800;

    private readonly Regex _regex;
    private readonly int[] _kindStarts;
    private readonly char[] _kinds;

    /// <exception cref="FormatException">The pattern is damaged or has a construct that is not known here.</exception>
    public UnicodeRegex(string pattern)
    {
        IReadOnlyList<object> parts = OnigurumaPattern.Parse(pattern);
        CodePointSet[] sets = [.. parts.OfType<CodePointSet>().Distinct()];
        (_kindStarts, _kinds) = SortKinds(sets);

        StringBuilder translated = new();
        foreach (object part in parts)
            translated.Append(part is CodePointSet set ? Class(set) : part);
        try
        {
            _regex = new Regex(translated.ToString(), RegexOptions.Compiled | RegexOptions.CultureInvariant);
        }
        catch (ArgumentException error)
        {
            throw new FormatException($"the regular expression {pattern} cannot be read: {error.Message}", error);
        }
    }

    /// <summary>Adds the start and end of each match in well-formed text, in order.</summary>
    public void Find(ReadOnlySpan<char> text, List<(int Start, int End)> matches)
    {
        if (text.IndexOfAnyInRange('\uD800', '\uDFFF') < 0)
        {
            foreach (ValueMatch match in _regex.EnumerateMatches(text))
                matches.Add((match.Index, match.Index + match.Length));
            return;
        }
        char[] units = ArrayPool<char>.Shared.Rent(text.Length);
        int count = 0, unit = 0, position = 0;
        foreach (Rune rune in text.EnumerateRunes())
            units[count++] = rune.IsBmp ? (char)rune.Value : Kind(rune.Value);
        foreach (ValueMatch match in _regex.EnumerateMatches(units.AsSpan(0, count)))
        {
            int start = Advance(units, match.Index, ref unit, ref position);
            matches.Add((start, Advance(units, match.Index + match.Length, ref unit, ref position)));
        }
        ArrayPool<char>.Shared.Return(units);
    }

    /// <summary>The text with each match replaced by <paramref name="content"/> as it is.</summary>
    public string Replace(string text, string content)
    {
        List<(int Start, int End)> matches = [];
        Find(text, matches);
        if (matches.Count == 0)
            return text;
        StringBuilder replaced = new(text.Length);
        int end = 0;
        foreach ((int start, int stop) in matches)
        {
            replaced.Append(text, end, start - end).Append(content);
            end = stop;
        }
        return replaced.Append(text, end, text.Length - end).ToString();
    }

    private static int Advance(char[] units, int to, ref int unit, ref int position)
    {
        for (; unit < to; unit++)
            position += char.IsSurrogate(units[unit]) ? 2 : 1;
        return position;
    }

    private char Kind(int codePoint)
    {
        int index = Array.BinarySearch(_kindStarts, codePoint);
        return _kinds[index < 0 ? ~index - 1 : index];
    }

    private static (int[] Starts, char[] Kinds) SortKinds(CodePointSet[] sets)
    {
        SortedSet<int> starts = [0x10000];
        foreach ((int first, int last) in sets.SelectMany(set => set.Ranges).Where(range => range.Last >= 0x10000))
        {
            starts.Add(Math.Max(first, 0x10000));
            if (last < 0x10FFFF)
                starts.Add(last + 1);
        }
        Dictionary<string, char> kinds = [];
        List<char> kindOfStart = [];
        foreach (int start in starts)
        {
            string membership = string.Concat(sets.Select(set => set.Contains(start) ? '1' : '0'));
            if (!kinds.TryGetValue(membership, out char kind))
                kinds[membership] = kind = (char)(FirstStandIn + kinds.Count);
            kindOfStart.Add(kind);
        }
        return kinds.Count <= MaxKinds
            ? ([.. starts], [.. kindOfStart])
            : throw new FormatException("a regular expression tells too many kinds of characters apart");
    }

    private string Class(CodePointSet set)
    {
        IEnumerable<(int First, int Last)> units = set.Ranges.Where(range => range.First < 0x10000)
            .Select(range => (range.First, Math.Min(range.Last, 0xFFFF)))
            .Concat(_kinds.Where((_, i) => set.Contains(_kindStarts[i])).Distinct().Select(kind => ((int)kind, (int)kind)));
        StringBuilder text = new();
        int count = 0;
        foreach ((int first, int last) in units)
        {
            Unit(text, first);
            if (last > first)
                Unit(text.Append('-'), last);
            count += last - first + 1;
        }
        return count switch { 0 => "(?!)", 1 => text.ToString(), _ => $"[{text}]" };
    }

    private static void Unit(StringBuilder text, int unit) => text.Append(CultureInfo.InvariantCulture, $"\\u{unit:X4}");
}
