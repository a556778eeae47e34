using System.Text.Json.Nodes;

namespace Agentic.Proxy;

/// <summary>The chunks of a streamed answer put together again.</summary>
internal static class StreamedChoices
{
    /// <summary>Choices as a response that was not streamed has them.</summary>
    /// <exception cref="InvalidOperationException">A value is of another kind than the API has there.</exception>
    public static JsonArray Join(JsonArray chunks)
    {
        SortedDictionary<int, JsonObject> choices = [];
        foreach (JsonNode? part in chunks.SelectMany(chunk => chunk?["choices"] as JsonArray ?? []))
        {
            int index = (int?)part?["index"] ?? 0;
            if (!choices.TryGetValue(index, out JsonObject? choice))
                choices.Add(index, choice = new JsonObject { ["message"] = new JsonObject { ["role"] = "assistant", ["content"] = null } });
            if (part?["text"] is { } text)
                choice["text"] = (string?)choice["text"] + (string?)text;
            Add(choice["message"]!.AsObject(), part?["delta"] as JsonObject);
        }

        return [.. choices.Values];
    }

    private static void Add(JsonObject message, JsonObject? delta)
    {
        foreach (string name in (ReadOnlySpan<string>)["content", "reasoning_content", "refusal"])
        {
            if ((string?)delta?[name] is string more)
                message[name] = (string?)message[name] + more;
        }

        foreach (JsonNode? part in delta?["tool_calls"] as JsonArray ?? [])
        {
            JsonArray calls = message["tool_calls"] as JsonArray ?? [];
            message["tool_calls"] ??= calls;
            int index = (int?)part?["index"] ?? Math.Max(0, calls.Count - 1);
            while (calls.Count <= index)
                calls.Add(new JsonObject { ["type"] = "function", ["function"] = new JsonObject { ["name"] = "", ["arguments"] = "" } });
            JsonNode call = calls[index]!, function = call["function"]!;
            if (part?["id"] is { } id)
                call["id"] = id.DeepClone();
            function["name"] = (string?)function["name"] + (string?)part?["function"]?["name"];
            function["arguments"] = (string?)function["arguments"] + (string?)part?["function"]?["arguments"];
        }
    }
}
