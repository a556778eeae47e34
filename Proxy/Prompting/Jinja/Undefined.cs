namespace Agentic.Proxy;

/// <summary>
/// Jinja2's value for what is not there: it prints as nothing, is false and empty, and any other use of it is an error that
/// says what was missing.
/// </summary>
internal sealed class Undefined(string message, string kind = "UndefinedError")
{
    public JinjaException Error() => new(kind, message);

    public static Undefined Variable(string name) => new($"{PyText.Repr(name)} is undefined");

    /// <param name="owner">What was asked.</param>
    /// <param name="key">The attribute, or the key or index.</param>
    public static Undefined Member(object? owner, object? key) => key is string name
        ? new($"{PyText.Repr(OwnerName(owner))} has no attribute {PyText.Repr(name)}")
        : new($"{OwnerName(owner)} has no element {PyText.Repr(key)}");

    /// <summary>What Jinja2's immutable sandbox gives for private and changing members.</summary>
    public static Undefined Unsafe(object? owner, string name) =>
        new($"access to attribute {PyText.Repr(name)} of {PyText.Repr(PyType.Name(owner))} object is unsafe.", "SecurityError");

    private static string OwnerName(object? owner) => owner switch
    {
        null => "None",
        LoopContext => "jinja2.runtime.LoopContext object",
        Macro => "jinja2.runtime.Macro object",
        Namespace => "jinja2.utils.Namespace object",
        Cycler => "jinja2.utils.Cycler object",
        Joiner => "jinja2.utils.Joiner object",
        PyMarkup => "markupsafe.Markup object",
        _ => PyType.Name(owner) + " object",
    };
}
