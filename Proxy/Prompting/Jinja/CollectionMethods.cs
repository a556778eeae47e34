namespace Agentic.Proxy;

/// <summary>The methods of lists, tuples, dicts and floats that change nothing.</summary>
internal static class CollectionMethods
{
    public static readonly FunctionTable List = Sequence()
        .Add("copy", "", static (self, _) => PyType.ToList(self));

    public static readonly FunctionTable Tuple = Sequence();

    public static readonly FunctionTable Dict = new FunctionTable()
        .Add("get", "key, default=", static (self, a) => ((PyDict)self!).TryGet(a[0], out object? value) ? value : a.Or(1, null))
        .Add("items", "", static (self, _) =>
            new PyView((PyDict)self!, "dict_items", static entry => new PyTuple([entry.Key, entry.Value])))
        .Add("keys", "", static (self, _) => new PyView((PyDict)self!, "dict_keys", static entry => entry.Key))
        .Add("values", "", static (self, _) => new PyView((PyDict)self!, "dict_values", static entry => entry.Value))
        .Add("copy", "", static (self, _) => new PyDict((PyDict)self!))
        .Add("fromkeys", "iterable, value=", static (_, a) =>
        {
            PyDict dict = new();
            foreach (object? key in PyType.ToList(a[0]))
                dict.Set(key, a.Or(1, null));
            return dict;
        });

    public static readonly FunctionTable Float = new FunctionTable()
        .Add("is_integer", "", static (self, _) => PyType.Box((double)self! == Math.Floor((double)self!)));

    private static FunctionTable Sequence() => new FunctionTable()
        .Add("count", "value", static (self, a) =>
        {
            object? wanted = a[0];
            return (long)PyType.ToList(self).Count(item => PyEquality.AreEqual(item, wanted));
        })
        .Add("index", "value, start=, stop=", static (self, a) =>
        {
            List<object?> items = PyType.ToList(self);
            long start = Clamp(a.Integer(1, 0), items.Count), stop = Clamp(a.Integer(2, items.Count), items.Count);
            for (long i = start; i < stop; i++)
            {
                if (PyEquality.AreEqual(items[(int)i], a[0]))
                    return i;
            }

            throw JinjaException.Value(self is PyTuple ? "tuple.index(x): x not in tuple"
                : $"{PyText.Repr(a[0])} is not in {PyType.Name(self)}");
        });

    private static long Clamp(long index, int length) => Math.Clamp(index < 0 ? index + length : index, 0, length);
}
