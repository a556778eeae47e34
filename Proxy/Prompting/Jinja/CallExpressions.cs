namespace Agentic.Proxy;

internal sealed class AttributeExpression(int line, Expression owner, string name) : Expression(line)
{
    public override object? Evaluate(Scope scope)
    {
        object? value = owner.Evaluate(scope);
        scope.Render.Line = Line;
        scope.Render.Budget.Charge();
        return Members.Attribute(value, name);
    }
}

internal sealed class ItemExpression(int line, Expression owner, Expression key) : Expression(line)
{
    public override object? Evaluate(Scope scope)
    {
        object? value = owner.Evaluate(scope), at = key.Evaluate(scope);
        scope.Render.Line = Line;
        scope.Render.Budget.Charge();
        return Members.Item(value, at);
    }
}

internal sealed class SliceExpression(int line, Expression owner, Expression? start, Expression? stop, Expression? step) : Expression(line)
{
    public override object? Evaluate(Scope scope)
    {
        object? value = owner.Evaluate(scope);
        object? from = start?.Evaluate(scope), to = stop?.Evaluate(scope), by = step?.Evaluate(scope);
        scope.Render.Line = Line;
        scope.Render.Budget.Charge();
        return Members.Slice(value, from, to, by);
    }
}

/// <summary>The arguments of a call, filter or test as written.</summary>
internal sealed class ArgumentList(Expression[] positional, (string Name, Expression Value)[] named, Expression? more,
    Expression? moreNamed)
{
    public static readonly ArgumentList None = new([], [], null, null);

    public bool IsEmpty => positional.Length == 0 && named.Length == 0 && more is null && moreNamed is null;

    public Arguments Evaluate(Scope scope)
    {
        if (IsEmpty)
            return Arguments.None;
        object?[] values = Array.ConvertAll(positional, argument => argument.Evaluate(scope));
        if (more is not null)
            values = [.. values, .. PyType.ToList(more.Evaluate(scope))];
        if (named.Length == 0 && moreNamed is null)
            return new Arguments(values);
        List<KeyValuePair<string, object?>> pairs = [.. named.Select(pair => KeyValuePair.Create(pair.Name, pair.Value.Evaluate(scope)))];
        if (moreNamed is not null)
        {
            if (moreNamed.Evaluate(scope) is not PyDict dict)
                throw JinjaException.Type("argument after ** must be a mapping");
            scope.Render.Budget.ChargeItems(dict.Count * 2L);
            pairs.AddRange(dict.Entries.Select(entry =>
                KeyValuePair.Create(PyType.Text(entry.Key) ?? throw JinjaException.Type("keywords must be strings"), entry.Value)));
        }

        return new Arguments(values, pairs);
    }
}

internal sealed class CallExpression(int line, Expression callee, ArgumentList arguments) : Expression(line)
{
    public override object? Evaluate(Scope scope) => Evaluate(scope, caller: null);

    /// <summary>Calls with the body of a call block, which the macro knows as <c>caller</c>.</summary>
    public object? Evaluate(Scope scope, Macro? caller)
    {
        object? function = callee.Evaluate(scope);
        Arguments given = arguments.Evaluate(scope);
        scope.Render.Line = Line;
        scope.Render.Budget.Charge();
        if (caller is not null)
            given = new Arguments(given.Positional, [.. given.Named, KeyValuePair.Create("caller", (object?)caller)]);
        object? result = function switch
        {
            Callable callable => callable.Call(scope.Render, given),
            Undefined missing => throw missing.Error(),
            _ => throw JinjaException.Type($"'{PyType.Name(function)}' object is not callable"),
        };
        scope.Render.Line = Line;
        return result;
    }
}

internal sealed class FilterExpression(int line, Expression value, string name, ArgumentList arguments) : Expression(line)
{
    private readonly Function? _filter = Filters.Table[name];

    public override object? Evaluate(Scope scope)
    {
        if (_filter is null)
            throw new JinjaException("TemplateRuntimeError", $"No filter named {PyText.Repr(name)} found.");
        object? input = value.Evaluate(scope);
        Arguments given = arguments.Evaluate(scope);
        scope.Render.Line = Line;
        return _filter.Apply(scope.Render, input, given);
    }
}

internal sealed class TestExpression(int line, Expression value, string name, ArgumentList arguments) : Expression(line)
{
    private readonly Function? _test = Tests.Table[name];

    public override object? Evaluate(Scope scope)
    {
        if (_test is null)
            throw new JinjaException("TemplateRuntimeError", $"No test named {PyText.Repr(name)} found.");
        object? input = value.Evaluate(scope);
        Arguments given = arguments.Evaluate(scope);
        scope.Render.Line = Line;
        return _test.Apply(scope.Render, input, given);
    }
}
