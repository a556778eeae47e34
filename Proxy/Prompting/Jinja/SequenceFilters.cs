using System.Text;

namespace Agentic.Proxy;

internal static class SequenceFilters
{
    public static FunctionTable AddTo(FunctionTable table) => Choosing(Arranging(table))
        .Add("list", "", static (v, _) => PyType.ToList(v))
        .Add("first", "", static (v, _) =>
        {
            foreach (object? item in PyType.Iterate(v))
                return item;
            return new Undefined("No first item, sequence was empty.");
        })
        .Add("last", "", static (v, _) => PyType.ToList(Reversed(v)) is [var item, ..] ? item
            : new Undefined("No last item, sequence was empty."))
        .Add("random", "", static (v, _) => PyType.ToList(v) is { Count: > 0 } items
            ? items[Random.Shared.Next(items.Count)]
            : new Undefined("No random item, sequence was empty."))
        .Add("join", "d=, attribute=", Join)
        .Add("sum", "attribute=, start=", static (v, a) =>
        {
            Func<object?, object?> get = Filters.Getter(a.Or(0, null));
            object? total = a.Or(1, 0L);
            if (total is string or PyMarkup)
                throw JinjaException.Type("sum() can't sum strings [use ''.join(seq) instead]");
            foreach (object? item in PyType.Iterate(v))
            {
                a.Render.Budget.Charge();
                total = PyOperators.Binary("+", total, get(item));
            }

            return total;
        })
        .Add("min", "case_sensitive=, attribute=", static (v, a) => Extreme(v, a, "<"))
        .Add("max", "case_sensitive=, attribute=", static (v, a) => Extreme(v, a, ">"));

    private static FunctionTable Arranging(FunctionTable table) => table
        .Add("reverse", "", static (v, _) => v is string or PyMarkup ? Text(v, PyString.Reverse(PyType.Text(v)!)) : Reverse(v))
        .Add("sort", "reverse=, case_sensitive=, attribute=", static (v, a) =>
        {
            Func<object?, object?>[] keys = a.Or(2, null) is var attribute && PyType.Text(attribute) is { } names
                ? [.. names.Split(',').Select(name => Filters.Getter(name, ignoreCase: !a.IsTrue(1)))]
                : [Filters.Getter(attribute, ignoreCase: !a.IsTrue(1))];
            return PyOrder.Sort(PyType.ToList(v), item => new PyTuple(Array.ConvertAll(keys, key => key(item))), a.IsTrue(0));
        })
        .Add("dictsort", "case_sensitive=, by=, reverse=", static (v, a) =>
        {
            string by = a.Text(1, "dictsort") ?? "key";
            if (by is not ("key" or "value"))
                throw JinjaException.Filter("You can only sort by either \"key\" or \"value\"");
            if (v is not PyDict dict)
                throw v is Undefined missing ? missing.Error()
                    : new JinjaException("AttributeError", $"'{PyType.Name(v)}' object has no attribute 'items'");
            Func<object?, object?> get = Filters.Getter(by == "key" ? 0L : 1L, ignoreCase: !a.IsTrue(0));
            return PyOrder.Sort([.. dict.Entries.Select(entry => new PyTuple([entry.Key, entry.Value]))], get, a.IsTrue(2));
        })
        .Add("unique", "case_sensitive=, attribute=", static (v, a) =>
            new PyIterator(Unique(v, Filters.Getter(a.Or(1, null), ignoreCase: !a.IsTrue(0)))))
        .Add("groupby", "attribute, default=, case_sensitive=", GroupBy)
        .Add("batch", "linecount, fill_with=", static (v, a) => new PyIterator(Batch(v, a.Integer(0, 1), a.Or(1, null))))
        .Add("slice", "slices, fill_with=", static (v, a) => new PyIterator(Slice(v, a.Integer(0, 1), a.Or(1, null))));

    private static FunctionTable Choosing(FunctionTable table) => table
        .Add("map", "*", static (v, a) => new PyIterator(Map(v, a)))
        .Add("select", "*", static (v, a) => new PyIterator(Choose(v, a, wanted: true, byAttribute: false)))
        .Add("reject", "*", static (v, a) => new PyIterator(Choose(v, a, wanted: false, byAttribute: false)))
        .Add("selectattr", "*", static (v, a) => new PyIterator(Choose(v, a, wanted: true, byAttribute: true)))
        .Add("rejectattr", "*", static (v, a) => new PyIterator(Choose(v, a, wanted: false, byAttribute: true)));

    private static IEnumerable<object?> Map(object? value, Bound a)
    {
        if (!PyType.IsTrue(value))
            yield break;
        Func<object?, object?> map;
        if (a.All.Positional.Length == 0 && a.All.Named.Exists(pair => pair.Key == "attribute"))
        {
            PyDict named = a.All.ToDict();
            named.TryGet("attribute", out object? attribute);
            named.TryGet("default", out object? fallback);
            foreach (object? other in named.Keys)
            {
                if (other is not ("attribute" or "default"))
                    throw JinjaException.Filter($"Unexpected keyword argument {PyText.Repr(other)}");
            }

            map = Filters.Getter(attribute, fallback);
        }
        else
        {
            if (a.All.Positional.Length == 0)
                throw JinjaException.Filter("map requires a filter argument");
            Function filter = Named(Filters.Table, "filter", a.All.Positional[0]);
            Arguments rest = a.All.Skip(1);
            map = item => filter.Apply(a.Render, item, rest);
        }

        foreach (object? item in PyType.Iterate(value))
        {
            a.Render.Budget.Charge();
            yield return map(item);
        }
    }

    private static IEnumerable<object?> Choose(object? value, Bound a, bool wanted, bool byAttribute)
    {
        if (!PyType.IsTrue(value))
            yield break;
        object?[] given = a.All.Positional;
        if (byAttribute && given.Length == 0)
            throw JinjaException.Filter("Missing parameter for attribute name");
        Func<object?, object?> get = byAttribute ? Filters.Getter(given[0]) : static item => item;
        int at = byAttribute ? 1 : 0;
        Function? test = given.Length > at ? Named(Tests.Table, "test", given[at]) : null;
        Arguments rest = a.All.Skip(at + 1);
        foreach (object? item in PyType.Iterate(value))
        {
            a.Render.Budget.Charge();
            object? tested = get(item);
            if (PyType.IsTrue(test is null ? tested : test.Apply(a.Render, tested, rest)) == wanted)
                yield return item;
        }
    }

    private static Function Named(FunctionTable table, string kind, object? name) =>
        (PyType.Text(name) is { } text ? table[text] : null)
            ?? throw new JinjaException("TemplateRuntimeError", $"No {kind} named {PyText.Repr(name)}.");

    private static IEnumerable<object?> Unique(object? value, Func<object?, object?> key)
    {
        PyDict seen = new();
        foreach (object? item in PyType.Iterate(value))
        {
            Budget.Current.Charge();
            object? k = key(item);
            if (seen.Contains(k))
                continue;
            seen.Set(k, null);
            yield return item;
        }
    }

    private static List<object?> GroupBy(object? value, Bound a)
    {
        Func<object?, object?> key = Filters.Getter(a[0], a.Or(1, null), ignoreCase: !a.IsTrue(2)),
            name = Filters.Getter(a[0], a.Or(1, null));
        List<object?> groups = [];
        object? last = null;
        List<object?>? members = null;
        foreach (object? item in PyOrder.Sort(PyType.ToList(value), key, reverse: false))
        {
            object? k = key(item);
            if (members is null || !PyEquality.AreEqual(k, last))
            {
                members = [];
                groups.Add(new PyTuple([name(item), members], ["grouper", "list"]));
                last = k;
            }

            members.Add(item);
        }

        return groups;
    }

    private static IEnumerable<object?> Batch(object? value, long size, object? fill)
    {
        List<object?> batch = [];
        foreach (object? item in PyType.Iterate(value))
        {
            Budget.Current.Charge();
            if (batch.Count == size)
            {
                yield return batch;
                batch = [];
            }

            batch.Add(item);
        }

        if (batch.Count == 0)
            yield break;
        if (fill is not null && size > batch.Count)
        {
            Budget.Current.ChargeItems(size);
            batch.AddRange(Enumerable.Repeat(fill, (int)size - batch.Count));
        }

        yield return batch;
    }

    private static IEnumerable<object?> Slice(object? value, long slices, object? fill)
    {
        List<object?> items = PyType.ToList(value);
        if (slices == 0)
            throw JinjaException.ZeroDivision("integer division or modulo by zero");
        int each = (int)(items.Count / slices), extra = (int)(items.Count % slices), start = 0;
        for (long i = 0; i < slices; i++)
        {
            Budget.Current.Charge(8);
            int count = each + (i < extra ? 1 : 0);
            List<object?> slice = items.GetRange(start, count);
            start += count;
            if (fill is not null && i >= extra)
                slice.Add(fill);
            yield return slice;
        }
    }

    private static object? Extreme(object? value, Bound a, string symbol)
    {
        Func<object?, object?> key = Filters.Getter(a.Or(1, null), ignoreCase: !a.IsTrue(0));
        bool any = false;
        object? best = null, bestKey = null;
        foreach (object? item in PyType.Iterate(value))
        {
            a.Render.Budget.Charge();
            object? k = key(item);
            if (any && !PyOrder.Holds(symbol, k, bestKey))
                continue;
            (any, best, bestKey) = (true, item, k);
        }

        return any ? best : new Undefined("No aggregated item, sequence was empty.");
    }

    private static object Join(object? value, Bound a)
    {
        Func<object?, object?> get = Filters.Getter(a.Or(1, null));
        object? separator = a.Or(0, "");
        List<object?> items = [.. PyType.ToList(value).Select(get)];
        bool marked = a.Render.Escapes && (separator is PyMarkup || items.Exists(item => item is PyMarkup));
        string Part(object? part) => marked ? Html.Escape(part) : PyText.Str(part);
        StringBuilder result = new();
        string between = Part(separator);
        for (int i = 0; i < items.Count; i++)
        {
            result.Append(i > 0 ? between : "").Append(Part(items[i]));
            a.Render.Budget.Charge();
            a.Render.Budget.CheckLength(result.Length);
        }

        a.Render.Budget.ChargeText(result.Length);
        return marked ? new PyMarkup(result.ToString()) : result.ToString();
    }

    private static object Text(object? like, string text) => like is PyMarkup ? new PyMarkup(text) : text;

    private static object Reverse(object? value)
    {
        if (value is not PyIterator)
            return PyType.Items(value) is null ? throw JinjaException.Filter("argument must be iterable") : Reversed(value);
        List<object?> items = PyType.ToList(value);
        items.Reverse();
        return items;
    }

    /// <summary>Python's <c>reversed</c>, which wants a sequence.</summary>
    private static PyIterator Reversed(object? value)
    {
        string type = value switch
        {
            List<object?> => "list_reverseiterator",
            PyDict => "dict_reversekeyiterator",
            PyRange => "range_iterator",
            PyTuple or string or PyMarkup or PyView or Undefined => "reversed",
            _ => throw JinjaException.Type($"'{PyType.Name(value)}' object is not reversible"),
        };
        return new PyIterator(Enumerable.Reverse(PyType.ToList(value)), type);
    }
}
