using System.Text;
using System.Text.RegularExpressions;

namespace Agentic.Proxy;

internal static partial class TextFilters
{
    public static FunctionTable AddTo(FunctionTable table) => table
        .Add("upper", "", static (v, a) => Method(v, "upper", a))
        .Add("lower", "", static (v, a) => Method(v, "lower", a))
        .Add("capitalize", "", static (v, a) => Method(v, "capitalize", a))
        .Add("title", "", static (v, _) => Title(PyText.Str(v)))
        .Add("trim", "chars=", static (v, a) => Method(v, "strip", a, a.Or(0, null)))
        .Add("center", "width=", static (v, a) => Method(v, "center", a, a.Or(0, 80L)))
        .Add("replace", "old, new, count=", static (v, a) =>
        {
            long count = a.Or(2, null) is null ? -1 : a.Integer(2, -1);
            bool marked = a.Render.Escapes && (v is PyMarkup || a[0] is PyMarkup || a[1] is PyMarkup);
            string result = marked
                ? StringMethods.Replace(Html.Escape(v), Html.Escape(a[0]), Html.Escape(a[1]), count)
                : StringMethods.Replace(PyText.Str(v), PyText.Str(a[0]), PyText.Str(a[1]), count);
            return marked ? new PyMarkup(result) : result;
        })
        .Add("format", "*", static (v, a) => a.All.Positional.Length > 0 && a.All.Named.Count > 0
            ? throw JinjaException.Filter("can't handle positional and keyword arguments at the same time")
            : PyFormat.Percent(Soft(v), a.All.Named.Count > 0 ? a.All.ToDict() : new PyTuple(a.All.Positional)))
        .Add("indent", "width=, first=, blank=", Indent)
        .Add("truncate", "length=, killwords=, end=, leeway=", Truncate)
        .Add("wordcount", "", static (v, a) =>
        {
            string text = PyText.Str(v);
            a.Render.Budget.Charge(text.Length);
            return (long)Word().Count(text);
        })
        .Add("wordwrap", "width=, break_long_words=, wrapstring=, break_on_hyphens=", static (v, a) => WordWrap.Wrap(
            Text(v, "splitlines"), a.Integer(0, 79), !a.Has(1) || a.IsTrue(1), a.Text(2, "wordwrap") ?? "\n", !a.Has(3) || a.IsTrue(3)))
        .Add("striptags", "", static (v, _) => StripTags(PyText.Str(v)))
        .Add("urlencode", "", static (v, _) => v is string or PyMarkup || PyType.Items(v) is null ? Quote(PyText.Str(v), "/")
            : QueryString(v));

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();

    [GeneratedRegex(@"[-\s({\[<]+")]
    private static partial Regex BeforeWord();

    private static object Soft(object? value) => value is string or PyMarkup ? value : PyText.Str(value);

    private static object? Method(object? value, string name, Bound a, params object?[] arguments) =>
        StringMethods.Table[name]!.Apply(a.Render, Soft(value), new Arguments(arguments));

    private static string Text(object? value, string wants) => PyType.Text(value)
        ?? throw (value is Undefined missing ? missing.Error()
        : new JinjaException("AttributeError", $"'{PyType.Name(value)}' object has no attribute '{wants}'"));

    private static string Title(string text)
    {
        StringBuilder result = new(text.Length);
        int start = 0;
        foreach (ValueMatch match in BeforeWord().EnumerateMatches(text))
        {
            result.Append(PyString.Capitalize(text[start..match.Index])).Append(text, match.Index, match.Length);
            start = match.Index + match.Length;
        }

        return result.Append(PyString.Capitalize(text[start..])).ToString();
    }

    private static object Indent(object? value, Bound a)
    {
        string indent = a.Or(0, 4L) is var width && PyType.Text(width) is { } given ? given
            : new string(' ', (int)Math.Clamp(PyType.Index(width), 0, 100_000));
        if (value is not (string or PyMarkup))
            throw value is Undefined missing
                ? missing.Error()
                : JinjaException.Type($"unsupported operand type(s) for +=: '{PyType.Name(value)}' and 'str'");
        List<object?> lines = StringMethods.SplitLines(PyType.Text(value) + "\n", keepEnds: false);
        bool blank = a.IsTrue(2);
        StringBuilder result = new();
        for (int i = 0; i < lines.Count; i++)
        {
            string line = (string)lines[i]!;
            if (i > 0)
                result.Append('\n');
            if (i == 0 ? a.IsTrue(1) : blank || line.Length > 0)
                result.Append(indent);
            result.Append(line);
            Budget.Current.ChargeText(indent.Length + line.Length);
            Budget.Current.CheckLength(result.Length);
        }

        return value is PyMarkup ? new PyMarkup(result.ToString()) : result.ToString();
    }

    private static object? Truncate(object? value, Bound a)
    {
        long length = a.Integer(0, 255), leeway = a.Or(3, null) is null ? 5 : a.Integer(3, 5);
        string end = a.Text(2, "truncate") ?? "...";
        if (length < end.Length)
            throw new JinjaException("AssertionError", $"expected length >= {end.Length}, got {length}");
        if (leeway < 0)
            throw new JinjaException("AssertionError", $"expected leeway >= 0, got {leeway}");
        if ((PyType.Length(value) ?? throw JinjaException.Type($"object of type '{PyType.Name(value)}' has no len()")) <= length + leeway)
            return value;
        string cut = PyText.Str(Members.Slice(value, null, length - PyString.Length(end), null));
        int space = a.IsTrue(1) ? -1 : cut.LastIndexOf(' ');
        return (space < 0 ? cut : cut[..space]) + end;
    }

    private static string StripTags(string text)
    {
        Budget.Current.Reserve(text.Length * 24L);  // words of one letter
        string plain = Without(Without(text, "<!--", "-->"), "<", ">");
        return System.Net.WebUtility.HtmlDecode(string.Join(' ', plain.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));
    }

    private static string Without(string text, string open, string close)
    {
        StringBuilder result = new(text.Length);
        int done = 0;
        for (int at = text.IndexOf(open, StringComparison.Ordinal); at >= 0; at = text.IndexOf(open, done, StringComparison.Ordinal))
        {
            int end = text.IndexOf(close, at, StringComparison.Ordinal);
            if (end < 0)
                break;
            result.Append(text, done, at - done);
            done = end + close.Length;
        }

        return result.Append(text, done, text.Length - done).ToString();
    }

    private static string QueryString(object? value)
    {
        IEnumerable<object?> pairs = value is PyDict dict ? dict.Entries.Select(entry => (object?)new PyTuple([entry.Key, entry.Value]))
            : PyType.Iterate(value);
        List<string> parts = [];
        foreach (object? pair in pairs)
        {
            List<object?> items = PyType.ToList(pair);
            if (items.Count != 2)
                throw JinjaException.Value(items.Count < 2 ? $"not enough values to unpack (expected 2, got {items.Count})"
                    : "too many values to unpack (expected 2)");
            parts.Add($"{Query(items[0])}={Query(items[1])}");
        }

        return string.Join('&', parts);
    }

    private static string Query(object? value) => Quote(PyText.Str(value), "").Replace("%20", "+", StringComparison.Ordinal);

    private static string Quote(string text, string safe)
    {
        StringBuilder result = new(text.Length);
        foreach (byte b in Encoding.UTF8.GetBytes(text))
        {
            char c = (char)b;
            if (char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-' or '~' || safe.Contains(c, StringComparison.Ordinal))
                result.Append(c);
            else
                result.Append('%').Append(Convert.ToHexString([b]));
            Budget.Current.Charge();
        }

        return result.ToString();
    }
}
