namespace Agentic.Proxy;

/// <summary>
/// Jinja2's value for what is not there: it prints as nothing, is false and empty, and any other use of it is an error that
/// says what was missing.
/// </summary>
/// <param name="reason">Made only where there is an error: templates ask every message for members that few have.</param>
/// <param name="kind">The error's.</param>
/// <param name="owner">What was asked, for the reason.</param>
/// <param name="key">What it was asked for.</param>
internal sealed class Undefined(Func<object?, object?, string> reason, string kind = "UndefinedError", object? owner = null, object? key = null)
{
    public Undefined(string reason)
        : this(static (text, _) => (string)text!, owner: reason)
    {
    }

    public JinjaException Error() => new(kind, reason(owner, key));

    public static Undefined Variable(string name) => new(static (_, name) => $"{PyText.Repr(name)} is undefined", key: name);

    /// <param name="owner">What was asked.</param>
    /// <param name="key">The attribute, or the key or index.</param>
    public static Undefined Member(object? owner, object? key) => new(
        static (owner, key) => key is string name
            ? $"{PyText.Repr(OwnerName(owner))} has no attribute {PyText.Repr(name)}"
            : $"{OwnerName(owner)} has no element {PyText.Repr(key)}",
        owner: owner, key: key);

    /// <summary>What Jinja2's immutable sandbox gives for private and changing members.</summary>
    public static Undefined Unsafe(object? owner, string name) => new(
        static (owner, name) => $"access to attribute {PyText.Repr(name)} of {PyText.Repr(PyType.Name(owner))} object is unsafe.",
        "SecurityError", owner, name);

    private static string OwnerName(object? owner) => owner switch
    {
        null => "None",
        LoopContext => "jinja2.runtime.LoopContext object",
        Macro => "jinja2.runtime.Macro object",
        Namespace => "jinja2.utils.Namespace object",
        Cycler => "jinja2.utils.Cycler object",
        Joiner => "jinja2.utils.Joiner object",
        TemplateReference => "jinja2.runtime.TemplateReference object",
        PyMarkup => "markupsafe.Markup object",
        _ => PyType.Name(owner) + " object",
    };
}
