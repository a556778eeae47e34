using System.Text.Json.Nodes;

namespace Agentic.Proxy;

/// <summary>What a chat template can take, found out once by rendering small conversations with it.</summary>
internal sealed class TemplateTraits
{
    private const string CallId = "call00000";   // nine characters, as Mistral's templates ask
    private const string SomeArguments = """{"k":"v"}""";
    private const string SomeTools = """
        [{"type": "function", "function": {"name": "f", "description": "d", "parameters":
            {"type": "object", "properties": {"k": {"type": "string", "description": "k"}}, "required": ["k"]}}}]
        """;

    private readonly HashSet<string> _partRoles = [];

    public TemplateTraits(IChatTemplate template)
    {
        string? plain = Try(template, false, Message("user", "q")), prompting = Try(template, true, Message("user", "q"));
        GenerationPrompt = plain is not null && prompting is not null && prompting.StartsWith(plain, StringComparison.Ordinal)
            ? prompting[plain.Length..]
            : "";
        CallForm form = CallForms(template).FirstOrDefault(form => form.WithNull is not null || form.WithText is not null);
        WantsText = form.WithNull is null
            || (Contains(form.WithNull, "None") && form.WithText is not null && !Contains(form.WithText, "None"));
        string? call = WantsText ? form.WithText : form.WithNull;
        // A template that prints a string of arguments as it stands keeps exactly what the model wrote, spaces included.
        StringArguments = form.IsString && Contains(call, SomeArguments);
        NamesResults = form.IsNamed;
        Calls = new CallFormatFinder(Render, StringArguments, WantsText).Find(GenerationPrompt);
        AnswerStart = Between(Render([Message("user", "7c1"), Message("assistant", "7c3")]), "7c1");
        JsonObject calling = Call(StringArguments ? SomeArguments : JsonNode.Parse(SomeArguments)!, WantsText ? "" : null);
        ResultStart = Between(
            Render([Message("user", "q"), calling, Result("7c2", NamesResults), Message("assistant", "7c3")]), "7c2");
        Thinks = GenerationPrompt.Contains(ReasoningParser.OpenMarker, StringComparison.Ordinal) || DropsThoughts(template);
        KnowsDeveloper = Contains(Try(template, true, Message("developer", "7c1"), Message("user", "q")), "7c1");
        foreach (string role in (ReadOnlySpan<string>)["system", "user", "assistant", "tool"])
        {
            if (Try(template, true, Conversation(role)) is { } text
                && text.Contains("7c1", StringComparison.Ordinal) && text.Contains("7c2", StringComparison.Ordinal)
                && !text.Contains("type\"", StringComparison.Ordinal) && !text.Contains("type'", StringComparison.Ordinal))
                _partRoles.Add(role);
        }

        string? Render(JsonObject[] messages) => Try(template, form.ShowsTools ? SomeTools : null, false, messages);
    }

    /// <summary>What the template puts before an answer, or empty if that is not the end of what it renders.</summary>
    public string GenerationPrompt { get; }

    /// <summary>What the template puts between a question and its answer in a history, but for whitespace at the end; empty if it leaves
    /// either out.</summary>
    public string AnswerStart { get; }

    /// <summary>As <see cref="AnswerStart"/>, between a call's result and the answer.</summary>
    public string ResultStart { get; }

    /// <summary>How its model writes calls.</summary>
    public CallFormat Calls { get; }

    /// <summary>Whether a call's arguments go to it as the string they came in; otherwise as the object in it.</summary>
    public bool StringArguments { get; }

    /// <summary>Whether a message that only calls must have a text all the same, an empty one: many templates search it or print it.
    /// Others tell by its absence that there are calls.</summary>
    public bool WantsText { get; }

    /// <summary>Whether a call's result must name the function; OpenAI's clients name the call alone.</summary>
    public bool NamesResults { get; }

    /// <summary>Whether its model thinks between markers before it answers: it opens a thought, or leaves those of earlier turns
    /// out.</summary>
    public bool Thinks { get; }

    /// <summary>Whether it knows the role "developer"; otherwise such a message goes to it as the system's.</summary>
    public bool KnowsDeveloper { get; }

    /// <summary>Whether it takes a message's content as a list of parts; otherwise as one text.</summary>
    public bool TakesParts(string role) => _partRoles.Contains(role);

    /// <summary>A call and its result in each form a template may want them, the likelier first, and what it makes of a call without a
    /// text, or with an empty one: null where it fails. What it says before the question is left out.</summary>
    private static IEnumerable<CallForm> CallForms(IChatTemplate template)
    {
        foreach (bool showsTools in (bool[])[false, true])
        {
            foreach (bool named in (bool[])[false, true])
            {
                foreach (JsonNode arguments in (JsonNode[])[SomeArguments, JsonNode.Parse(SomeArguments)!])
                    yield return new(showsTools, arguments is JsonValue, named, Render(arguments, null), Render(arguments, ""));

                string? Render(JsonNode arguments, string? content)
                {
                    string? text = Try(template, showsTools ? SomeTools : null, false,
                        Message("user", "7c1"), Call(arguments, content), Result("7c2", named));
                    return text?[Math.Max(0, text.LastIndexOf("7c1", StringComparison.Ordinal))..];
                }
            }
        }
    }

    private static bool DropsThoughts(IChatTemplate template)
    {
        string thought = $"{ReasoningParser.OpenMarker}\n7c1\n{ReasoningParser.CloseMarker}\n\n7c2";
        string? text = Try(template, true, Message("user", "q"), Message("assistant", thought), Message("user", "q"));
        return Contains(text, "7c2") && !Contains(text, "7c1");
    }

    private static string Between(string? text, string question)
    {
        if (text is null || text.LastIndexOf(question, StringComparison.Ordinal) is var asked && asked < 0)
            return "";
        int from = asked + question.Length, id = text.LastIndexOf(CallId, StringComparison.Ordinal);
        from = id < from ? from : id + CallId.Length;   // a result may end with the call's id
        int to = text.IndexOf("7c3", from, StringComparison.Ordinal);
        return to < 0 ? "" : text[from..to].TrimEnd();
    }

    private static bool Contains(string? text, string part) => text is not null && text.Contains(part, StringComparison.Ordinal);

    private JsonObject[] Conversation(string role)
    {
        JsonObject parts = Message(role, new JsonArray(Part("7c1"), Part("7c2")));
        return role switch
        {
            "system" => [parts, Message("user", "q")],
            "user" => [parts],
            "assistant" => [Message("user", "q"), parts, Message("user", "q")],
            _ =>
            [
                Message("user", "q"), Call(StringArguments ? "{}" : new JsonObject(), WantsText ? "" : null),
                Result(parts["content"], NamesResults),
            ],
        };
    }

    private static JsonObject Message(string role, JsonNode? content) => new() { ["role"] = role, ["content"] = content };

    private static JsonObject Result(JsonNode? content, bool named)
    {
        JsonObject result = Message("tool", content?.DeepClone());
        result["tool_call_id"] = CallId;
        if (named)
            result["name"] = "f";
        return result;
    }

    private static JsonObject Part(string text) => new() { ["type"] = "text", ["text"] = text };

    private static JsonObject Call(JsonNode arguments, string? content) => new()
    {
        ["role"] = "assistant",
        ["content"] = content,
        ["tool_calls"] = new JsonArray(new JsonObject
        {
            ["id"] = CallId,
            ["type"] = "function",
            ["function"] = new JsonObject { ["name"] = "f", ["arguments"] = arguments.DeepClone() },
        }),
    };

    private static string? Try(IChatTemplate template, bool prompt, params JsonObject[] messages) =>
        Try(template, null, prompt, messages);

    private static string? Try(IChatTemplate template, string? tools, bool prompt, params JsonObject[] messages)
    {
        try
        {
            return template.Render(new JsonObject
            {
                ["messages"] = new JsonArray([.. messages]),
                ["tools"] = tools is null ? null : JsonNode.Parse(tools),
                ["add_generation_prompt"] = prompt,
            });
        }
        catch (JinjaException)
        {
            return null;   // the answer to the question is no
        }
    }

    private readonly record struct CallForm(bool ShowsTools, bool IsString, bool IsNamed, string? WithNull, string? WithText);
}
