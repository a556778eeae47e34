using System.IO.Compression;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Agentic.Proxy;

/// <summary>Recorded conversations, one a line: <c>{"messages": [OpenAI chat messages], "tools"?, "calls"?: [indices of the model's messages], "kind"? or "source"?}</c>.</summary>
internal static class ConversationFile
{
    /// <summary>One call of the model: what it was asked, and what it answered.</summary>
    /// <param name="Workload">The line's kind or source, or the file's name.</param>
    /// <param name="Prompt">Template variables of the prompt: the messages before the answer, and the tools.</param>
    /// <param name="WithAnswer">Template variables of the conversation up to and including the answer.</param>
    public sealed record Call(string Workload, JsonObject Prompt, JsonObject WithAnswer);

    /// <summary>The calls of a file in order; .gz is unpacked. Without "calls", every assistant message is one.</summary>
    /// <exception cref="CommandException">It is damaged, or a line is no conversation; file and line are named.</exception>
    public static IEnumerable<Call> Read(string path)
    {
        using Stream file = File.OpenRead(path);
        using Stream stream = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? new GZipStream(file, CompressionMode.Decompress) : file;
        using var reader = new StreamReader(stream);
        for (int line = 1; ReadLine(reader, path) is string text; line++)
        {
            if (string.IsNullOrWhiteSpace(text))
                continue;
            foreach (Call call in Calls(text, path, line))
                yield return call;
        }
    }

    private static string? ReadLine(StreamReader reader, string path)
    {
        try
        {
            return reader.ReadLine();
        }
        catch (InvalidDataException)
        {
            throw new CommandException($"{path} is no gzip file, or a damaged one; fetch it again, or name one without .gz if it is not packed");
        }
    }

    private static IEnumerable<Call> Calls(string text, string path, int line)
    {
        JsonArray messages;
        JsonObject conversation;
        int[] calls;
        try
        {
            conversation = JsonNode.Parse(text)!.AsObject();
            messages = conversation["messages"]!.AsArray();
            calls = conversation["calls"] is JsonArray listed
                ? [.. listed.Select(index => index!.GetValue<int>())]
                : [.. Enumerable.Range(0, messages.Count).Where(index => (string?)messages[index]!["role"] == "assistant")];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NullReferenceException or FormatException)
        {
            throw new CommandException($"{path}, line {line}: not a conversation with \"messages\" ({e.Message.TrimEnd('.')}); give one JSON object a line");
        }

        string workload = (string?)conversation["kind"] ?? (string?)conversation["source"] ?? Path.GetFileNameWithoutExtension(path);
        foreach (int index in calls)
        {
            if ((uint)index >= (uint)messages.Count)
                throw new CommandException($"{path}, line {line}: \"calls\" names message {index}, and there are {messages.Count}, counted from 0");
            yield return new Call(workload, Variables(conversation, index, addGenerationPrompt: true), Variables(conversation, index + 1, false));
        }
    }

    private static JsonObject Variables(JsonObject conversation, int messages, bool addGenerationPrompt) => new()
    {
        ["messages"] = new JsonArray([.. conversation["messages"]!.AsArray().Take(messages).Select(message => message!.DeepClone())]),
        ["tools"] = conversation["tools"] is JsonArray { Count: > 0 } tools ? tools.DeepClone() : null,
        ["documents"] = null,
        ["add_generation_prompt"] = addGenerationPrompt,
    };
}
