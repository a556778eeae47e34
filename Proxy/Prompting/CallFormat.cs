namespace Agentic.Proxy;

/// <summary>How a model writes calls of tools: an object with a name and arguments for each, and what stands around them.</summary>
internal sealed record CallFormat
{
    /// <summary><c>&lt;tool_call&gt;{"name": …, "arguments": {…}}&lt;/tool_call&gt;</c>, as Hermes and Qwen. Qwen3-Coder has elements
    /// in the object's place, which readers take alike (<see cref="ElementCallReader"/>).</summary>
    public static CallFormat Hermes { get; } = new() { Open = "<tool_call>", Close = "</tool_call>" };

    /// <summary><c>[TOOL_CALLS][{"name": …, "arguments": {…}}, …]</c>. Its templates refuse ids of another length. Newer models write
    /// <c>[TOOL_CALLS]NAME[ARGS]{…}</c> for each, which readers take alike (<see cref="NamedCallReader"/>).</summary>
    public static CallFormat Mistral { get; } = new() { Open = "[TOOL_CALLS]", IsList = true, IdLength = 9 };

    /// <summary><c>{"name": …, "parameters": {…}}</c> as the whole answer, as Llama 3.1; the marker may come before it. Several are
    /// separated by semicolons.</summary>
    public static CallFormat Llama { get; } = new() { Open = "<|python_tag|>", IsBare = true, Arguments = "parameters" };

    /// <summary>What stands before a call.</summary>
    public required string Open { get; init; }

    /// <summary>What stands after each call; null if its object ends it.</summary>
    public string? Close { get; init; }

    /// <summary>Whether calls are elements of one array.</summary>
    public bool IsList { get; private init; }

    /// <summary>Whether an object at the answer's beginning may be a call without any marker.</summary>
    public bool IsBare { get; private init; }

    /// <summary>The member that holds the arguments; readers take the usual names alike.</summary>
    public string Arguments { get; private init; } = "arguments";

    /// <summary>Characters of a call's id; 0 for OpenAI's form.</summary>
    public int IdLength { get; private init; }

    /// <summary>The format in which a template lays out a call, as far as it is one of these.</summary>
    /// <param name="rendered">A conversation with a call; null if the template has none.</param>
    public static CallFormat Of(string? rendered)
    {
        if (rendered is null || rendered.Contains(Hermes.Open, StringComparison.Ordinal))
            return Hermes;
        if (rendered.Contains(Mistral.Open, StringComparison.Ordinal))
            return Mistral;
        return rendered.Contains($"\"{Llama.Arguments}\"", StringComparison.Ordinal) ? Llama : Hermes;
    }

    /// <summary>Whether this markup of the model is for the reader of calls.</summary>
    public bool IsMarker(string text) => text == Open || text == Close || (IsList && NamedCallReader.Markers.Contains(text));

    public string NewCallId() => IdLength == 0 ? Wire.NewCallId() : Wire.NewId("", IdLength);
}
