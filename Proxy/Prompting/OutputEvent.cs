namespace Agentic.Proxy;

/// <summary>What a piece of output means to a client.</summary>
internal enum OutputEventKind
{
    /// <summary>Text of the answer.</summary>
    Text,

    /// <summary>What the model thinks before it answers.</summary>
    Reasoning,

    /// <summary>A tool call begins: its id and name are known.</summary>
    CallStart,

    /// <summary>More of a call's arguments, exactly as the model wrote them.</summary>
    CallArguments,
}

/// <summary>One thing a client should be told, in order.</summary>
/// <param name="Kind">Which.</param>
/// <param name="Text">The text, the arguments' next piece, or the called function's name.</param>
/// <param name="Call">Index of the call, from 0.</param>
/// <param name="CallId">Set where a call begins.</param>
internal readonly record struct OutputEvent(OutputEventKind Kind, string Text, int Call = 0, string? CallId = null);

/// <summary>Events of one token; neighbouring pieces of the same kind become one.</summary>
internal sealed class OutputEvents : List<OutputEvent>
{
    public void Append(OutputEventKind kind, string text, int call = 0)
    {
        if (text.Length == 0)
            return;
        if (Count > 0 && this[^1] is var last && last.Kind == kind && last.Call == call)
            this[^1] = last with { Text = last.Text + text };
        else
            Add(new OutputEvent(kind, text, call));
    }
}
