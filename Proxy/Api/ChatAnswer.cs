using System.Text;
using System.Text.Json.Nodes;

namespace Agentic.Proxy;

/// <summary>One answer as it grows, from the same events whether it is streamed or not.</summary>
internal sealed class ChatAnswer
{
    private readonly StringBuilder _content = new(), _reasoning = new();
    private readonly List<(string Id, string Name, StringBuilder Arguments)> _calls = [];

    /// <summary>Tokens whose log-probabilities are to be reported.</summary>
    public List<ScoredToken> Scores { get; } = [];

    public void Add(OutputEvents events)
    {
        foreach (OutputEvent next in events)
        {
            if (next.Kind == OutputEventKind.Text)
                _content.Append(next.Text);
            else if (next.Kind == OutputEventKind.Reasoning)
                _reasoning.Append(next.Text);
            else if (next.Kind == OutputEventKind.CallStart)
                _calls.Add((next.CallId!, next.Text, new StringBuilder()));
            else
                _calls[next.Call].Arguments.Append(next.Text);
        }
    }

    /// <summary>The message for the client.</summary>
    public AssistantMessage ToMessage(bool legacy) => new(
        "assistant",
        Content,
        _calls.Count == 0 || legacy
            ? null
            : [.. _calls.Select(call => new ToolCall(call.Id, "function", Function(call.Name, call.Arguments)))],
        _calls.Count == 0 || !legacy ? null : Function(_calls[0].Name, _calls[0].Arguments),
        null,
        [])
    {
        ReasoningContent = _reasoning.Length == 0 ? null : _reasoning.ToString(),
    };

    /// <summary>The message as it will stand in a history.</summary>
    public JsonObject ToHistory()
    {
        JsonObject message = new() { ["role"] = "assistant", ["content"] = Content };
        if (_calls.Count > 0)
            message["tool_calls"] = new JsonArray([.. _calls.Select(call => new JsonObject
            {
                ["function"] = new JsonObject { ["name"] = call.Name, ["arguments"] = call.Arguments.ToString() },
            })]);
        return message;
    }

    private string? Content => _content.Length == 0 && _calls.Count > 0 ? null : _content.ToString();

    private static FunctionCall Function(string name, StringBuilder arguments) => new(name, arguments.ToString());
}
