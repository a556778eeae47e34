using System.Buffers;
using System.Text;

namespace Agentic.Proxy;

/// <summary>What the methods do.</summary>
internal static partial class StringMethods
{
    private static readonly SearchValues<char> LineEnds = SearchValues.Create("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029");

    public static string Strip(string text, string? chars, bool left, bool right)
    {
        int start = 0, end = text.Length;
        HashSet<char>? set = chars is null ? null : [.. chars];
        bool Strips(char c) => set is null ? PyString.IsSpace(c) : set.Contains(c);
        while (left && start < end && Strips(text[start]))
            start++;
        while (right && end > start && Strips(text[end - 1]))
            end--;
        return text[start..end];
    }

    public static string Replace(string text, string old, string replacement, long count)
    {
        if (count == 0)
            return text;
        if (old.Length > 0 && count < 0)
        {
            long found = TextSearch.Count(text, old);
            Budget.Current.ChargeText(text.Length + found * (replacement.Length - old.Length));
            if (found == 0)
                return text;
        }

        StringBuilder result = new();
        int done = 0;
        for (int at = TextSearch.IndexOf(text, old); at >= 0 && count != 0; count--)
        {
            result.Append(text, done, at - done).Append(replacement);
            Budget.Current.ChargeText(at - done + replacement.Length);
            Budget.Current.CheckLength(result.Length);
            done = at + old.Length;
            if (old.Length == 0 && at == text.Length)
                break;
            at = old.Length > 0 ? TextSearch.IndexOf(text, old, done) : at + PyString.Width(text, at);
        }

        return result.Append(text, done, text.Length - done).ToString();
    }

    public static List<object?> SplitLines(string text, bool keepEnds)
    {
        List<object?> lines = [];
        int start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (!LineEnds.Contains(text[i]))
                continue;
            Budget.Current.Charge();
            int after = text[i] == '\r' && i + 1 < text.Length && text[i + 1] == '\n' ? i + 2 : i + 1;
            lines.Add(text[start..(keepEnds ? after : i)]);
            start = after;
            i = after - 1;
        }

        if (start < text.Length)
            lines.Add(text[start..]);
        return lines;
    }

    private static string? Trimmed(Bound a, string function) =>
        !a.Has(0) || a[0] is null ? null : PyType.Text(a[0]) ?? throw JinjaException.Type($"{function} arg must be None or str");

    private static string? Separator(Bound a, string function)
    {
        string? separator = !a.Has(0) || a[0] is null ? null : PyType.Text(a[0])
            ?? throw JinjaException.Type($"must be str or None, not {PyType.Name(a[0])}");
        return separator is "" ? throw JinjaException.Value("empty separator") : separator;
    }

    private static List<object?> Split(string text, string? separator, long max, bool fromEnd)
    {
        if (max < 0)
            max = long.MaxValue;
        List<object?> parts = [];
        if (separator is null)
            return fromEnd ? SplitSpaceFromEnd(text, max) : SplitSpace(text, max);
        if (!fromEnd)
        {
            int start = 0;
            for (int at = TextSearch.IndexOf(text, separator); at >= 0 && parts.Count < max;
                at = TextSearch.IndexOf(text, separator, start))
            {
                parts.Add(text[start..at]);
                start = at + separator.Length;
            }

            parts.Add(text[start..]);
            return parts;
        }

        int end = text.Length;
        for (int at = TextSearch.LastIndexOf(text, separator, end); at >= 0 && parts.Count < max;
            at = TextSearch.LastIndexOf(text, separator, end))
        {
            parts.Add(text[(at + separator.Length)..end]);
            end = at;
        }

        parts.Add(text[..end]);
        parts.Reverse();
        return parts;
    }

    private static List<object?> SplitSpace(string text, long max)
    {
        List<object?> parts = [];
        int i = 0;
        while (true)
        {
            while (i < text.Length && PyString.IsSpace(text[i]))
                i++;
            if (i == text.Length)
                return parts;
            int start = i;
            if (parts.Count >= max)
            {
                parts.Add(text[start..]);
                return parts;
            }

            while (i < text.Length && !PyString.IsSpace(text[i]))
                i++;
            Budget.Current.Charge();
            parts.Add(text[start..i]);
        }
    }

    private static List<object?> SplitSpaceFromEnd(string text, long max)
    {
        List<object?> parts = [];
        int end = text.Length;
        while (true)
        {
            while (end > 0 && PyString.IsSpace(text[end - 1]))
                end--;
            if (end == 0)
                break;
            int start = end;
            while (parts.Count < max && start > 0 && !PyString.IsSpace(text[start - 1]))
                start--;
            if (parts.Count >= max)
            {
                parts.Add(text[..end]);
                break;
            }

            Budget.Current.Charge();
            parts.Add(text[start..end]);
            end = start;
        }

        parts.Reverse();
        return parts;
    }

    private static PyTuple Partition(object? self, Bound a, bool last)
    {
        string text = Chars(self), separator = Inner(null, a[0], last ? "rpartition" : "partition", 1);
        if (separator.Length == 0)
            throw JinjaException.Value("empty separator");
        int at = last ? TextSearch.LastIndexOf(text, separator, text.Length) : TextSearch.IndexOf(text, separator);
        List<object?> parts = at >= 0 ? [text[..at], separator, text[(at + separator.Length)..]] : last ? ["", "", text] : [text, "", ""];
        return new PyTuple([.. Each(self, parts)]);
    }

    private static object Join(object? self, Bound a)
    {
        string separator = Chars(self);
        StringBuilder result = new();
        int index = 0;
        if (a[0] is not (string or PyMarkup) && PyType.Items(a[0]) is null)
            throw JinjaException.Type("can only join an iterable");
        foreach (object? item in PyType.Iterate(a[0]))
        {
            string text = PyType.Text(item)
                ?? throw JinjaException.Type($"sequence item {index}: expected str instance, {PyType.Name(item)} found");
            if (index++ > 0)
                result.Append(separator);
            result.Append(self is PyMarkup ? Html.Escape(item) : text);
            a.Render.Budget.Charge();
            a.Render.Budget.CheckLength(result.Length);
        }

        return Like(self, result.ToString());
    }

    private static string Justify(string text, Bound a, string function, int before)
    {
        string fill = a.Text(1, function) ?? " ";
        if (PyString.Length(fill) != 1)
            throw JinjaException.Type("The fill character must be exactly one character long");
        long missing = a.Integer(0, 0) - PyString.Length(text);
        if (missing <= 0)
            return text;
        long left = before switch { 0 => 0, 1 => missing / 2 + (missing & a.Integer(0, 0) & 1), _ => missing };
        return Padding(fill, left) + text + Padding(fill, missing - left);
    }

    private static string Padding(string fill, long count)
    {
        if (count <= 0)
            return "";
        return PyOperators.Repeat(fill, count);
    }

    private static string ExpandTabs(string text, long size)
    {
        StringBuilder result = new();
        long column = 0;
        foreach (char c in text)
        {
            if (c == '\t')
            {
                long blanks = size > 0 ? size - column % size : 0;
                result.Append(Padding(" ", blanks));
                column += blanks;
            }
            else
            {
                result.Append(c);
                column = c is '\n' or '\r' ? 0 : column + 1;
            }
        }

        return result.ToString();
    }

    /// <summary>The part that optional start and end arguments leave, and where it begins; null past the end.</summary>
    private static (string Text, long Start) Window(object? self, Bound a)
    {
        string text = Chars(self);
        if (!a.Has(1) && !a.Has(2))
            return (text, 0);
        int length = PyString.Length(text);
        long Place(int index, long fallback)
        {
            if (!a.Has(index) || a[index] is null)
                return fallback;
            long place = PyType.Index(a[index]);
            return place < 0 ? Math.Max(place + length, 0) : place;
        }

        long start = Place(1, 0), end = Math.Min(Place(2, length), length);
        return start > end ? ("", -1) : ((string)Members.Slice(text, start, end, null), start);
    }

    private static object Affix(object? self, Bound a, string function, Func<string, string, bool> has)
    {
        (string text, long start) = Window(self, a);
        if (a[0] is PyTuple any)
        {
            return PyType.Box(any.Items.Any(item =>
            {
                string each = PyType.Text(item)
                    ?? throw JinjaException.Type($"tuple for {function} must only contain str, not {PyType.Name(item)}");
                Budget.Current.Charge(1 + (each.Length >> 6));
                return start >= 0 && has(text, each);
            }));
        }

        string affix = PyType.Text(a[0])
            ?? throw JinjaException.Type($"{function} first arg must be str or a tuple of str, not {PyType.Name(a[0])}");
        return PyType.Box(start >= 0 && has(text, affix));
    }

    private static object Find(object? self, Bound a, string function, bool last)
    {
        string sub = PyType.Text(a[0]) ?? throw JinjaException.Type($"must be str, not {PyType.Name(a[0])}");
        (string text, long start) = Window(self, a);
        int at = start < 0 ? -1 : last ? TextSearch.LastIndexOf(text, sub, text.Length) : TextSearch.IndexOf(text, sub);
        return at < 0 ? -1L : start + PyString.IndexOf(text, at);
    }

    private static object Found(object index) => index is -1L ? throw JinjaException.Value("substring not found") : index;
}
