namespace Agentic.Proxy;

/// <summary>
/// The names a template, a loop, a macro or a block speaks of. Jinja2 decides when it compiles, and by the order of the text, which
/// frame a name belongs to: one that its frame assigns without having read it before, not even in a branch, is that frame's alone.
/// Until it is assigned, inner frames then find it undefined, although the template was given a variable of this name.
/// </summary>
/// <param name="outer">The frame this one lies in; null for a template.</param>
internal sealed class FrameNames(FrameNames? outer)
{
    private readonly Dictionary<string, First> _names = [];
    private readonly List<NameExpression> _reads = [];
    private int _branches;

    private enum First
    {
        Read,
        Assigned,
        Parameter,
    }

    public FrameNames? Outer { get; } = outer;

    public void Read(NameExpression name)
    {
        _names.TryAdd(name.Name, First.Read);
        _reads.Add(name);
    }

    /// <summary>A branch may be passed by, so what only it assigns is looked up like a name that was read.</summary>
    public void Assign(IEnumerable<string> names)
    {
        foreach (string name in names)
            _names.TryAdd(name, _branches > 0 ? First.Read : First.Assigned);
    }

    public void Take(IEnumerable<string> parameters)
    {
        foreach (string name in parameters)
            _names[name] = First.Parameter;
    }

    public void EnterBranch() => _branches++;

    public void LeaveBranch() => _branches--;

    /// <summary>Tells the names that were read whose they are, once all frames around this one are known to their end.</summary>
    public void Settle()
    {
        foreach (NameExpression name in _reads)
            name.IsOfTemplate = OwnerOf(name.Name) == First.Assigned;
    }

    /// <summary>How the outermost frame that knows the name first spoke of it; inner frames share that frame's variable.</summary>
    private First OwnerOf(string name)
    {
        First found = First.Read;
        for (FrameNames? frame = this; frame is not null && found != First.Parameter; frame = frame.Outer)
        {
            if (frame._names.TryGetValue(name, out First first))
                found = first;
        }

        return found;
    }
}
