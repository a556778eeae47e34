using System.Text.RegularExpressions;

namespace Agentic.Proxy;

/// <summary>How one call says what it calls.</summary>
internal enum CallNotation
{
    /// <summary><c>{"name": …, "arguments": {…}}</c>.</summary>
    Object,

    /// <summary>The name, something, and the arguments' object.</summary>
    Named,

    /// <summary><c>NAME(argument=value, …)</c>, as in Python.</summary>
    Python,
}

/// <summary>How a model writes calls of tools: what stands around them all and around each, and how each says what it calls. Found
/// by <see cref="CallFormatFinder"/>; none of the strings begins or ends with whitespace but <see cref="AfterName"/>.</summary>
internal sealed record CallFormat
{
    /// <summary>Stands in <see cref="AfterName"/> for the call's id.</summary>
    public const char IdMark = '\uFFFC';

    private const string MistralOpen = "[TOOL_CALLS]";
    private const string MistralAfterName = @"(?:\[CALL_ID\][^\[]*)?(?:\[ARGS\])?";

    /// <summary><c>&lt;tool_call&gt;{"name": …, "arguments": {…}}&lt;/tool_call&gt;</c>, as Hermes and Qwen. Qwen3-Coder has elements
    /// in the object's place, which readers take alike (<see cref="ElementCallReader"/>).</summary>
    public static CallFormat Hermes { get; } = new() { Open = "<tool_call>", Close = "</tool_call>" };

    /// <summary><c>[TOOL_CALLS][{"name": …, "arguments": {…}}, …]</c>. Its templates refuse ids of another length. Newer models write
    /// <c>[TOOL_CALLS]NAME[ARGS]{…}</c> for each, which readers take alike.</summary>
    public static CallFormat Mistral { get; } = new() { Open = MistralOpen, IsList = true, IdLength = 9 };

    /// <summary><c>{"name": …, "parameters": {…}}</c> as the whole answer, as Llama 3.1; the marker may come before it. Several are
    /// separated by semicolons.</summary>
    public static CallFormat Llama { get; } =
        new() { Open = "<|python_tag|>", IsBare = true, Arguments = "parameters", Separator = ";" };

    /// <summary>How each call is written.</summary>
    public CallNotation Notation { get; init; }

    /// <summary>What stands before calls: before the first of them if <see cref="IsGroup"/>, else before each.</summary>
    public required string Open { get; init; }

    /// <summary>What stands before each call within a group; often nothing.</summary>
    public string Each { get; init; } = "";

    /// <summary>What stands between a name and its arguments where these are no members of one object, whitespace included;
    /// <see cref="IdMark"/> in it is the call's id.</summary>
    public string AfterName { get; init; } = "";

    /// <summary>What stands after each call; empty if its own last character ends it.</summary>
    public string Close { get; init; } = "";

    /// <summary>What stands after the last call of a group; often nothing.</summary>
    public string End { get; init; } = "";

    /// <summary>What stands between calls that are neither in a list nor opened each; punctuation.</summary>
    public string Separator { get; init; } = "";

    /// <summary>Whether calls are elements of one array.</summary>
    public bool IsList { get; init; }

    /// <summary>Whether calls may come at the answer's beginning without any marker.</summary>
    public bool IsBare { get; init; }

    /// <summary>Whether texts among Python's values stand without quotes; with quotes they are always read.</summary>
    public bool HasBareTexts { get; init; }

    /// <summary>The member that holds the function's name.</summary>
    public string Name { get; init; } = "name";

    /// <summary>The member that holds the arguments; readers take the usual names alike.</summary>
    public string Arguments { get; init; } = "arguments";

    /// <summary>Characters of a call's id; 0 for OpenAI's form.</summary>
    public int IdLength { get; init; }

    /// <summary>Whether one <see cref="Open"/> is for several calls.</summary>
    public bool IsGroup => IsList || IsBare || Each.Length > 0 || End.Length > 0;

    /// <summary>Whether a call may be a name, something, and arguments: also where the template still has a list of objects, if later
    /// models of the family changed.</summary>
    public bool HasNames => Notation == CallNotation.Named || Open == MistralOpen;

    /// <summary>What stands before the arguments' brace, from the name on, as a regular expression; its first group is the name.</summary>
    public string HeadPattern => $@"^(\S+?)\s*(?:{AfterNamePattern()})\s*$";

    /// <summary>Whether this markup of the model is for the reader of calls.</summary>
    public bool IsMarker(string text) => text.Length > 0
        && (Open.Contains(text, StringComparison.Ordinal) || Each.Contains(text, StringComparison.Ordinal)
            || AfterName.Contains(text, StringComparison.Ordinal) || Close.Contains(text, StringComparison.Ordinal)
            || End.Contains(text, StringComparison.Ordinal) || (Open == MistralOpen && text is "[ARGS]" or "[CALL_ID]"));

    public string NewCallId() => IdLength == 0 ? Wire.NewCallId() : Wire.NewId("", IdLength);

    private string AfterNamePattern()
    {
        string own = string.Join(@"\s*", AfterName.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
            .Select(word => Regex.Escape(word).Replace(IdMark.ToString(), "[^{<\\[]*", StringComparison.Ordinal)));
        return Open == MistralOpen ? $"{own}|{MistralAfterName}" : own;
    }
}
