namespace Agentic.Proxy;

/// <summary>Python's <c>&lt;</c> and its kin.</summary>
internal static class PyOrder
{
    /// <param name="symbol">One of <c>&lt; &lt;= &gt; &gt;=</c>.</param>
    /// <param name="left">Any value.</param>
    /// <param name="right">Any value.</param>
    /// <exception cref="JinjaException">The values have no order, or one is undefined.</exception>
    public static bool Holds(string symbol, object? left, object? right)
    {
        if (left is double.NaN || right is double.NaN)
            return false;
        int order = Compare(symbol, left, right);
        return symbol switch { "<" => order < 0, "<=" => order <= 0, ">" => order > 0, _ => order >= 0 };
    }

    /// <summary>A stable sort by keys, as <c>sorted</c> does it.</summary>
    public static List<object?> Sort(List<object?> items, Func<object?, object?> key, bool reverse)
    {
        Budget.Current.ChargeItems(items.Count * 8L);
        Budget.Current.Charge(items.Count * (long)Math.Max(1, System.Numerics.BitOperations.Log2((uint)items.Count + 1)));
        Comparer<object?> order = Comparer<object?>.Create((a, b) => Compare("<", a, b));
        List<(object? Key, object? Item)> pairs = [.. items.Select(item => (key(item), item))];

        // Python asks whether the later is less than the earlier, and says so when they cannot be compared.
        for (int i = 1; i < pairs.Count; i++)
            Compare("<", pairs[i].Key, pairs[i - 1].Key);
        IEnumerable<(object? Key, object? Item)> keyed = pairs;
        keyed = reverse ? keyed.OrderByDescending(pair => pair.Key, order) : keyed.OrderBy(pair => pair.Key, order);
        try
        {
            return [.. keyed.Select(pair => pair.Item)];
        }
        catch (InvalidOperationException error) when (error.InnerException is JinjaException inner)
        {
            throw inner;    // what a comparer throws, the framework's sort wraps
        }
    }

    private static int Compare(string symbol, object? left, object? right)
    {
        switch (left, right)
        {
            case (Undefined undefined, _):
                throw undefined.Error();
            case (_, Undefined undefined):
                throw undefined.Error();
            case (string or PyMarkup, string or PyMarkup):
                Budget.ChargeReading(PyType.Text(left)!);
                return PyString.Compare(PyType.Text(left)!, PyType.Text(right)!);
            case (List<object?> a, List<object?> b):
                return CompareAll(symbol, a, b);
            case (PyTuple a, PyTuple b):
                return CompareAll(symbol, a.Items, b.Items);
        }

        if (PyType.IsNumber(left) && PyType.IsNumber(right))
            return PyNumber.Compare(left!, right!);
        throw JinjaException.Type($"'{symbol}' not supported between instances of '{PyType.Name(left)}' and '{PyType.Name(right)}'");
    }

    private static int CompareAll(string symbol, IReadOnlyList<object?> left, IReadOnlyList<object?> right)
    {
        Budget.Descend();
        for (int i = 0; i < Math.Min(left.Count, right.Count); i++)
        {
            Budget.Current.Charge();
            if (!PyEquality.AreEqual(left[i], right[i]))
                return Compare(symbol, left[i], right[i]);
        }

        return left.Count.CompareTo(right.Count);
    }
}
