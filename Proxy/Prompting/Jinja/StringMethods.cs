using System.Globalization;
using System.Text;

namespace Agentic.Proxy;

/// <summary>The methods of Python's strings. Those of markup give markup, and escape what is put into it.</summary>
internal static partial class StringMethods
{
    public static readonly FunctionTable Table = Searching(Shaping(Asking(new FunctionTable())))
        .Add("split", "sep=, maxsplit=", static (self, a) =>
            Each(self, Split(Chars(self), Separator(a, "split"), a.Integer(1, -1), fromEnd: false)))
        .Add("rsplit", "sep=, maxsplit=", static (self, a) =>
            Each(self, Split(Chars(self), Separator(a, "rsplit"), a.Integer(1, -1), fromEnd: true)))
        .Add("splitlines", "keepends=", static (self, a) => Each(self, SplitLines(Chars(self), a.IsTrue(0))))
        .Add("partition", "sep", static (self, a) => Partition(self, a, last: false))
        .Add("rpartition", "sep", static (self, a) => Partition(self, a, last: true))
        .Add("join", "iterable", Join)
        .Add("format", "*", static (self, a) => Like(self, StringFormat.Format(Chars(self), a.All, self is PyMarkup)))
        .Add("format_map", "mapping", static (self, a) => Like(self, StringFormat.Format(
            Chars(self),
            new Arguments([], [.. (a[0] as PyDict ?? new PyDict()).Entries.Select(e => KeyValuePair.Create(PyText.Str(e.Key), e.Value))]),
            self is PyMarkup)))
        .Add("encode", "encoding=, errors=", static (self, _) => throw JinjaException.Type("bytes are not supported in chat templates"));

    private static FunctionTable Shaping(FunctionTable table) => table
        .Add("strip", "chars=", static (self, a) => Like(self, Strip(Chars(self), Trimmed(a, "strip"), left: true, right: true)))
        .Add("lstrip", "chars=", static (self, a) => Like(self, Strip(Chars(self), Trimmed(a, "lstrip"), left: true, right: false)))
        .Add("rstrip", "chars=", static (self, a) => Like(self, Strip(Chars(self), Trimmed(a, "rstrip"), left: false, right: true)))
        .Add("upper", "", static (self, _) => Like(self, PyString.Upper(Chars(self))))
        .Add("lower casefold", "", static (self, _) => Like(self, PyString.Lower(Chars(self))))
        .Add("title", "", static (self, _) => Like(self, PyString.Title(Chars(self))))
        .Add("capitalize", "", static (self, _) => Like(self, PyString.Capitalize(Chars(self))))
        .Add("swapcase", "", static (self, _) => Like(self, PyString.Each(Chars(self), static c =>
            PyString.Upper(c) == c ? PyString.Lower(c) : PyString.Upper(c))))
        .Add("replace", "old, new, count=", static (self, a) => Like(self, Replace(
            Chars(self), a.Text(0, "replace") ?? throw NotText("replace", 1, a[0]), Inner(self, a[1], "replace", 2), a.Integer(2, -1))))
        .Add("removeprefix", "prefix", static (self, a) =>
            Like(self, Chars(self).StartsWith(Inner(null, a[0], "removeprefix", 1), StringComparison.Ordinal)
            ? Chars(self)[Chars(a[0]).Length..] : Chars(self)))
        .Add("removesuffix", "suffix", static (self, a) =>
            Like(self, Chars(self).EndsWith(Inner(null, a[0], "removesuffix", 1), StringComparison.Ordinal)
            ? Chars(self)[..^Chars(a[0]).Length] : Chars(self)))
        .Add("ljust", "width, fillchar=", static (self, a) => Like(self, Justify(Chars(self), a, "ljust", before: 0)))
        .Add("rjust", "width, fillchar=", static (self, a) => Like(self, Justify(Chars(self), a, "rjust", before: 2)))
        .Add("center", "width, fillchar=", static (self, a) => Like(self, Justify(Chars(self), a, "center", before: 1)))
        .Add("zfill", "width", static (self, a) =>
        {
            string text = Chars(self);
            int sign = text is ['+' or '-', ..] ? 1 : 0;
            return Like(self, text[..sign] + Padding("0", a.Integer(0, 0) - PyString.Length(text)) + text[sign..]);
        })
        .Add("expandtabs", "tabsize=", static (self, a) => Like(self, ExpandTabs(Chars(self), a.Integer(0, 8))));

    private static FunctionTable Asking(FunctionTable table) => table
        .Add("isalpha", "", static (self, _) => All(self, static r => Rune.IsLetter(r)))
        .Add("isalnum", "", static (self, _) => All(self, static r => Rune.IsLetter(r) || Rune.IsNumber(r)))
        .Add("isdecimal", "", static (self, _) => All(self, static r => Rune.GetUnicodeCategory(r) == UnicodeCategory.DecimalDigitNumber))
        .Add("isdigit", "", static (self, _) => All(self, static r => CharUnicodeInfo.GetDigitValue(r.ToString(), 0) >= 0))
        .Add("isnumeric", "", static (self, _) => All(self, static r => Rune.GetNumericValue(r) >= 0))
        .Add("isspace", "", static (self, _) => All(self, static r => r.IsBmp && PyString.IsSpace((char)r.Value)))
        .Add("isascii", "", static (self, _) => PyType.Box(Ascii.IsValid(Chars(self))))
        .Add("isprintable", "", static (self, _) => PyType.Box(Chars(self).EnumerateRunes().All(PyText.IsPrintable)))
        .Add("isidentifier", "", static (self, _) => PyType.Box(Chars(self) is { Length: > 0 } text && !char.IsDigit(text[0])
            && text.EnumerateRunes().All(r => r.Value == '_' || Rune.IsLetterOrDigit(r))))
        .Add("islower", "", static (self, _) => PyType.Box(IsLower(Chars(self))))
        .Add("isupper", "", static (self, _) => PyType.Box(IsUpper(Chars(self))))
        .Add("istitle", "", static (self, _) => PyType.Box(PyString.Characters(Chars(self)).Any(c => PyString.IsCased((string)c!))
            && PyString.Title(Chars(self)) == Chars(self)));

    private static FunctionTable Searching(FunctionTable table) => table
        .Add("startswith", "prefix, start=, end=", static (self, a) =>
            Affix(self, a, "startswith", static (text, affix) => text.StartsWith(affix, StringComparison.Ordinal)))
        .Add("endswith", "suffix, start=, end=", static (self, a) =>
            Affix(self, a, "endswith", static (text, affix) => text.EndsWith(affix, StringComparison.Ordinal)))
        .Add("find", "sub, start=, end=", static (self, a) => Find(self, a, "find", last: false))
        .Add("rfind", "sub, start=, end=", static (self, a) => Find(self, a, "rfind", last: true))
        .Add("index", "sub, start=, end=", static (self, a) => Found(Find(self, a, "index", last: false)))
        .Add("rindex", "sub, start=, end=", static (self, a) => Found(Find(self, a, "rindex", last: true)))
        .Add("count", "sub, start=, end=", static (self, a) =>
        {
            string sub = Inner(null, a[0], "count", 1);
            (string text, _) = Window(self, a);
            if (sub.Length == 0)
                return (long)PyString.Length(text) + 1;
            return TextSearch.Count(text, sub);
        });

    public static bool IsLower(string text) => text.Any(char.IsLower) && !text.Any(char.IsUpper);

    public static bool IsUpper(string text) => text.Any(char.IsUpper) && !text.Any(char.IsLower);

    private static string Chars(object? self) => PyType.Text(self)!;

    private static object Like(object? self, string result)
    {
        Budget.Current.ChargeText(result.Length);
        return self is PyMarkup ? new PyMarkup(result) : result;
    }

    private static List<object?> Each(object? self, List<object?> parts)
    {
        Budget.Current.ChargeItems(parts.Count * 4L);
        return self is PyMarkup ? [.. parts.Select(part => new PyMarkup((string)part!))] : parts;
    }

    private static JinjaException NotText(string function, int index, object? value) =>
        JinjaException.Type($"{function}() argument {index} must be str, not {PyType.Name(value)}");

    /// <summary>A string argument, escaped where it goes into markup.</summary>
    private static string Inner(object? self, object? value, string function, int index) =>
        PyType.Text(value) is { } text ? self is PyMarkup ? Html.Escape(value) : text : throw NotText(function, index, value);

    private static object All(object? self, Func<Rune, bool> holds) =>
        PyType.Box(Chars(self) is { Length: > 0 } text && text.EnumerateRunes().All(rune =>
        {
            Budget.Current.Charge();
            return holds(rune);
        }));
}
