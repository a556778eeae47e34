namespace Agentic.Proxy;

/// <summary>What can follow <c>is</c>.</summary>
internal static class Tests
{
    public static readonly FunctionTable Table = new FunctionTable("test_")
        .Add("defined", "", static (v, _) => PyType.Box(v is not Undefined))
        .Add("undefined", "", static (v, _) => PyType.Box(v is Undefined))
        .Add("none", "", static (v, _) => PyType.Box(v is null))
        .Add("boolean", "", static (v, _) => PyType.Box(v is bool))
        .Add("true", "", static (v, _) => PyType.Box(v is true))
        .Add("false", "", static (v, _) => PyType.Box(v is false))
        .Add("integer", "", static (v, _) => PyType.Box(v is not bool && PyType.IsInteger(v)))
        .Add("float", "", static (v, _) => PyType.Box(v is double))
        .Add("number", "", static (v, _) => PyType.Box(PyType.IsNumber(v)))
        .Add("string", "", static (v, _) => PyType.Box(v is string or PyMarkup))
        .Add("mapping", "", static (v, _) => PyType.Box(v is PyDict))
        .Add("sequence", "", static (v, _) =>
            PyType.Box(v is string or PyMarkup or List<object?> or PyTuple or PyDict or PyRange or Undefined))
        .Add("iterable", "", static (v, _) => PyType.Box(PyType.Items(v) is not null || v is LoopContext))
        .Add("callable", "", static (v, _) => PyType.Box(v is Callable or Undefined))
        .Add("escaped", "", static (v, _) => PyType.Box(v is PyMarkup))
        .Add("lower", "", static (v, _) => PyType.Box(StringMethods.IsLower(PyText.Str(v))))
        .Add("upper", "", static (v, _) => PyType.Box(StringMethods.IsUpper(PyText.Str(v))))
        .Add("odd", "", static (v, _) => PyType.Box(PyEquality.AreEqual(PyOperators.Binary("%", v, 2L), 1L)))
        .Add("even", "", static (v, _) => PyType.Box(PyEquality.AreEqual(PyOperators.Binary("%", v, 2L), 0L)))
        .Add("divisibleby", "num", static (v, a) => PyType.Box(PyEquality.AreEqual(PyOperators.Binary("%", v, a[0]), 0L)))
        .Add("sameas", "other", static (v, a) => PyType.Box(IsSame(v, a[0])))
        .Add("in", "seq", static (v, a) => PyType.Box(PyOperators.Contains(a[0], v)))
        .Add("filter", "", static (v, _) => PyType.Box(v is string name && Filters.Table.Has(name)))
        .Add("test", "", static (v, _) => PyType.Box(v is string name && Has(name)))
        .Add("== eq equalto", "other", static (v, a) => PyType.Box(PyEquality.AreEqual(v, a[0])))
        .Add("!= ne", "other", static (v, a) => PyType.Box(!PyEquality.AreEqual(v, a[0])))
        .Add("< lt lessthan", "other", static (v, a) => PyType.Box(PyOrder.Holds("<", v, a[0])))
        .Add("<= le", "other", static (v, a) => PyType.Box(PyOrder.Holds("<=", v, a[0])))
        .Add("> gt greaterthan", "other", static (v, a) => PyType.Box(PyOrder.Holds(">", v, a[0])))
        .Add(">= ge", "other", static (v, a) => PyType.Box(PyOrder.Holds(">=", v, a[0])));

    private static bool Has(string name) => Table.Has(name);

    /// <summary>Python's <c>is</c>: small values that it keeps one copy of are the same when equal.</summary>
    private static bool IsSame(object? left, object? right) => (left, right) switch
    {
        (bool a, bool b) => a == b,
        (long a, long b) => a == b && a is >= -5 and <= 256,
        (string { Length: <= 1 } a, string b) => a == b,
        _ => ReferenceEquals(left, right),
    };
}
