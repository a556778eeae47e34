using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary>Recorded OpenAI chats as token segments: a JSON object a line, with <c>messages</c>, and <c>tools</c> and <c>calls</c> if
/// there are any.</summary>
/// <remarks>
/// <c>calls</c> are the indices of the messages that the model wrote; without it, every assistant message. A message is a head with its
/// role,
/// its text and its tool calls; no model's template, so that any conversation can be replayed.
/// </remarks>
internal static class RecordedChat
{
    /// <param name="file">Plain, or gzip-compressed if its name ends in .gz.</param>
    /// <param name="encode">Token ids of a text.</param>
    public static IReadOnlyList<RecordedConversation> ReadFile(string file, Func<string, int[]> encode)
    {
        using Stream stream = File.OpenRead(file);
        bool zipped = file.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);
        using Stream text = zipped ? new GZipStream(stream, CompressionMode.Decompress) : stream;
        using StreamReader lines = new(text, Encoding.UTF8);
        List<RecordedConversation> conversations = [];
        for (int number = 1; lines.ReadLine() is string line; number++)
        {
            if (string.IsNullOrWhiteSpace(line))
                continue;
            try
            {
                using JsonDocument conversation = JsonDocument.Parse(line);
                conversations.Add(Read(conversation.RootElement, encode));
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
            {
                throw new CommandException($"{file}, line {number}: {e.Message} A line is a JSON object with \"messages\".");
            }
        }

        return conversations;
    }

    private static RecordedConversation Read(JsonElement conversation, Func<string, int[]> encode)
    {
        List<RecordedSegment> segments = [];
        if (conversation.TryGetProperty("tools", out JsonElement tools) && tools is { ValueKind: JsonValueKind.Array })
            segments.Add(new RecordedSegment(false, encode(tools.GetRawText())));
        HashSet<int>? calls = conversation.TryGetProperty("calls", out JsonElement indices) && indices.ValueKind == JsonValueKind.Array
            ? [.. indices.EnumerateArray().Select(index => index.GetInt32())]
            : null;

        int position = 0;
        foreach (JsonElement message in conversation.GetProperty("messages").EnumerateArray())
        {
            string role = message.GetProperty("role").GetString() ?? "";
            segments.Add(new RecordedSegment(false, encode($"<|{role}|>\n")));
            int[] tokens = encode(Text(message));
            if (tokens.Length > 0)
                segments.Add(new RecordedSegment(calls?.Contains(position) ?? role == "assistant", tokens));
            position++;
        }

        return new RecordedConversation(segments);
    }

    private static string Text(JsonElement message)
    {
        StringBuilder text = new();
        if (message.TryGetProperty("content", out JsonElement content))
        {
            if (content.ValueKind == JsonValueKind.String)
                text.Append(content.GetString());
            else if (content.ValueKind == JsonValueKind.Array)
            {
                IEnumerable<JsonElement> parts = content.EnumerateArray().Where(part => part.TryGetProperty("text", out _));
                text.AppendJoin('\n', parts.Select(part => part.GetProperty("text").GetString()));
            }
        }

        if (message.TryGetProperty("tool_calls", out JsonElement toolCalls) && toolCalls.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement call in toolCalls.EnumerateArray())
            {
                JsonElement function = call.GetProperty("function");
                text.Append(text.Length > 0 ? "\n" : "").Append(function.GetProperty("name").GetString());
                text.Append(' ').Append(function.GetProperty("arguments"));
            }
        }

        return text.ToString();
    }
}
