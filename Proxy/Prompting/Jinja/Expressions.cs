namespace Agentic.Proxy;

internal sealed class ConstantExpression(int line, object? value) : Expression(line)
{
    public object? Value { get; } = value;

    public override object? Evaluate(Scope scope) => Value;
}

internal sealed class NameExpression(int line, string name) : Expression(line)
{
    public string Name { get; } = name;

    /// <summary>Whether the name is one that the template itself assigns, so that none it was given stands for it; see
    /// <see cref="FrameNames"/>.</summary>
    public bool IsOfTemplate { get; set; }

    public override object? Evaluate(Scope scope) =>
        scope.TryGet(Name, out object? value, IsOfTemplate) ? value : Undefined.Variable(Name);
}

/// <summary>Stands for the text of a block that is filtered or assigned.</summary>
internal sealed class CapturedExpression(int line, Node body) : Expression(line)
{
    /// <summary>No variable can be called this.</summary>
    public const string Name = "the captured text";

    public Node Body { get; } = body;

    public override object? Evaluate(Scope scope) => scope.TryGet(Name, out object? text) ? text : null;
}

internal sealed class ListExpression(int line, Expression[] items) : Expression(line)
{
    public override object? Evaluate(Scope scope)
    {
        scope.Render.Budget.ChargeItems(items.Length);
        List<object?> list = new(items.Length);
        foreach (Expression item in items)
            list.Add(item.Evaluate(scope));
        return list;
    }
}

internal sealed class TupleExpression(int line, Expression[] items) : Expression(line)
{
    public Expression[] Items { get; } = items;

    public override object? Evaluate(Scope scope)
    {
        scope.Render.Budget.ChargeItems(Items.Length);
        return Items.Length == 0 ? PyTuple.Empty : new PyTuple(Array.ConvertAll(Items, item => item.Evaluate(scope)));
    }
}

internal sealed class DictExpression(int line, (Expression Key, Expression Value)[] items) : Expression(line)
{
    public override object? Evaluate(Scope scope)
    {
        scope.Render.Budget.ChargeItems(items.Length);
        PyDict dict = new(items.Length);
        foreach ((Expression key, Expression value) in items)
            dict.Set(key.Evaluate(scope), value.Evaluate(scope));
        return dict;
    }
}

internal sealed class ConditionalExpression(int line, Expression test, Expression then, Expression? otherwise) : Expression(line)
{
    public override object? Evaluate(Scope scope)
    {
        if (PyType.IsTrue(test.Evaluate(scope)))
            return then.Evaluate(scope);
        return otherwise is not null
            ? otherwise.Evaluate(scope)
            : new Undefined($"the inline if-expression on line {Line} evaluated to false and no else section was defined.");
    }
}

internal sealed class AndExpression(int line, Expression left, Expression right) : Expression(line)
{
    public override object? Evaluate(Scope scope)
    {
        object? value = left.Evaluate(scope);
        return PyType.IsTrue(value) ? right.Evaluate(scope) : value;
    }
}

internal sealed class OrExpression(int line, Expression left, Expression right) : Expression(line)
{
    public override object? Evaluate(Scope scope)
    {
        object? value = left.Evaluate(scope);
        return PyType.IsTrue(value) ? value : right.Evaluate(scope);
    }
}

internal sealed class NotExpression(int line, Expression operand) : Expression(line)
{
    public override object? Evaluate(Scope scope) => PyType.Box(!PyType.IsTrue(operand.Evaluate(scope)));
}

internal sealed class UnaryExpression(int line, string symbol, Expression operand) : Expression(line)
{
    public override object? Evaluate(Scope scope)
    {
        object? value = operand.Evaluate(scope);
        scope.Render.Line = Line;
        return PyOperators.Unary(symbol, value);
    }
}

internal sealed class BinaryExpression(int line, string symbol, Expression left, Expression right) : Expression(line)
{
    public override object? Evaluate(Scope scope)
    {
        object? a = left.Evaluate(scope), b = right.Evaluate(scope);
        scope.Render.Line = Line;
        scope.Render.Budget.Charge();
        return PyOperators.Binary(symbol, a, b);
    }
}

/// <summary><c>a &lt; b == c</c>: each operand is evaluated once, and no further than the first that fails.</summary>
internal sealed class CompareExpression(int line, Expression first, (string Symbol, Expression Operand)[] rest) : Expression(line)
{
    public override object? Evaluate(Scope scope)
    {
        object? left = first.Evaluate(scope);
        foreach ((string symbol, Expression operand) in rest)
        {
            object? right = operand.Evaluate(scope);
            scope.Render.Line = Line;
            scope.Render.Budget.Charge();
            if (!Holds(symbol, left, right))
                return PyType.False;
            left = right;
        }

        return PyType.True;
    }

    public static bool Holds(string symbol, object? left, object? right) => symbol switch
    {
        "==" => PyEquality.AreEqual(left, right),
        "!=" => !PyEquality.AreEqual(left, right),
        "in" => PyOperators.Contains(right, left),
        "not in" => !PyOperators.Contains(right, left),
        _ => PyOrder.Holds(symbol, left, right),
    };
}

/// <summary><c>a ~ b</c>: texts of any values.</summary>
internal sealed class ConcatExpression(int line, Expression[] parts) : Expression(line)
{
    public override object? Evaluate(Scope scope)
    {
        object?[] values = Array.ConvertAll(parts, part => part.Evaluate(scope));
        bool markup = scope.Render.Escapes && values.Any(value => value is PyMarkup);
        string[] texts = Array.ConvertAll(values, value => markup ? Html.Escape(value) : PyText.Str(value));
        scope.Render.Budget.ChargeText(texts.Sum(text => (long)text.Length));
        string result = string.Concat(texts);
        return markup ? new PyMarkup(result) : result;
    }
}
