namespace Agentic.Proxy;

/// <summary>A template that cannot be read, or that failed or refused while rendering.</summary>
/// <param name="kind">Python's name for it, as <c>UndefinedError</c>; <c>TemplateError</c> is what a template raised itself.</param>
/// <param name="reason">In the words of Jinja2 and Python, which is what a template's author will look up.</param>
/// <param name="line">Line of the template, from 1; 0 where it is not known yet.</param>
internal sealed class JinjaException(string kind, string reason, int line = 0) : Exception
{
    public string Kind { get; } = kind;

    public string Reason { get; } = reason;

    public int Line { get; private set; } = line;

    public override string Message => Line > 0 ? $"{Reason} ({Kind}, line {Line} of the chat template)" : $"{Reason} ({Kind})";

    /// <summary>Gives the error its place, unless it has one.</summary>
    public JinjaException At(int line)
    {
        if (Line == 0)
            Line = line;
        return this;
    }

    public static JinjaException Syntax(string reason, int line) => new("TemplateSyntaxError", reason, line);

    public static JinjaException Assertion(string reason, int line) => new("TemplateAssertionError", reason, line);

    public static JinjaException Type(string reason) => new("TypeError", reason);

    public static JinjaException Value(string reason) => new("ValueError", reason);

    public static JinjaException Overflow(string reason) => new("OverflowError", reason);

    public static JinjaException ZeroDivision(string reason) => new("ZeroDivisionError", reason);

    public static JinjaException Filter(string reason) => new("FilterArgumentError", reason);

    /// <summary>The template asked for more than a prompt can need.</summary>
    public static JinjaException Limit(string reason) => new("LimitError", reason);

    public static JinjaException Recursion() => new("RecursionError", "maximum recursion depth exceeded");
}
