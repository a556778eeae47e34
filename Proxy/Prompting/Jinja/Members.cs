namespace Agentic.Proxy;

/// <summary>Attributes and items, as Jinja2's immutable sandbox hands them out: nothing private, nothing that changes a value.</summary>
internal static class Members
{
    private static readonly HashSet<string> Changing =
        ["append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove", "popitem", "setdefault", "update"];

    // What every Python object has; others that start with an underscore may be keys of a dict.
    private static readonly HashSet<string> Private =
    [
        "__class__", "__delattr__", "__dir__", "__doc__", "__eq__", "__format__", "__ge__", "__getattribute__", "__getstate__", "__gt__",
        "__hash__", "__init__", "__init_subclass__", "__le__", "__lt__", "__ne__", "__new__", "__reduce__", "__reduce_ex__", "__repr__",
        "__setattr__", "__sizeof__", "__str__", "__subclasshook__",
    ];

    /// <summary><c>value.name</c>: an attribute, else an item of that key, else undefined.</summary>
    public static object? Attribute(object? value, string name)
    {
        if (value is Undefined missing)
            throw missing.Error();
        if (TryAttribute(value, name, out object? attribute))
            return attribute;
        return value is PyDict dict && dict.TryGet(name, out object? item) ? item : Undefined.Member(value, name);
    }

    /// <summary><c>value[key]</c>: an item, else an attribute of that name, else undefined.</summary>
    public static object? Item(object? value, object? key)
    {
        switch (value)
        {
            case Undefined missing:
                throw missing.Error();
            case PyDict dict:
                if (key is not (List<object?> or PyDict) && dict.TryGet(key, out object? item))
                    return item;
                break;
            case List<object?> or PyTuple or PyRange or string or PyMarkup when PyType.IsInteger(key):
                if (TryIndex(value, PyType.Index(key), out object? element))
                    return element;
                break;
        }

        return PyType.Text(key) is { } name && TryAttribute(value, name, out object? attribute) ? attribute : Undefined.Member(value, key);
    }

    /// <summary>The attribute alone, for <c>attr</c>.</summary>
    public static bool TryAttribute(object? value, string name, out object? attribute)
    {
        attribute = null;
        if (value is IHasAttributes owner && owner.TryGetAttribute(name, out attribute))
            return true;
        if (name.StartsWith('_'))
        {
            if (!Private.Contains(name))
                return false;
            attribute = Undefined.Unsafe(value, name);
            return true;
        }

        if (value is PyTuple { Names: { } names } named && Array.IndexOf(names, name) is var at and >= 0)
        {
            attribute = named.Items[at];
            return true;
        }

        if (Methods(value)?[name] is { } function)
        {
            attribute = new BoundMethod(value!, function);
            return true;
        }

        bool changes = Changing.Contains(name) && value switch
        {
            List<object?> => name is not ("popitem" or "setdefault" or "update"),
            PyDict => name is "clear" or "pop" or "popitem" or "setdefault" or "update",
            _ => false,
        };
        if (changes)
            attribute = Undefined.Unsafe(value, name);
        return changes;
    }

    /// <summary><c>value[start:stop:step]</c>, none standing for what is left out.</summary>
    public static object Slice(object? value, object? start, object? stop, object? step)
    {
        if (value is Undefined missing)
            throw missing.Error();
        if (value is PyDict)
            throw JinjaException.Type("unhashable type: 'slice'");
        if (value is not (string or PyMarkup or List<object?> or PyTuple or PyRange))
            throw JinjaException.Type($"'{PyType.Name(value)}' object is not subscriptable");
        long length = PyType.Length(value)!.Value;
        long by = SliceIndex(step) ?? 1;
        if (by == 0)
            throw JinjaException.Value("slice step cannot be zero");
        by = Math.Clamp(by, -int.MaxValue, int.MaxValue);
        long low = by > 0 ? 0 : -1, high = by > 0 ? length : length - 1;
        long from = Place(SliceIndex(start), by > 0 ? low : high), to = Place(SliceIndex(stop), by > 0 ? high : low);
        long count = by > 0 ? Math.Max(0, (to - from + by - 1) / by) : Math.Max(0, (from - to - by - 1) / -by);
        return Take(value, from, by, count);

        long Place(long? index, long fallback) =>
            index is not { } i ? fallback : Math.Clamp(i < 0 ? i + length : i, low, high);
    }

    private static object Take(object value, long from, long by, long count)
    {
        Budget.Current.ChargeItems(count);
        switch (value)
        {
            case PyMarkup markup:
                return new PyMarkup((string)Take(markup.Text, from, by, count));
            case PyRange range:
                return new PyRange(range.Start + from * range.Step, range.Start + (from + by * count) * range.Step, range.Step * by);
            case string text when by == 1:
                int begin = PyString.Offset(text, from), end = PyString.Offset(text, from + count);
                return count == 0 ? "" : text[begin..end];
            case string text:
                List<object?> characters = PyType.ToList(text);
                return string.Concat(Picked(characters, from, by, count));
            case List<object?> list:
                return by == 1 ? list.GetRange((int)Math.Min(from, list.Count - count), (int)count)
                    : Picked(list, from, by, count).ToList();
            default:
                return new PyTuple([.. Picked(((PyTuple)value).Items, from, by, count)]);
        }
    }

    private static IEnumerable<object?> Picked(IReadOnlyList<object?> items, long from, long by, long count)
    {
        for (long i = 0; i < count; i++)
            yield return items[(int)(from + i * by)];
    }

    private static long? SliceIndex(object? value) => value switch
    {
        null => null,
        Undefined or string or double or List<object?> or PyDict or PyTuple or PyMarkup =>
            throw JinjaException.Type("slice indices must be integers or None or have an __index__ method"),
        _ => Math.Clamp(PyType.Index(value), -int.MaxValue, int.MaxValue),
    };

    private static bool TryIndex(object value, long index, out object? element)
    {
        element = null;
        switch (value)
        {
            case string text:
                return (element = PyString.At(text, index)) is not null;
            case PyMarkup markup:
                string? character = PyString.At(markup.Text, index);
                element = character is null ? null : new PyMarkup(character);
                return character is not null;
        }

        long length = PyType.Length(value)!.Value;
        index = index < 0 ? index + length : index;
        if (index < 0 || index >= length)
            return false;
        element = value switch
        {
            List<object?> list => list[(int)index],
            PyTuple tuple => tuple.Items[index],
            _ => ((PyRange)value).At(index),
        };
        return true;
    }

    private static FunctionTable? Methods(object? value) => value switch
    {
        string or PyMarkup => StringMethods.Table,
        PyDict => CollectionMethods.Dict,
        List<object?> => CollectionMethods.List,
        PyTuple or PyRange => CollectionMethods.Tuple,
        double => CollectionMethods.Float,
        _ => null,
    };
}
