using System.Text.Json.Nodes;

namespace Agentic.Proxy;

/// <summary>Which functions a model is shown, and whether it may, must or must not call them.</summary>
/// <remarks>"none" hides the functions from the model, so that it does not try; text that looks like a call is then text.</remarks>
internal sealed record ToolUse
{
    private const int MaxNameLength = 256;

    private enum Choice
    {
        None, Auto, Required, Named,
    }

    private Choice _choice;
    private string? _named;
    private IReadOnlyList<string>? _allowed;
    private bool _parallel = true;

    /// <summary>All functions of the request in the newer form, or null.</summary>
    public JsonArray? Tools { get; private init; }

    /// <summary>The same functions, for the rule that calls must keep.</summary>
    public IReadOnlyList<FunctionTool> Functions { get; private init; } = [];

    /// <summary>Whether the client speaks of <c>functions</c>, as before tools.</summary>
    public bool IsLegacy { get; private init; }

    /// <summary>What the template shows the model.</summary>
    public JsonArray? Shown => MayCall ? Tools : null;

    /// <summary>Whether calls are looked for in the answer.</summary>
    public bool MayCall => Tools is not null && _choice != Choice.None;

    /// <summary>After how many calls the answer ends.</summary>
    public int MostCalls => _parallel && _choice != Choice.Named && !IsLegacy ? int.MaxValue : 1;

    /// <summary>Functions of which one must be called, or null.</summary>
    public IReadOnlyList<string>? Forced => _choice switch
    {
        Choice.Named => [_named!],
        Choice.Required => [.. Tools!.Select(tool => tool!["function"]!["name"]!.GetValue<string>()).Distinct()],
        _ => null,
    };

    /// <summary>How an answer with calls is said to have ended. A named function's ends like any other answer, as OpenAI's do.</summary>
    public string FinishReason => IsLegacy ? "function_call" : _choice == Choice.Named ? "stop" : "tool_calls";

    public static ToolUse Read(Fields request)
    {
        bool legacy = request.Has("functions") && !request.Has("tools");
        string list = legacy ? "functions" : "tools", chosen = legacy ? "function_call" : "tool_choice";
        JsonArray? tools = null;
        List<FunctionTool> functions = [];
        foreach (Fields tool in request.Objects(list) ?? [])
        {
            (tools ??= []).Add(legacy ? new JsonObject { ["type"] = "function", ["function"] = Function(tool) } : Tool(tool));
            Fields function = legacy ? tool : tool.RequiredObject("function");
            functions.Add(new(function.RequiredString("name"), function.Object("parameters")?.Json, function.Boolean("strict") ?? false,
                legacy ? $"{list}[{functions.Count}]" : $"{list}[{functions.Count}].function"));
        }

        ToolUse use = new()
        {
            Tools = tools,
            Functions = functions,
            IsLegacy = legacy,
            _parallel = request.Boolean("parallel_tool_calls") ?? true,
        };
        use.ReadChoice(request, chosen);
        if (use._allowed is { } allowed)
        {
            if (allowed.FirstOrDefault(name => !functions.Exists(function => function.Name == name)) is { } missing)
                throw NoSuchFunction(chosen, missing, list);
            // The others are not shown, so that none of them is called.
            tools = [.. tools!.Where(tool => allowed.Contains((string)tool!["function"]!["name"]!)).Select(tool => tool!.DeepClone())];
            use = use with { Tools = tools, Functions = functions.FindAll(function => allowed.Contains(function.Name)) };
        }

        if (tools is null && use._choice is Choice.Required or Choice.Named)
            throw ApiException.Invalid($"'{chosen}' is only allowed when '{list}' are specified.", chosen);
        if (use.Forced?.FirstOrDefault(name => !HasTool(tools!, name)) is { } unknown)
            throw NoSuchFunction(chosen, unknown, list);
        return use;
    }

    private static ApiException NoSuchFunction(string chosen, string name, string list) => ApiException.Invalid(
        $"Invalid value for '{chosen}': the function '{name}' is not among the '{list}'.", chosen, "invalid_value");

    private void ReadChoice(Fields request, string field)
    {
        switch (request.Json[field])
        {
            case null:
                _choice = Choice.Auto;
                break;
            case JsonObject when IsLegacy:
                _named = request.Object(field)!.Value.RequiredString("name");
                _choice = Choice.Named;
                break;
            case JsonObject:
                Fields choice = request.Object(field)!.Value;
                string type = choice.RequiredString("type");
                if (type == "allowed_tools")
                {
                    ReadAllowed(choice.RequiredObject("allowed_tools"));
                    break;
                }

                if (type != "function")
                    throw ApiException.WrongValue(choice.PathOf("type"), type, "function", "allowed_tools");
                _named = choice.RequiredObject("function").RequiredString("name");
                _choice = Choice.Named;
                break;
            default:
                _choice = request.String(field) switch
                {
                    "none" => Choice.None,
                    "auto" => Choice.Auto,
                    "required" when !IsLegacy => Choice.Required,
                    var other => throw ApiException.WrongValue(field, other, IsLegacy ? ["none", "auto"] : ["none", "auto", "required"]),
                };
                break;
        }
    }

    private void ReadAllowed(Fields allowed)
    {
        _choice = allowed.RequiredString("mode") switch
        {
            "auto" => Choice.Auto,
            "required" => Choice.Required,
            var other => throw ApiException.WrongValue(allowed.PathOf("mode"), other, "auto", "required"),
        };
        IReadOnlyList<Fields> tools = allowed.Objects("tools") ?? [];
        if (tools.Count == 0)
            throw ApiException.Missing(allowed.PathOf("tools"));
        _allowed = [.. tools.Select(tool => tool.RequiredObject("function").RequiredString("name"))];
    }

    private static JsonNode Tool(Fields tool)
    {
        if (tool.RequiredString("type") is var type and not "function")
            throw ApiException.WrongValue(tool.PathOf("type"), type, "function");
        Function(tool.RequiredObject("function"));
        return tool.Json.DeepClone();
    }

    private static JsonNode Function(Fields function)
    {
        string name = function.RequiredString("name");
        if (name.Length is 0 or > MaxNameLength)
            throw ApiException.Invalid(
                $"Invalid '{function.PathOf("name")}': expected 1 to {MaxNameLength} characters, but got {name.Length}.",
                function.PathOf("name"), name.Length == 0 ? "empty_string" : "string_above_max_length");
        function.String("description");
        string where = function.PathOf("parameters");
        if (function.Has("parameters") && function.Json["parameters"] is not JsonObject)
            throw BadParameters(name, where, "it is not an object");
        if (function.Object("parameters")?.Json["type"] is { } type && !IsObjectType(type))
            throw BadParameters(name, where, "its 'type' must be \"object\"");
        return function.Json.DeepClone();
    }

    private static ApiException BadParameters(string name, string where, string why) =>
        ApiException.Invalid($"Invalid schema for function '{name}': {why}.", where, "invalid_function_parameters");

    private static bool IsObjectType(JsonNode type) => type is JsonValue value && value.TryGetValue(out string? name) && name == "object";

    private static bool HasTool(JsonArray tools, string name) => tools.Any(tool => tool!["function"]!["name"]!.GetValue<string>() == name);
}
