namespace Agentic.Proxy;

/// <summary>How a statement ended.</summary>
internal enum Flow
{
    Next,
    Break,
    Continue,
}

/// <summary>A statement of a template.</summary>
internal abstract class Node(int line)
{
    public int Line { get; } = line;

    public abstract Flow Render(Scope scope);
}

/// <summary>An expression of a template.</summary>
internal abstract class Expression(int line)
{
    public int Line { get; } = line;

    public abstract object? Evaluate(Scope scope);
}

internal sealed class Block(int line, Node[] nodes) : Node(line)
{
    public override Flow Render(Scope scope)
    {
        foreach (Node node in nodes)
        {
            Flow flow = node.Render(scope);
            if (flow != Flow.Next)
                return flow;
        }

        return Flow.Next;
    }
}

internal sealed class DataNode(int line, string text) : Node(line)
{
    public override Flow Render(Scope scope)
    {
        scope.Render.Write(text);
        return Flow.Next;
    }
}

internal sealed class PrintNode(int line, Expression expression) : Node(line)
{
    public override Flow Render(Scope scope)
    {
        scope.Render.Line = Line;
        object? value = expression.Evaluate(scope);
        scope.Render.Line = Line;
        scope.Render.Print(value);
        return Flow.Next;
    }
}

internal sealed class IfNode(int line, Expression test, Node then, Node? otherwise) : Node(line)
{
    public override Flow Render(Scope scope)
    {
        scope.Render.Line = Line;
        scope.Render.Budget.Charge();
        return PyType.IsTrue(test.Evaluate(scope)) ? then.Render(scope) : otherwise?.Render(scope) ?? Flow.Next;
    }
}

internal sealed class JumpNode(int line, Flow flow) : Node(line)
{
    public override Flow Render(Scope scope) => flow;
}

internal sealed class SetNode(int line, Target target, Expression value) : Node(line)
{
    public override Flow Render(Scope scope)
    {
        scope.Render.Line = Line;
        scope.Render.Budget.Charge();
        target.Assign(scope, value.Evaluate(scope));
        return Flow.Next;
    }
}

/// <summary><c>{% set x %}…{% endset %}</c>, through filters if there are any. A body that leaves the loop around it is dropped.</summary>
internal sealed class SetBlockNode(int line, Target target, CapturedExpression body, Expression value) : Node(line)
{
    public override Flow Render(Scope scope)
    {
        Scope inner = scope.Inner();
        inner.Set(CapturedExpression.Name, scope.Render.Capture(body.Body, inner, out Flow flow));
        if (flow != Flow.Next)
            return flow;
        scope.Render.Line = Line;
        target.Assign(scope, value.Evaluate(inner));
        return Flow.Next;
    }
}

/// <summary><c>{% filter upper %}…{% endfilter %}</c>. A body that leaves the loop around it is dropped.</summary>
internal sealed class FilterBlockNode(int line, CapturedExpression body, Expression value) : Node(line)
{
    public override Flow Render(Scope scope)
    {
        Scope inner = scope.Inner();
        inner.Set(CapturedExpression.Name, scope.Render.Capture(body.Body, inner, out Flow flow));
        if (flow != Flow.Next)
            return flow;
        scope.Render.Line = Line;
        scope.Render.Print(value.Evaluate(inner));
        return Flow.Next;
    }
}

/// <summary>A body in a scope of its own: <c>with</c>, <c>block</c>, <c>generation</c>.</summary>
internal sealed class ScopeNode(int line, (Target Target, Expression Value)[] variables, Node body) : Node(line)
{
    public override Flow Render(Scope scope)
    {
        scope.Render.Line = Line;
        Scope inner = scope.Inner();
        object?[] values = [.. variables.Select(variable => variable.Value.Evaluate(scope))];
        for (int i = 0; i < values.Length; i++)
            variables[i].Target.Assign(inner, values[i]);
        return body.Render(inner);
    }
}

internal sealed class AutoescapeNode(int line, Expression on, Node body) : Node(line)
{
    public override Flow Render(Scope scope)
    {
        bool before = scope.Render.Escapes;
        scope.Render.Escapes = PyType.IsTrue(on.Evaluate(scope));
        try
        {
            return body.Render(scope.Inner());
        }
        finally
        {
            scope.Render.Escapes = before;
        }
    }
}
