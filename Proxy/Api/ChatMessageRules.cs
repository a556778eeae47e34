using System.Text.Json;
using System.Text.Json.Nodes;

namespace Agentic.Proxy;

/// <summary>What a message may look like. Arguments in a history are not looked into: models write all sorts, and clients send it
/// back.</summary>
internal static class ChatMessageRules
{
    private static readonly string[] Roles = ["system", "developer", "user", "assistant", "tool", "function"];

    public static JsonObject[] Read(Fields request)
    {
        IReadOnlyList<Fields> messages = request.Objects("messages") ?? throw ApiException.Missing("messages");
        if (messages.Count == 0)
            throw ApiException.Invalid(
                "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
                "messages", "empty_array");
        foreach (Fields message in messages)
            Check(message);
        return [.. messages.Select(message => message.Json)];
    }

    private static void Check(Fields message)
    {
        string role = message.RequiredString("role");
        if (!Roles.Contains(role))
            throw ApiException.WrongValue(message.PathOf("role"), role, Roles);
        message.String("name");
        message.String("tool_call_id");
        CheckContent(message, role);
        if (role != "assistant")
            return;
        foreach (Fields call in message.Objects("tool_calls") ?? [])
        {
            call.String("id");
            CheckCalled(call.RequiredObject("function"));
        }

        if (message.Object("function_call") is { } called)
            CheckCalled(called);
    }

    private static void CheckCalled(Fields function)
    {
        function.RequiredString("name");
        if (function.Json["arguments"] is { } arguments and not JsonObject && arguments.GetValueKind() != JsonValueKind.String)
            throw ApiException.WrongType(function.PathOf("arguments"), "a string", Fields.NameOf(arguments));
    }

    private static void CheckContent(Fields message, string role)
    {
        switch (message.Json["content"])
        {
            case null when role == "assistant":
                return;
            case null when message.Json.ContainsKey("content"):
                throw ApiException.WrongType(message.PathOf("content"), "a string or an array of parts", "null");
            case null:
                throw ApiException.Missing(message.PathOf("content"));
            case JsonValue content when content.GetValueKind() == JsonValueKind.String:
                return;
            case JsonArray:
                foreach (Fields part in message.Objects("content")!)
                    CheckPart(part);
                return;
            case { } other:
                throw ApiException.WrongType(message.PathOf("content"), "a string or an array of parts", Fields.NameOf(other));
        }
    }

    private static void CheckPart(Fields part)
    {
        switch (part.RequiredString("type"))
        {
            case "text":
                part.RequiredString("text");
                break;
            case "refusal":
                part.RequiredString("refusal");
                break;
            case var other:
                throw ApiException.Invalid(
                    $"Invalid value: '{other}'. This server's models read text alone: the supported types are 'text' and 'refusal'.",
                    part.PathOf("type"), "invalid_value");
        }
    }
}
