namespace Agentic.Proxy;

/// <summary>Variables of a template, a loop's round, a macro's call or a block; looks outward for what it does not hold.</summary>
internal sealed class Scope(RenderContext render, Scope? outer)
{
    private string[] _names = [];
    private object?[] _values = [];
    private int _count;

    public RenderContext Render { get; } = render;

    public Scope Inner() => new(Render, this);

    /// <summary>Forgets the variables before a loop's next round, to which a macro of an earlier one then belongs as well: Jinja2 has one
    /// frame for all rounds. Templates loop over the messages for each message, and some over the characters of a text; most of what
    /// they allocated would be scopes.</summary>
    public void Clear() => _count = 0;

    /// <param name="name">The variable's.</param>
    /// <param name="value">What it holds.</param>
    /// <param name="assignedOnly">Whether to leave out what the template was given.</param>
    public bool TryGet(string name, out object? value, bool assignedOnly = false)
    {
        for (Scope? scope = this; scope is not null; scope = scope.Outer)
        {
            for (int i = 0; i < scope._count; i++)
            {
                if (scope._names[i] == name)
                {
                    value = scope._values[i];
                    return true;
                }
            }

            Render.Budget.Charge(1 + (scope._count >> 3));
        }

        value = null;
        return !assignedOnly && (Render.Variables.TryGet(name, out value) || Globals.Table.TryGetValue(name, out value));
    }

    public void Set(string name, object? value)
    {
        int at = Array.IndexOf(_names, name, 0, _count);
        if (at < 0)
        {
            if (_count == _names.Length)
            {
                Array.Resize(ref _names, Math.Max(4, _count * 2));
                Array.Resize(ref _values, _names.Length);
            }

            at = _count++;
            _names[at] = name;
        }

        _values[at] = value;
    }

    private Scope? Outer { get; } = outer;
}
