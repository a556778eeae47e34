using System.Numerics;

namespace Agentic.Proxy;

/// <summary>What Python says of a value's kind.</summary>
internal static class PyType
{
    public static readonly object True = true;
    public static readonly object False = false;

    public static object Box(bool value) => value ? True : False;

    public static string Name(object? value) => value switch
    {
        null => "NoneType",
        bool => "bool",
        long or BigInteger => "int",
        double => "float",
        string => "str",
        PyMarkup => "Markup",
        List<object?> => "list",
        PyTuple { Names: not null } => "_GroupTuple",
        PyTuple => "tuple",
        PyDict => "dict",
        PyRange => "range",
        PyIterator iterator => iterator.TypeName,
        PyView view => view.TypeName,
        BoundMethod => "builtin_function_or_method",
        GlobalFunction function => function.IsType ? "type" : "function",
        _ => value.GetType().Name,
    };

    /// <summary>Python's truth of a value.</summary>
    public static bool IsTrue(object? value) => value switch
    {
        null => false,
        bool b => b,
        string s => s.Length > 0,
        long n => n != 0,
        double d => d != 0,
        List<object?> list => list.Count > 0,
        PyDict dict => dict.Count > 0,
        Undefined => false,
        PyTuple tuple => tuple.Items.Length > 0,
        PyMarkup markup => markup.Text.Length > 0,
        PyView view => view.Dict.Count > 0,
        PyRange range => range.Length > 0,
        BigInteger big => !big.IsZero,
        LoopContext loop => loop.Length > 0,
        _ => true,
    };

    /// <summary>The characters of a string or markup, null for any other value.</summary>
    public static string? Text(object? value) => value as string ?? (value as PyMarkup)?.Text;

    public static bool IsNumber(object? value) => value is long or double or bool or BigInteger;

    public static bool IsInteger(object? value) => value is long or bool or BigInteger;

    /// <summary>Python's <c>len</c>.</summary>
    public static long? Length(object? value) => value switch
    {
        string s => PyString.Length(s),
        PyMarkup m => PyString.Length(m.Text),
        List<object?> list => list.Count,
        PyTuple tuple => tuple.Items.Length,
        PyDict dict => dict.Count,
        PyView view => view.Dict.Count,
        PyRange range => range.Length,
        Undefined => 0,
        LoopContext loop => loop.Length,
        _ => null,
    };

    /// <summary>The items of anything Python can iterate, null for what it cannot.</summary>
    public static IEnumerable<object?>? Items(object? value) => value switch
    {
        List<object?> list => list,
        PyTuple tuple => tuple.Items,
        PyDict dict => dict.Keys,
        string s => PyString.Characters(s),
        PyMarkup m => PyString.Characters(m.Text).Select(c => (object?)new PyMarkup((string)c!)),
        PyView view => view.Items,
        PyRange range => range.Items,
        PyIterator iterator => iterator,
        Undefined => [],
        _ => null,
    };

    /// <exception cref="JinjaException">The value cannot be iterated.</exception>
    public static IEnumerable<object?> Iterate(object? value) =>
        Items(value) ?? throw JinjaException.Type($"'{Name(value)}' object is not iterable");

    /// <summary>How many characters a value holds, at least one a value.</summary>
    public static long Weight(object? value) => value switch
    {
        string text => 1 + text.Length,
        List<object?> list => 1 + list.Sum(Weight),
        PyDict dict => 1 + dict.Entries.Sum(entry => Weight(entry.Key) + Weight(entry.Value)),
        _ => 1,
    };

    /// <summary>The items as a list of its own, paid for.</summary>
    /// <exception cref="JinjaException">The value cannot be iterated.</exception>
    public static List<object?> ToList(object? value)
    {
        Budget budget = Budget.Current;
        if (Length(value) is { } length)
            budget.ChargeItems(length);
        if (value is List<object?> list)
            return new List<object?>(list);
        List<object?> items = [];
        foreach (object? item in Iterate(value))
        {
            budget.Charge();
            items.Add(item);
        }

        return items;
    }

    /// <summary>Python's <c>operator.index</c>: a whole number that fits an index.</summary>
    /// <exception cref="JinjaException">It is not an integer.</exception>
    public static long Index(object? value) => value switch
    {
        long n => n,
        bool b => b ? 1 : 0,
        BigInteger big => big.Sign > 0 ? long.MaxValue : long.MinValue,
        Undefined undefined => throw undefined.Error(),
        _ => throw JinjaException.Type($"'{Name(value)}' object cannot be interpreted as an integer"),
    };
}
