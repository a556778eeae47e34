namespace Agentic.Proxy;

/// <summary>Something a template can call.</summary>
internal abstract class Callable
{
    public abstract object? Call(RenderContext render, Arguments arguments);
}

/// <summary>A filter, test or method: a function of a value and arguments.</summary>
/// <param name="name">As error messages say it.</param>
/// <param name="parameters">See <see cref="Signature"/>; the value itself is not among them.</param>
/// <param name="body">What it does.</param>
internal sealed class Function(string name, string parameters, Func<object?, Bound, object?> body)
{
    private readonly Signature _signature = new(name, parameters);

    public string Name { get; } = name;

    public object? Apply(RenderContext render, object? value, Arguments arguments)
    {
        render.Budget.Charge(2);
        Read(value);
        foreach (object? argument in arguments.Positional)
            Read(argument);
        return body(value, _signature.Bind(arguments, render));
    }

    private static void Read(object? value)
    {
        if (PyType.Text(value) is { } text)
            Budget.ChargeReading(text);
    }
}

/// <summary>A function taken from a value, such as <c>text.strip</c>.</summary>
internal sealed class BoundMethod(object owner, Function function) : Callable
{
    public override object? Call(RenderContext render, Arguments arguments) => function.Apply(render, owner, arguments);
}

/// <summary>A function that belongs to no value, such as <c>range</c>.</summary>
internal sealed class GlobalFunction(string name, string parameters, Func<Bound, object?> body, bool isType = false) : Callable
{
    private readonly Signature _signature = new(name, parameters);

    /// <summary>Whether Python has a class of this name, so that it calls it a type.</summary>
    public bool IsType { get; } = isType;

    public override object? Call(RenderContext render, Arguments arguments)
    {
        render.Budget.Charge(2);
        return body(_signature.Bind(arguments, render));
    }
}

/// <summary>The functions of one kind, by name.</summary>
/// <param name="prefix">What Python puts before the names of these functions: <c>do_</c>, <c>test_</c>; empty for methods.</param>
internal sealed class FunctionTable(string prefix = "")
{
    private readonly Dictionary<string, Function> _functions = [];

    public Function? this[string name] => _functions.GetValueOrDefault(name);

    public bool Has(string name) => _functions.ContainsKey(name);

    public FunctionTable Add(string name, string parameters, Func<object?, Bound, object?> body)
    {
        foreach (string each in name.Split(' '))
            _functions[each] = new Function(prefix + each, parameters, body);
        return this;
    }
}
