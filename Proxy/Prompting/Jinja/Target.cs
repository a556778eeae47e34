namespace Agentic.Proxy;

/// <summary>What can stand left of an assignment, or between <c>for</c> and <c>in</c>.</summary>
internal abstract class Target
{
    /// <summary>The variables it sets.</summary>
    public abstract IEnumerable<string> Names { get; }

    public abstract void Assign(Scope scope, object? value);
}

internal sealed class NameTarget(string name) : Target
{
    public override IEnumerable<string> Names => [name];

    public override void Assign(Scope scope, object? value) => scope.Set(name, value);
}

internal sealed class NamespaceTarget(string name, string attribute) : Target
{
    public override IEnumerable<string> Names => [];

    public override void Assign(Scope scope, object? value)
    {
        scope.TryGet(name, out object? target);
        if (target is not Namespace space)
            throw new JinjaException("TemplateRuntimeError", "cannot assign attribute on non-namespace object");
        space.Attributes.Set(attribute, value);
    }
}

internal sealed class TupleTarget(Target[] targets) : Target
{
    public override IEnumerable<string> Names => targets.SelectMany(target => target.Names);

    public override void Assign(Scope scope, object? value)
    {
        IEnumerable<object?> items = PyType.Items(value)
            ?? throw JinjaException.Type($"cannot unpack non-iterable {PyType.Name(value)} object");
        int count = 0;
        object?[] values = new object?[targets.Length];
        foreach (object? item in items)
        {
            if (count == targets.Length)
                throw JinjaException.Value($"too many values to unpack (expected {targets.Length})");
            values[count++] = item;
        }

        if (count < targets.Length)
            throw JinjaException.Value($"not enough values to unpack (expected {targets.Length}, got {count})");
        for (int i = 0; i < count; i++)
            targets[i].Assign(scope, values[i]);
    }
}
