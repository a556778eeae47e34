using System.Text.RegularExpressions;

namespace Agentic.Proxy;

/// <summary>Python's <c>textwrap</c> with whitespace kept, which is how <c>wordwrap</c> calls it.</summary>
internal static partial class WordWrap
{
    public static string Wrap(string text, long width, bool breakLongWords, string newLine, bool breakOnHyphens)
    {
        if (width <= 0)
            throw JinjaException.Value($"invalid width {width} (must be > 0)");
        return string.Join(newLine, StringMethods.SplitLines(text, keepEnds: false)
            .Select(line => string.Join(newLine,
                Lines((string)line!, (int)Math.Min(width, int.MaxValue), breakLongWords, breakOnHyphens))));
    }

    private static List<string> Lines(string text, int width, bool breakLongWords, bool breakOnHyphens)
    {
        Budget.Current.Reserve(text.Length * 160L);     // a match and its text for each character, at worst
        Stack<string> chunks = new((breakOnHyphens ? Hyphenated() : Plain()).Matches(text).Select(match => match.Value).Reverse());
        List<string> lines = [];
        while (chunks.Count > 0)
        {
            List<string> line = [];
            int length = 0;
            if (lines.Count > 0 && string.IsNullOrWhiteSpace(chunks.Peek()))
                chunks.Pop();
            while (chunks.Count > 0 && length + chunks.Peek().Length <= width)
            {
                length += chunks.Peek().Length;
                line.Add(chunks.Pop());
            }

            if (chunks.Count > 0 && chunks.Peek().Length > width)
            {
                int space = breakLongWords ? Math.Max(width - length, 1) : 0;
                if (breakLongWords)
                {
                    string word = chunks.Pop();
                    Budget.Current.ChargeText(word.Length);
                    line.Add(word[..space]);
                    chunks.Push(word[space..]);
                }
                else if (line.Count == 0)
                {
                    line.Add(chunks.Pop());
                }
            }

            if (line.Count > 0 && string.IsNullOrWhiteSpace(line[^1]))
                line.RemoveAt(line.Count - 1);
            if (line.Count > 0)
                lines.Add(string.Concat(line));
        }

        return lines;
    }

    [GeneratedRegex(@"\s+|(?:[^\s-]+-+(?=[^\s\d-]))+?|[^\s]+?(?=\s|$|(?<=[\p{L}]{2}-)(?=\p{L}))")]
    private static partial Regex Hyphenated();

    [GeneratedRegex(@"\s+|\S+")]
    private static partial Regex Plain();
}
