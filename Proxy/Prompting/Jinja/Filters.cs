using System.Buffers;
using System.Text;

namespace Agentic.Proxy;

/// <summary>Jinja2's filters, with Hugging Face's <c>tojson</c>.</summary>
internal static class Filters
{
    public static readonly FunctionTable Table =
        SequenceFilters.AddTo(TextFilters.AddTo(NumberFilters.AddTo(Values(new FunctionTable("do_")))));

    private static readonly SearchValues<char> NotInNames = SearchValues.Create(" \t\n\r\f\v/>=");

    private static FunctionTable Values(FunctionTable table) => table
        .Add("default d", "default_value=, boolean=", static (v, a) =>
            v is Undefined || (a.IsTrue(1) && !PyType.IsTrue(v)) ? a.Or(0, "") : v)
        .Add("attr", "name", static (v, a) =>
        {
            string name = PyText.Str(a[0]);
            if (v is Undefined missing)
                throw missing.Error();
            return Members.TryAttribute(v, name, out object? value) ? value : Undefined.Member(v, name);
        })
        .Add("length count", "", static (v, _) => PyType.Length(v)
            ?? throw JinjaException.Type($"object of type '{PyType.Name(v)}' has no len()"))
        .Add("string", "", static (v, _) => v as PyMarkup ?? (object)PyText.Str(v))
        .Add("safe", "", static (v, _) => new PyMarkup(PyText.Str(v)))
        .Add("escape e", "", static (v, _) => new PyMarkup(Html.Escape(v)))
        .Add("forceescape", "", static (v, _) => new PyMarkup(Html.Escape(PyText.Str(v))))
        .Add("items", "", static (v, _) => new PyIterator(Pairs(v)))
        .Add("tojson", "ensure_ascii=, indent=, separators=, sort_keys=", ToJson)
        .Add("pprint", "", static (v, _) => PyText.Repr(v))
        .Add("xmlattr", "autospace=", static (v, a) =>
        {
            if (v is not PyDict dict)
                throw JinjaException.Type($"'{PyType.Name(v)}' object has no attribute 'items'");
            StringBuilder result = new();
            foreach ((object? key, object? value) in dict.Entries)
            {
                if (value is null or Undefined)
                    continue;
                if (PyText.Str(key).AsSpan().IndexOfAny(NotInNames) >= 0)
                    throw JinjaException.Value($"Invalid character in attribute name: {PyText.Repr(key)}");
                result.Append(result.Length > 0 ? " " : "").Append(Html.Escape(key)).Append("=\"").Append(Html.Escape(value)).Append('"');
                Budget.Current.Charge();
                Budget.Current.CheckLength(result.Length);
            }

            string text = result.Length > 0 && (!a.Has(0) || a.IsTrue(0)) ? " " + result : result.ToString();
            return a.Render.Escapes ? new PyMarkup(text) : text;
        });

    private static IEnumerable<object?> Pairs(object? value)
    {
        if (value is Undefined)
            yield break;
        if (value is not PyDict dict)
            throw JinjaException.Type("Can only get item pairs from a mapping.");
        foreach ((object? key, object? item) in dict.Entries)
            yield return new PyTuple([key, item]);
    }

    private static string ToJson(object? value, Bound a)
    {
        string? indent = a.Or(1, null) switch
        {
            null => null,
            string text => text,
            object width => new string(' ', (int)Math.Clamp(PyType.Index(width), 0, 1000)),
        };
        object?[] separators = a.Or(2, null) is { } pair ? [.. PyType.ToList(pair)] : [null, null];
        if (separators.Length != 2)
            throw JinjaException.Value(separators.Length < 2
                ? $"not enough values to unpack (expected 2, got {separators.Length})"
                : "too many values to unpack (expected 2)");
        return PyJson.Dump(value, a.IsTrue(0), indent, PyType.Text(separators[0]), PyType.Text(separators[1]), a.IsTrue(3));
    }

    /// <summary>What a filter by attribute looks up: <c>a.b.0</c> for items within items, an index, or none for the item itself.</summary>
    public static Func<object?, object?> Getter(object? attribute, object? fallback = null, bool ignoreCase = false)
    {
        object?[] parts = attribute switch
        {
            null => [],
            string or PyMarkup => [.. PyType.Text(attribute)!.Split('.').Select(part =>
                part.Length > 0 && part.All(char.IsAsciiDigit) ? PyNumber.ParseDigits(part, 10) : (object?)part)],
            _ => [attribute],
        };
        return item =>
        {
            foreach (object? part in parts)
            {
                item = Members.Item(item, part);
                if (fallback is not null && item is Undefined)
                    item = fallback;
            }

            return ignoreCase && PyType.Text(item) is { } text ? PyString.Lower(text) : item;
        };
    }
}
