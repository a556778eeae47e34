namespace Agentic.Proxy;

/// <summary>A <c>for</c> statement.</summary>
internal sealed class ForNode(int line, Target target, Expression items, Expression? filter, Node body, Node? otherwise, bool recursive)
    : Node(line)
{
    public override Flow Render(Scope scope)
    {
        scope.Render.Line = Line;
        return Run(scope, items.Evaluate(scope), depth: 0);
    }

    /// <summary>The body over other items, for <c>loop(…)</c> in a recursive loop.</summary>
    public object Recurse(Scope scope, object? value, int depth)
    {
        scope.Render.Budget.Enter();
        object text = scope.Render.Capture(new Round(this, value, depth), scope);
        scope.Render.Budget.Leave();
        return text;
    }

    private Flow Run(Scope scope, object? value, int depth)
    {
        IEnumerable<object?> source = PyType.Iterate(value);
        if (filter is not null)
            source = Filtered(source, scope);
        Func<object?, object>? recurse = recursive ? inner => Recurse(scope, inner, depth + 1) : null;
        LoopContext loop = new(source, filter is null ? PyType.Length(value) : null, depth, recurse);
        Scope round = scope.Inner();
        bool finished = false;   // a round came to its end: as in Jinja2, one that is left early does not keep the else away
        while (loop.Advance(out object? item))
        {
            scope.Render.Budget.Charge();
            round.Clear();
            target.Assign(round, item);
            round.Set("loop", loop);
            Flow flow = body.Render(round);
            finished |= flow == Flow.Next;
            if (flow == Flow.Break)
                break;
        }

        return finished ? Flow.Next : otherwise?.Render(scope.Inner()) ?? Flow.Next;
    }

    private IEnumerable<object?> Filtered(IEnumerable<object?> source, Scope scope)
    {
        Scope inner = scope.Inner();
        foreach (object? item in source)
        {
            scope.Render.Budget.Charge();
            inner.Clear();
            target.Assign(inner, item);
            if (PyType.IsTrue(filter!.Evaluate(inner)))
                yield return item;
        }
    }

    private sealed class Round(ForNode loop, object? value, int depth) : Node(loop.Line)
    {
        public override Flow Render(Scope scope) => loop.Run(scope, value, depth);
    }
}

/// <summary>The <c>loop</c> variable. It looks ahead only when it is asked about what comes.</summary>
internal sealed class LoopContext(IEnumerable<object?> items, long? length, int depth, Func<object?, object>? recurse)
    : Callable, IHasAttributes
{
    private readonly Queue<object?> _ahead = new();
    private readonly IEnumerator<object?> _items = items.GetEnumerator();
    private object? _previous;
    private object? _current;
    private PyTuple? _changed;
    private long? _length = length;

    public long Index0 { get; private set; } = -1;

    public long Length
    {
        get
        {
            if (_length is null)
            {
                while (Peek(_ahead.Count + 1))
                {
                }

                _length = Index0 + 1 + _ahead.Count;
            }

            return _length.Value;
        }
    }

    public bool Advance(out object? item)
    {
        item = null;
        if (!Peek(1))
            return false;
        item = _ahead.Dequeue();
        _previous = _current;
        _current = item;
        Index0++;
        return true;
    }

    public override object? Call(RenderContext render, Arguments arguments)
    {
        if (recurse is null)
            throw JinjaException.Type("The loop must have the 'recursive' marker to be called recursively.");
        return arguments.Positional.Length == 1 ? recurse(arguments.Positional[0]) : throw JinjaException.Type("loop() takes one argument");
    }

    public bool TryGetAttribute(string name, out object? value)
    {
        switch (name)
        {
            case "index":
                value = Index0 + 1;
                return true;
            case "index0":
                value = Index0;
                return true;
            case "revindex":
                value = Length - Index0;
                return true;
            case "revindex0":
                value = Length - Index0 - 1;
                return true;
            case "first":
                value = PyType.Box(Index0 == 0);
                return true;
            case "last":
                value = PyType.Box(!Peek(1));
                return true;
            case "length":
                value = Length;
                return true;
            case "depth":
                value = (long)depth + 1;
                return true;
            case "depth0":
                value = (long)depth;
                return true;
            case "previtem":
                value = Index0 == 0 ? new Undefined("there is no previous item") : _previous;
                return true;
            case "nextitem":
                value = Peek(1) ? _ahead.Peek() : new Undefined("there is no next item");
                return true;
            case "cycle":
                value = new GlobalFunction("cycle", "*", Cycle);
                return true;
            case "changed":
                value = new GlobalFunction("changed", "*", Changed);
                return true;
            default:
                value = null;
                return false;
        }
    }

    private object? Cycle(Bound a)
    {
        object?[] values = a.All.Positional;
        return values.Length > 0 ? values[Index0 % values.Length] : throw JinjaException.Type("no items for cycling given");
    }

    private object? Changed(Bound a)
    {
        PyTuple values = new(a.All.Positional);
        bool same = _changed is not null && PyEquality.AreEqual(_changed, values);
        _changed = values;
        return PyType.Box(!same);
    }

    private bool Peek(int count)
    {
        while (_ahead.Count < count)
        {
            if (!_items.MoveNext())
                return false;
            Budget.Current.Charge();
            _ahead.Enqueue(_items.Current);
        }

        return true;
    }
}
