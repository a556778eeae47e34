using System.Text;

namespace Agentic.Proxy;

/// <summary>One rendering: what it was given, what it has written, what it may still use.</summary>
internal sealed class RenderContext(PyDict variables, DateTimeOffset now)
{
    public PyDict Variables { get; } = variables;

    /// <summary>What <c>strftime_now</c> tells.</summary>
    public DateTimeOffset Now { get; } = now;

    public Budget Budget { get; } = new(PyType.Weight(variables));

    public StringBuilder Output { get; private set; } = new();

    /// <summary>Whether output is escaped; only inside <c>autoescape</c> blocks.</summary>
    public bool Escapes { get; set; }

    /// <summary>Where in the template the rendering is, for errors.</summary>
    public int Line { get; set; }

    public void Write(string text)
    {
        Output.Append(text);
        Budget.CheckLength(Output.Length);
        Budget.Charge(1 + (text.Length >> 4));
    }

    /// <summary>Writes a value as a print statement does.</summary>
    public void Print(object? value) => Write(Escapes ? Html.Escape(value) : PyText.Str(value));

    /// <summary>What a body writes, as a value instead of output.</summary>
    public object Capture(Node body, Scope scope) => Capture(body, scope, out _);

    /// <inheritdoc cref="Capture(Node, Scope)"/>
    /// <param name="body">What writes.</param>
    /// <param name="scope">Its variables.</param>
    /// <param name="flow">How the body ended.</param>
    public object Capture(Node body, Scope scope, out Flow flow)
    {
        StringBuilder before = Output;
        Output = new StringBuilder();
        try
        {
            flow = body.Render(scope);
            Budget.ChargeText(Output.Length);
            return Escapes ? new PyMarkup(Output.ToString()) : Output.ToString();
        }
        finally
        {
            Output = before;
        }
    }
}
