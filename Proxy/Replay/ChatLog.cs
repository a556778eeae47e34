using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Agentic.Proxy;

/// <summary>Conversations as users have them in their logs: JSON lines, each of any of these forms.</summary>
/// <remarks>
/// <list type="bullet">
/// <item>A conversation: <c>messages</c>, and <c>tools</c>, <c>calls</c>, <c>group</c> (the task) and <c>session</c> (the trial of it) if
/// there are any. <c>calls</c> are the indices of the messages
/// that the model wrote; without it, every assistant message.</item>
/// <item>A request and its response, side by side (<c>request</c> or <c>body</c>, and <c>response</c>), each bare or in a <c>body</c>, as
/// an object or as a string of JSON; or the request's fields with <c>response</c> or <c>choices</c> among them. A streamed response is
/// the list of its chunks.</item>
/// <item>The same of a text completion: <c>prompt</c>, and <c>choices</c> with <c>text</c>, or <c>completion</c>.</item>
/// </list>
/// </remarks>
internal static class ChatLog
{
    /// <param name="file">Plain or gzip-compressed, as its first bytes tell, or, of a pipe, its name.</param>
    /// <exception cref="CommandException">A line is none of these; file and line are named.</exception>
    public static IEnumerable<LoggedChat> ReadFile(string file)
    {
        using Stream stream = File.OpenRead(file);
        bool zipped = stream.CanSeek ? IsZipped(stream) : file.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);
        using Stream text = zipped ? new GZipStream(stream, CompressionMode.Decompress) : stream;
        using StreamReader lines = new(text, Encoding.UTF8);
        for (int number = 1; lines.ReadLine() is string line; number++)
        {
            if (string.IsNullOrWhiteSpace(line))
                continue;
            foreach (LoggedChat chat in Parse(line, file, number))
                yield return chat with { Line = number };
        }
    }

    private static bool IsZipped(Stream stream)
    {
        bool isZipped = (stream.ReadByte(), stream.ReadByte()) == (0x1F, 0x8B);
        stream.Position = 0;
        return isZipped;
    }

    private static List<LoggedChat> Parse(string line, string file, int number)
    {
        try
        {
            return [.. Read(AsObject(JsonNode.Parse(line)) ?? throw new JsonException("It is not an object."))];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException
            or KeyNotFoundException or FormatException or ArgumentException)
        {
            // Beside bad JSON: a value of another kind than the API has there, and a name given twice.
            throw new CommandException($"{file}, line {number}: {e.Message} "
                + "A line is a JSON object with \"messages\", or with a \"request\" and its \"response\".");
        }
    }

    private static IEnumerable<LoggedChat> Read(JsonObject line)
    {
        JsonObject request = Inner(line, "request") ?? Inner(line, "body") ?? line;
        JsonArray? choices = Choices(line);
        if (request["messages"] is JsonArray sent)
        {
            List<JsonObject> messages = [.. sent.Select(Message)];
            if (choices is null)
            {
                LoggedChat chat = new(messages, request["tools"] as JsonArray, Calls(line, messages));
                return [chat with { Group = line["group"]?.ToString(), Session = line["session"]?.ToString() }];
            }

            return choices.Select(choice => choice?["message"]).OfType<JsonObject>().Select(answer =>
                new LoggedChat([.. messages, Message(answer)], request["tools"] as JsonArray, new HashSet<int> { messages.Count }));
        }

        if (request["prompt"] is JsonValue prompt && prompt.GetValueKind() == JsonValueKind.String)
        {
            IEnumerable<JsonNode?> texts = choices?.Select(choice => choice?["text"]) ?? [line["completion"]];
            return texts.OfType<JsonValue>().Select(output => new LoggedChat(prompt.GetValue<string>(), output.GetValue<string>()));
        }

        throw new JsonException("It has neither \"messages\" nor a \"prompt\".");
    }

    private static JsonObject Message(JsonNode? message) =>
        message is JsonObject one && one["role"] is JsonValue role && role.GetValueKind() == JsonValueKind.String
            ? one
            : throw new JsonException("A message is not an object with a \"role\".");

    private static HashSet<int> Calls(JsonObject line, List<JsonObject> messages)
    {
        if (line["calls"] is not JsonArray calls)
            return [.. Enumerable.Range(0, messages.Count).Where(i => (string?)messages[i]["role"] == "assistant")];
        int[] indices = [.. calls.Select(index => (int?)index ?? -1)];
        return indices.Where(index => (uint)index >= (uint)messages.Count).ToArray() is [int bad, ..]
            ? throw new JsonException($"\"calls\" names message {bad}, and there are {messages.Count}.")
            : [.. indices];
    }

    /// <summary>What was answered; null where the line holds no response.</summary>
    private static JsonArray? Choices(JsonObject line)
    {
        JsonNode? response = line["response"] is JsonValue text && text.GetValueKind() == JsonValueKind.String
            ? JsonNode.Parse(text.GetValue<string>())
            : line["response"];
        if (response is JsonArray chunks)
            return StreamedChoices.Join(chunks);
        JsonObject? answered = response as JsonObject;
        return (Inner(answered, "body") ?? answered)?["choices"] as JsonArray
            ?? (answered?["role"] is not null ? [new JsonObject { ["message"] = answered.DeepClone() }] : line["choices"] as JsonArray);
    }

    /// <summary>An object within an object, or the JSON of one, and what is in its own <c>body</c> if it has one.</summary>
    private static JsonObject? Inner(JsonObject? outer, string name)
    {
        JsonObject? inner = AsObject(outer?[name]);
        return AsObject(inner?["body"]) ?? inner;
    }

    private static JsonObject? AsObject(JsonNode? node) =>
        node is JsonValue value && value.GetValueKind() == JsonValueKind.String && value.GetValue<string>().StartsWith('{')
            ? JsonNode.Parse(value.GetValue<string>()) as JsonObject
            : node as JsonObject;
}

/// <summary>What a line of a log holds: a conversation, or a text and how it was completed.</summary>
/// <param name="Messages">As OpenAI's API has them; empty for a text.</param>
/// <param name="Tools">Of all calls.</param>
/// <param name="Calls">The messages that the model wrote.</param>
internal sealed record LoggedChat(IReadOnlyList<JsonObject> Messages, JsonArray? Tools, IReadOnlySet<int> Calls)
{
    public LoggedChat(string prompt, string output)
        : this([], null, new HashSet<int>()) => Text = (prompt, output);

    public (string Prompt, string Output)? Text { get; }

    /// <summary>Of the file, from 1.</summary>
    public int Line { get; init; }

    /// <summary>The task, for which there may be several sessions.</summary>
    public string? Group { get; init; }

    /// <summary>The trial of the task, which may consist of several conversations.</summary>
    public string? Session { get; init; }
}
