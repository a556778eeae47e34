using System.Text.Json.Nodes;

namespace Agentic.Proxy;

/// <summary>What a chat template can take, found out once by rendering small conversations with it.</summary>
internal sealed class TemplateTraits
{
    private readonly HashSet<string> _partRoles = [];

    public TemplateTraits(IChatTemplate template)
    {
        string? plain = Try(template, false, Message("user", "q")), prompting = Try(template, true, Message("user", "q"));
        GenerationPrompt = plain is not null && prompting is not null && prompting.StartsWith(plain, StringComparison.Ordinal)
            ? prompting[plain.Length..]
            : "";
        // A template that prints a string of arguments as it stands keeps exactly what the model wrote, spaces included.
        string? call = Try(template, false, Message("user", "q"), Call("""{"k":"v"}"""));
        StringArguments = Contains(call, """{"k":"v"}""");
        Calls = CallFormat.Of(call);
        Thinks = GenerationPrompt.Contains(ReasoningParser.OpenMarker, StringComparison.Ordinal) || DropsThoughts(template);
        KnowsDeveloper = Contains(Try(template, true, Message("developer", "7c1"), Message("user", "q")), "7c1");
        foreach (string role in (ReadOnlySpan<string>)["system", "user", "assistant", "tool"])
        {
            if (Try(template, true, Conversation(role)) is { } text
                && text.Contains("7c1", StringComparison.Ordinal) && text.Contains("7c2", StringComparison.Ordinal)
                && !text.Contains("type\"", StringComparison.Ordinal) && !text.Contains("type'", StringComparison.Ordinal))
                _partRoles.Add(role);
        }
    }

    /// <summary>What the template puts before an answer, or empty if that is not the end of what it renders.</summary>
    public string GenerationPrompt { get; }

    /// <summary>How its model writes calls.</summary>
    public CallFormat Calls { get; }

    /// <summary>Whether a call's arguments go to it as the string they came in; otherwise as the object in it.</summary>
    public bool StringArguments { get; }

    /// <summary>Whether its model thinks between markers before it answers: it opens a thought, or leaves those of earlier turns
    /// out.</summary>
    public bool Thinks { get; }

    /// <summary>Whether it knows the role "developer"; otherwise such a message goes to it as the system's.</summary>
    public bool KnowsDeveloper { get; }

    /// <summary>Whether it takes a message's content as a list of parts; otherwise as one text.</summary>
    public bool TakesParts(string role) => _partRoles.Contains(role);

    private static bool DropsThoughts(IChatTemplate template)
    {
        string thought = $"{ReasoningParser.OpenMarker}\n7c1\n{ReasoningParser.CloseMarker}\n\n7c2";
        string? text = Try(template, true, Message("user", "q"), Message("assistant", thought), Message("user", "q"));
        return Contains(text, "7c2") && !Contains(text, "7c1");
    }

    private static bool Contains(string? text, string part) => text is not null && text.Contains(part, StringComparison.Ordinal);

    private static JsonObject[] Conversation(string role)
    {
        JsonObject parts = Message(role, new JsonArray(Part("7c1"), Part("7c2")));
        return role switch
        {
            "system" => [parts, Message("user", "q")],
            "user" => [parts],
            "assistant" => [Message("user", "q"), parts, Message("user", "q")],
            _ => [Message("user", "q"), Call("{}"), parts],
        };
    }

    private static JsonObject Message(string role, JsonNode? content) => new() { ["role"] = role, ["content"] = content };

    private static JsonObject Part(string text) => new() { ["type"] = "text", ["text"] = text };

    private static JsonObject Call(string arguments) => new()
    {
        ["role"] = "assistant",
        ["content"] = null,
        ["tool_calls"] = new JsonArray(new JsonObject
        {
            ["id"] = "call00000",
            ["type"] = "function",
            ["function"] = new JsonObject { ["name"] = "f", ["arguments"] = arguments },
        }),
    };

    private static string? Try(IChatTemplate template, bool prompt, params JsonObject[] messages)
    {
        try
        {
            return template.Render(new JsonObject
            {
                ["messages"] = new JsonArray([.. messages]),
                ["tools"] = null,
                ["add_generation_prompt"] = prompt,
            });
        }
        catch (JinjaException)
        {
            return null;   // the answer to the question is no
        }
    }
}
