using System.Runtime.InteropServices;

namespace Agentic.Proxy;

/// <summary>Python's operators on any two values.</summary>
internal static class PyOperators
{
    /// <param name="symbol">One of <c>+ - * / // % **</c>.</param>
    /// <param name="left">Any value.</param>
    /// <param name="right">Any value.</param>
    /// <exception cref="JinjaException">The values do not go together, or one is undefined.</exception>
    public static object? Binary(string symbol, object? left, object? right)
    {
        if (left is string a && right is string b && symbol == "+")
            return Join(a, b);
        if (left is Undefined missing || (right is Undefined && (missing = (Undefined)right) is not null))
            return symbol == "%" && left is string or PyMarkup ? PyFormat.Percent(left, right) : throw missing.Error();
        if (PyType.IsNumber(left) && PyType.IsNumber(right))
            return PyNumber.Calculate(symbol, left!, right!);
        return symbol switch
        {
            "+" => Add(left, right),
            "*" => Multiply(left, right),
            "%" when left is string or PyMarkup => PyFormat.Percent(left, right),
            _ => throw Unsupported(symbol, left, right),
        };
    }

    public static object Unary(string symbol, object? value)
    {
        if (value is Undefined missing)
            throw missing.Error();
        if (!PyType.IsNumber(value))
            throw JinjaException.Type($"bad operand type for unary {symbol}: '{PyType.Name(value)}'");
        return symbol == "-" ? PyNumber.Negate(value!) : value is bool b ? b ? 1L : 0L : value!;
    }

    /// <summary>Python's <c>in</c>.</summary>
    public static bool Contains(object? container, object? item)
    {
        switch (container)
        {
            case string or PyMarkup:
                return item is string or PyMarkup
                    ? TextSearch.IndexOf(PyType.Text(container)!, PyType.Text(item)!) >= 0
                    : throw JinjaException.Type($"'in <string>' requires string as left operand, not {PyType.Name(item)}");
            case PyDict dict:
                return dict.Contains(item);
            case PyView { TypeName: "dict_keys" } keys:
                return keys.Dict.Contains(item);
        }

        IEnumerable<object?> items = PyType.Items(container)
            ?? throw JinjaException.Type($"argument of type '{PyType.Name(container)}' is not iterable");
        Budget budget = Budget.Current;
        foreach (object? candidate in items)
        {
            budget.Charge();
            if ((candidate is not null && ReferenceEquals(candidate, item)) || PyEquality.AreEqual(candidate, item))
                return true;
        }

        return false;
    }

    public static string Join(string left, string right)
    {
        Budget.Current.ChargeText((long)left.Length + right.Length);
        return string.Concat(left, right);
    }

    private static object Add(object? left, object? right)
    {
        switch (left, right)
        {
            case (PyMarkup or string, PyMarkup or string):
                return new PyMarkup(Join(Html.Escape(left), Html.Escape(right)));
            case (List<object?> a, List<object?> b):
                Budget.Current.ChargeItems((long)a.Count + b.Count);
                return new List<object?>([.. a, .. b]);
            case (PyTuple a, PyTuple b):
                Budget.Current.ChargeItems((long)a.Items.Length + b.Items.Length);
                return new PyTuple([.. a.Items, .. b.Items]);
            case (string or List<object?> or PyTuple, _):
                string kind = PyType.Name(left);
                throw JinjaException.Type($"can only concatenate {kind} (not \"{PyType.Name(right)}\") to {kind}");
            default:
                throw Unsupported("+", left, right);
        }
    }

    private static object Multiply(object? left, object? right)
    {
        (object? sequence, object? count) = left is string or PyMarkup or List<object?> or PyTuple ? (left, right) : (right, left);
        if (sequence is not (string or PyMarkup or List<object?> or PyTuple))
            throw Unsupported("*", left, right);
        if (!PyType.IsInteger(count))
            throw JinjaException.Type($"can't multiply sequence by non-int of type '{PyType.Name(count)}'");
        long times = Math.Clamp(PyType.Index(count), 0, int.MaxValue);
        switch (sequence)
        {
            case string text:
                return Repeat(text, times);
            case PyMarkup markup:
                return new PyMarkup(Repeat(markup.Text, times));
            case List<object?> list:
                return new List<object?>(Repeat(CollectionsMarshal.AsSpan(list), times));
            default:
                return new PyTuple(Repeat(((PyTuple)sequence).Items, times));
        }
    }

    public static string Repeat(string text, long times)
    {
        if (text.Length == 0 || times <= 0)
            return "";
        Budget.Current.ChargeText(text.Length * times);
        return string.Create(text.Length * (int)times, text, static (result, text) =>
        {
            for (int at = 0; at < result.Length; at += text.Length)
                text.CopyTo(result[at..]);
        });
    }

    private static object?[] Repeat(ReadOnlySpan<object?> items, long times)
    {
        if (items.IsEmpty)
            return [];
        Budget.Current.ChargeItems(items.Length * times * 2);
        object?[] result = new object?[items.Length * times];
        for (int at = 0; at < result.Length; at += items.Length)
            items.CopyTo(result.AsSpan(at));
        return result;
    }

    private static JinjaException Unsupported(string symbol, object? left, object? right) => JinjaException.Type(
        $"unsupported operand type(s) for {(symbol == "**" ? "** or pow()" : symbol)}: '{PyType.Name(left)}' and '{PyType.Name(right)}'");
}
