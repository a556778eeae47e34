using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary>Files of recorded conversations: chats, which a model's template lays out, and token segments.</summary>
internal static class Recordings
{
    /// <summary>All conversations of a file, in order.</summary>
    /// <param name="file">.seg.gz: token segments; anything else: JSON lines, plain or gzip.</param>
    /// <param name="layout">Of chats; asked for only if there are any.</param>
    /// <param name="firstTrials">Leave out a task's later trials: of chats with the same group, all but those of the first session.</param>
    /// <exception cref="CommandException">It is no such file, or damaged.</exception>
    public static IReadOnlyList<RecordedConversation> Read(string file, Lazy<ChatLayout> layout, bool firstTrials = false)
    {
        bool isSegments = file.EndsWith(".seg.gz", StringComparison.OrdinalIgnoreCase);
        if (isSegments && firstTrials)
        {
            throw new CommandException(
                $"{file}: --first-trials needs the names of sessions, which token segments do not hold; give the .jsonl");
        }

        try
        {
            return isSegments ? RecordedConversation.ReadFile(file) : Lay(file, layout.Value, firstTrials);
        }
        catch (InvalidDataException e)
        {
            throw new CommandException($"{file}: {e.Message}");
        }
    }

    private static List<RecordedConversation> Lay(string file, ChatLayout layout, bool firstTrials)
    {
        Dictionary<string, string?> first = [];
        List<LoggedChat> chats = [.. ChatLog.ReadFile(file)
            .Where(chat => !firstTrials || chat.Group is null
                || first.TryAdd(chat.Group, chat.Session) || first[chat.Group] == chat.Session)];
        List<RecordedConversation> conversations = [];
        int refused = layout.Refused;
        Progress.Run($"reading {Path.GetFileName(file)}", chats.Count, report =>
        {
            foreach (LoggedChat chat in chats)
            {
                try
                {
                    conversations.AddRange(layout.Lay(chat));
                }
                catch (Exception e) when (e is InvalidOperationException or FormatException)
                {
                    throw new CommandException($"{file}, line {chat.Line}: a message is not as OpenAI's API has it: {e.Message}");
                }

                report(1);
            }
        });
        if (layout.Refused > refused)
        {
            Console.Error.WriteLine(
                $"agentic: {file}: {layout.Refused - refused} of {chats.Count} conversations are laid out plainly, "
                + "because the model's chat template refuses them");
        }

        return conversations;
    }
}
