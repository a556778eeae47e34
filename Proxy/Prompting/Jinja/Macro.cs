namespace Agentic.Proxy;

/// <summary>What a macro or the body of a call block takes and does.</summary>
/// <param name="Name">Null for the body of a call block.</param>
/// <param name="Parameters">Names, and defaults where there are any.</param>
/// <param name="Body">What it writes.</param>
/// <param name="Uses">Which of <c>caller</c>, <c>varargs</c> and <c>kwargs</c> the body speaks of; only these are taken.</param>
internal sealed record MacroDefinition(string? Name, (string Name, Expression? Default)[] Parameters, Node Body, IReadOnlySet<string> Uses);

internal sealed class MacroNode(int line, MacroDefinition definition) : Node(line)
{
    public override Flow Render(Scope scope)
    {
        scope.Set(definition.Name!, new Macro(definition, scope));
        return Flow.Next;
    }
}

/// <summary><c>{% call(x) macro(…) %}…{% endcall %}</c></summary>
internal sealed class CallBlockNode(int line, CallExpression call, MacroDefinition body) : Node(line)
{
    public override Flow Render(Scope scope)
    {
        scope.Render.Line = Line;
        scope.Render.Print(call.Evaluate(scope, new Macro(body, scope)));
        return Flow.Next;
    }
}

/// <summary>A macro together with the scope it was defined in.</summary>
internal sealed class Macro(MacroDefinition definition, Scope home) : Callable, IHasAttributes
{
    public string? Name => definition.Name;

    public override object? Call(RenderContext render, Arguments arguments)
    {
        Scope scope = home.Inner();
        Bind(scope, arguments);
        render.Budget.Enter();
        object text = render.Capture(definition.Body, scope);
        render.Budget.Leave();
        return text;
    }

    public bool TryGetAttribute(string name, out object? value)
    {
        value = name switch
        {
            "name" => definition.Name,
            "arguments" => new PyTuple([.. definition.Parameters.Select(parameter => (object?)parameter.Name)]),
            "caller" => PyType.Box(definition.Uses.Contains("caller")),
            "catch_kwargs" => PyType.Box(definition.Uses.Contains("kwargs")),
            "catch_varargs" => PyType.Box(definition.Uses.Contains("varargs")),
            _ => this,
        };
        return value != this;
    }

    private void Bind(Scope scope, Arguments arguments)
    {
        List<KeyValuePair<string, object?>> named = [.. arguments.Named];
        Budget.Current.Charge((long)named.Count * definition.Parameters.Length >> 2);
        bool Take(string name, out object? value)
        {
            int at = named.FindIndex(pair => pair.Key == name);
            value = at < 0 ? null : named[at].Value;
            if (at >= 0)
                named.RemoveAt(at);
            return at >= 0;
        }

        object?[] positional = arguments.Positional;
        bool namesCaller = false;
        List<(string Name, Expression? Default)> absent = [];
        for (int i = 0; i < definition.Parameters.Length; i++)
        {
            (string name, Expression? fallback) = definition.Parameters[i];
            namesCaller |= name == "caller";
            if (i < positional.Length)
                scope.Set(name, positional[i]);
            else if (Take(name, out object? value))
                scope.Set(name, value);
            else
                absent.Add((name, fallback));
        }

        if (definition.Uses.Contains("caller") && !namesCaller)
            scope.Set("caller", Take("caller", out object? caller) ? caller : new Undefined("No caller defined"));
        if (definition.Uses.Contains("kwargs"))
            scope.Set("kwargs", new Arguments([], named).ToDict());
        else if (named.Count > 0)
            throw Unexpected(named);
        if (definition.Uses.Contains("varargs"))
            scope.Set("varargs", new PyTuple([.. positional.Skip(definition.Parameters.Length)]));
        else if (positional.Length > definition.Parameters.Length)
            throw JinjaException.Type($"macro {PyText.Repr(Name)} takes not more than {definition.Parameters.Length} argument(s)");

        // Defaults may speak of the parameters before them; themselves and those after them they find undefined, not another variable.
        foreach ((string name, _) in absent)
            scope.Set(name, Undefined.Variable(name));
        foreach ((string name, Expression? fallback) in absent)
            scope.Set(name, fallback is null ? new Undefined($"parameter {PyText.Repr(name)} was not provided") : fallback.Evaluate(scope));
    }

    private JinjaException Unexpected(List<KeyValuePair<string, object?>> named) =>
        JinjaException.Type(named.Exists(pair => pair.Key == "caller")
        ? $"macro {PyText.Repr(Name)} was invoked with two values for the special caller argument. This is most likely a bug."
        : $"macro {PyText.Repr(Name)} takes no keyword argument {PyText.Repr(named[0].Key)}");
}
