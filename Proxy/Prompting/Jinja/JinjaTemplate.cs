using System.Text.Json.Nodes;

namespace Agentic.Proxy;

/// <summary>
/// A template in the Jinja2 of Hugging Face's chat templates: trim_blocks, lstrip_blocks, an immutable sandbox, break and
/// continue, generation blocks, <c>raise_exception</c>, <c>strftime_now</c> and JSON as Python writes it. Parsed once; any number of
/// threads may render it.
/// </summary>
internal sealed class JinjaTemplate
{
    private readonly Node _root;
    private readonly TimeProvider _time;

    private JinjaTemplate(Node root, TimeProvider time)
    {
        _root = root;
        _time = time;
    }

    /// <exception cref="JinjaException">The source is not a template; the message has the line.</exception>
    public static JinjaTemplate Parse(string source, TimeProvider? time = null)
    {
        try
        {
            return new JinjaTemplate(new Parser(Lexer.Tokenize(source)).ParseTemplate(), time ?? TimeProvider.System);
        }
        catch (InsufficientExecutionStackException)
        {
            throw JinjaException.Recursion();
        }
    }

    /// <param name="variables">What the template may speak of; numbers without point or exponent are integers.</param>
    /// <exception cref="JinjaException">The template failed, raised an error itself, or asked for too much.</exception>
    public string Render(JsonObject variables) => Render((PyDict)PyJson.From(variables)!);

    /// <inheritdoc cref="Render(JsonObject)"/>
    internal string Render(PyDict variables)
    {
        RenderContext context = new(variables, _time.GetLocalNow());
        Budget? before = Budget.Swap(context.Budget);
        try
        {
            _root.Render(new Scope(context, null));
            return context.Output.ToString();
        }
        catch (JinjaException error)
        {
            throw error.At(context.Line);
        }
        catch (InsufficientExecutionStackException)
        {
            throw JinjaException.Recursion().At(context.Line);
        }
        finally
        {
            Budget.Swap(before);
        }
    }
}
