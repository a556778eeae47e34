using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Agentic.Proxy;

/// <summary>Turns messages as OpenAI's API has them into messages as chat templates expect them.</summary>
internal static class ChatMessages
{
    /// <summary>The text of a message's content: itself, or its parts' texts on lines of their own; null if there is none.</summary>
    public static string? TextOf(JsonNode? content) => content switch
    {
        JsonValue value when value.GetValueKind() == JsonValueKind.String => value.GetValue<string>(),
        JsonArray parts => string.Join('\n', parts.Select(part => TextOf(part?["text"]) ?? TextOf(part?["refusal"]) ?? "")),
        _ => null,
    };

    /// <summary>Messages for a template, from messages that have been checked.</summary>
    public static JsonArray ForTemplate(IEnumerable<JsonObject> messages, TemplateTraits traits)
    {
        Dictionary<string, string> called = [];   // functions by the ids of their calls
        return [.. messages.Select(message => ForTemplate(message, traits, called))];
    }

    private static JsonObject ForTemplate(JsonObject message, TemplateTraits traits, Dictionary<string, string> called)
    {
        JsonObject result = (JsonObject)message.DeepClone();
        string role = message["role"]!.GetValue<string>();
        // Clients write null, or an empty list, for what a message does not have; templates ask whether the member is there.
        foreach ((string name, _) in message.Where(member => member.Value is null or JsonArray { Count: 0 } && member.Key != "content"))
            result.Remove(name);
        if (role == "developer" && !traits.KnowsDeveloper)
            role = "system";
        if (role == "function")   // the older form of a tool's answer
            role = "tool";
        result["role"] = role;
        if (message["function_call"] is JsonObject older)   // the older form of a call
        {
            result.Remove("function_call");
            result["tool_calls"] ??= new JsonArray(new JsonObject { ["type"] = "function", ["function"] = older.DeepClone() });
        }

        if (message["content"] is JsonArray && !traits.TakesParts(role))
            result["content"] = TextOf(message["content"]);
        else if (message["content"] is null)
            result["content"] = TextOf(message["refusal"])
                ?? (traits.WantsText || result["tool_calls"] is not JsonArray { Count: > 0 } ? "" : null);
        if (traits.NamesResults && role == "tool" && called.TryGetValue((string?)message["tool_call_id"] ?? "", out string? function))
            result["name"] ??= function;
        if (traits.Calls.IdLength > 0)
            ShortenId(result, "tool_call_id", traits.Calls.IdLength);
        foreach (JsonNode? call in result["tool_calls"] as JsonArray ?? [])
        {
            if (call?["id"] is JsonValue id && id.TryGetValue(out string? name))
                called[name] = (string?)call["function"]?["name"] ?? "";
            if (traits.Calls.IdLength > 0 && call is JsonObject named)
                ShortenId(named, "id", traits.Calls.IdLength);
            if (call?["function"] is JsonObject callee)
                callee["arguments"] = Arguments(callee["arguments"], traits.StringArguments);
        }

        return result;
    }

    /// <summary>An id that others gave, in the only length that the template takes; the same id always becomes the same.</summary>
    private static void ShortenId(JsonObject of, string name, int length)
    {
        if (of[name] is JsonValue value && value.TryGetValue(out string? id) && id.Length != length)
            of[name] = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(id)))[..length];
    }

    /// <summary>Arguments in the form the template takes. History may hold anything: what is not an object stays the string it
    /// is.</summary>
    private static JsonNode Arguments(JsonNode? arguments, bool asString)
    {
        if (arguments is not JsonValue value || value.GetValueKind() != JsonValueKind.String)
            return arguments?.DeepClone() ?? (asString ? "{}" : new JsonObject());
        string text = value.GetValue<string>();
        if (string.IsNullOrWhiteSpace(text))
            text = "{}";
        if (asString)
            return text;
        try
        {
            return RequestBody.Parse(new(Encoding.UTF8.GetBytes(text)));
        }
        catch (ApiException)
        {
            return text;
        }
    }
}
