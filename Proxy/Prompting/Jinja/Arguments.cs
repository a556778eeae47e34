namespace Agentic.Proxy;

/// <summary>The arguments of one call, as written.</summary>
internal sealed class Arguments(object?[] positional, List<KeyValuePair<string, object?>>? named = null)
{
    public static readonly Arguments None = new([]);

    public object?[] Positional { get; } = positional;

    public List<KeyValuePair<string, object?>> Named { get; } = named ?? [];

    public Arguments Skip(int count) => new(Positional.Length > count ? Positional[count..] : [], Named);

    /// <summary>The named arguments as a dict.</summary>
    public PyDict ToDict()
    {
        PyDict dict = new(Named.Count);
        foreach ((string name, object? value) in Named)
            dict.Set(name, value);
        return dict;
    }
}

/// <summary>The parameters of a built-in function, such as <c>old, new, count=</c>; a sole <c>*</c> takes anything.</summary>
internal sealed class Signature
{
    private readonly string _function;
    private readonly string[] _names;
    private readonly int _required;

    public Signature(string function, string parameters)
    {
        _function = function;
        TakesAnything = parameters == "*";
        _names = TakesAnything ? [] : parameters.Split(", ", StringSplitOptions.RemoveEmptyEntries);
        _required = _names.Count(name => !name.EndsWith('='));
        _names = [.. _names.Select(name => name.TrimEnd('='))];
    }

    public bool TakesAnything { get; }

    /// <exception cref="JinjaException">Too many, too few, or unknown arguments.</exception>
    public Bound Bind(Arguments arguments, RenderContext render)
    {
        if (TakesAnything)
            return new Bound(arguments, [], render);
        object?[] values = new object?[_names.Length];
        Array.Fill(values, Bound.Absent);
        if (arguments.Positional.Length > _names.Length)
            throw TooMany(arguments.Positional.Length);
        arguments.Positional.CopyTo(values, 0);
        foreach ((string name, object? value) in arguments.Named)
        {
            int at = Array.IndexOf(_names, name);
            if (at < 0)
                throw JinjaException.Type($"{_function}() got an unexpected keyword argument {PyText.Repr(name)}");
            if (values[at] != Bound.Absent)
                throw JinjaException.Type($"{_function}() got multiple values for argument {PyText.Repr(name)}");
            values[at] = value;
        }

        for (int i = 0; i < _required; i++)
        {
            if (values[i] == Bound.Absent)
                throw TooFew(values);
        }

        return new Bound(arguments, values, render);
    }

    // Filters and tests are Python functions whose first argument is the value; methods speak as C does.
    private bool TakesValue => _function.Contains('_', StringComparison.Ordinal);

    private JinjaException TooMany(int given)
    {
        if (!TakesValue)
            return JinjaException.Type($"{_function} expected at most {Plural(_names.Length)}, got {given}");
        string least = _required == _names.Length ? "" : $"from {_required + 1} to ";
        string most = Plural(_names.Length + 1, "positional argument");
        return JinjaException.Type($"{_function}() takes {least}{most} but {given + 1} were given");
    }

    private JinjaException TooFew(object?[] values)
    {
        string[] missing = [.. _names.Take(_required).Where((_, i) => values[i] == Bound.Absent).Select(PyText.Repr)];
        if (!TakesValue)
            return JinjaException.Type($"{_function} expected at least {Plural(_required)}, got {_required - missing.Length}");
        string names = missing.Length == 1 ? missing[0]
            : string.Join(", ", missing[..^1]) + (missing.Length > 2 ? ", and " : " and ") + missing[^1];
        string arguments = missing.Length == 1 ? "argument" : "arguments";
        return JinjaException.Type($"{_function}() missing {missing.Length} required positional {arguments}: {names}");
    }

    private static string Plural(int count, string what = "argument") => $"{count} {what}{(count == 1 ? "" : "s")}";
}

/// <summary>Arguments in the order of a function's parameters.</summary>
internal readonly struct Bound(Arguments all, object?[] values, RenderContext render)
{
    public static readonly object Absent = new();

    /// <summary>As written, for functions that take anything.</summary>
    public Arguments All { get; } = all;

    public RenderContext Render { get; } = render;

    public object? this[int index] => values[index];

    public bool Has(int index) => values[index] != Absent;

    public object? Or(int index, object? fallback) => Has(index) ? values[index] : fallback;

    public bool IsTrue(int index) => Has(index) && PyType.IsTrue(values[index]);

    public long Integer(int index, long fallback) => Has(index) ? PyType.Index(values[index]) : fallback;

    /// <summary>The characters of a string argument; null where it is absent or none.</summary>
    /// <exception cref="JinjaException">It is something else.</exception>
    public string? Text(int index, string function)
    {
        if (!Has(index) || values[index] is null)
            return null;
        return PyType.Text(values[index]) ?? throw Wrong(index, function);
    }

    private JinjaException Wrong(int index, string function) => values[index] is Undefined missing && function.Length == 0
        ? missing.Error()
        : JinjaException.Type($"{function}() argument {index + 1} must be str, not {PyType.Name(values[index])}");
}
