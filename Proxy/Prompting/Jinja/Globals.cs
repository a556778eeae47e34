using System.Globalization;

namespace Agentic.Proxy;

/// <summary>The functions every template has.</summary>
internal static class Globals
{
    public static readonly IReadOnlyDictionary<string, object?> Table = new Dictionary<string, object?>
    {
        ["range"] = new GlobalFunction("range", "start, stop=, step=", Range, isType: true),
        ["dict"] = new GlobalFunction("dict", "*", Dict, isType: true),
        ["namespace"] = new GlobalFunction("namespace", "*", static a => new Namespace(Dict(a)), isType: true),
        ["cycler"] = new GlobalFunction("cycler", "*", static a => a.All.Positional.Length > 0
            ? new Cycler(a.All.Positional)
            : throw new JinjaException("RuntimeError", "at least one item has to be provided"), isType: true),
        ["joiner"] = new GlobalFunction("joiner", "sep=", static a => new Joiner(a.Or(0, ", ")), isType: true),
        ["raise_exception"] = new GlobalFunction("raise_exception", "message", static a =>
            throw new JinjaException("TemplateError", PyText.Str(a[0]))),
        ["strftime_now"] = new GlobalFunction("strftime_now", "format", static a =>
            Strftime.Format(a.Render.Now, a.Text(0, "strftime")
                ?? throw JinjaException.Type("strftime() argument 1 must be str, not None"))),
        ["self"] = new TemplateReference(),
    };

    private static PyRange Range(Bound a)
    {
        long first = PyType.Index(a[0]), step = a.Integer(2, 1);
        PyRange range = a.Has(1) ? new PyRange(first, PyType.Index(a[1]), step) : new PyRange(0, first, 1);
        if (step == 0)
            throw JinjaException.Value("range() arg 3 must not be zero");
        return range.Length <= PyRange.MaxLength
            ? range
            : throw JinjaException.Overflow(string.Create(CultureInfo.InvariantCulture,
                $"Range too big. The sandbox blocks ranges larger than MAX_RANGE ({PyRange.MaxLength})."));
    }

    private static PyDict Dict(Bound a)
    {
        PyDict dict = new();
        if (a.All.Positional.Length > 1)
            throw JinjaException.Type($"dict expected at most 1 argument, got {a.All.Positional.Length}");
        if (a.All.Positional is [Undefined missing])
            throw missing.Error();
        if (a.All.Positional is [PyDict from])
        {
            dict = new PyDict(from);
        }
        else if (a.All.Positional is [var pairs])
        {
            int index = 0;
            foreach (object? pair in PyType.ToList(pairs))
            {
                List<object?> items = PyType.Items(pair) is null
                    ? throw JinjaException.Type($"cannot convert dictionary update sequence element #{index} to a sequence")
                    : PyType.ToList(pair);
                if (items.Count != 2)
                    throw JinjaException.Value($"dictionary update sequence element #{index} has length {items.Count}; 2 is required");
                dict.Set(items[0], items[1]);
                index++;
            }
        }

        foreach ((string name, object? value) in a.All.Named)
            dict.Set(name, value);
        return dict;
    }
}

/// <summary>The template itself, <c>self</c>, whose attributes would be named blocks of templates that extend each other.</summary>
internal sealed class TemplateReference : IHasAttributes
{
    public bool TryGetAttribute(string name, out object? value)
    {
        value = null;
        return false;
    }
}

/// <summary>Gives its items in turn.</summary>
internal sealed class Cycler(object?[] items) : IHasAttributes
{
    private int _at;

    public bool TryGetAttribute(string name, out object? value)
    {
        value = name switch
        {
            "current" => items[_at],
            "next" => new GlobalFunction("next", "", _ =>
            {
                object? item = items[_at];
                _at = (_at + 1) % items.Length;
                return item;
            }),
            "reset" => new GlobalFunction("reset", "", _ =>
            {
                _at = 0;
                return null;
            }),
            _ => this,
        };
        return value != this;
    }
}

/// <summary>Nothing when first called, the separator after.</summary>
internal sealed class Joiner(object? separator) : Callable
{
    private bool _used;

    public override object? Call(RenderContext render, Arguments arguments)
    {
        object? text = _used ? separator : "";
        _used = true;
        return text;
    }
}
