using System.Text;
using System.Text.Json.Nodes;
using Agentic.SuffixCache;
using Speaker = Agentic.SuffixCache.TokenKind;

namespace Agentic.Proxy;

/// <summary>Whose message each token of a rendered conversation belongs to.</summary>
/// <remarks>
/// Found by what messages say, in their order: a template hands it on as it is, give or take spaces around it. Answers with their calls are laid
/// out by the template, so what lies between the messages around one is the assistant's. What is not found stays
/// <see cref="Speaker.Prompt"/>, which is no error: drafts weigh the rest.
/// </remarks>
internal static class PromptRoles
{
    // A template that drops old messages would have each of them looked for through all of the text.
    private const int MostMisses = 8;

    /// <summary>The runs of a prompt's tokens; empty if the tokens do not spell the text.</summary>
    /// <param name="codec">That encoded it.</param>
    /// <param name="text">As it was rendered.</param>
    /// <param name="ids">Its tokens.</param>
    /// <param name="messages">That were rendered.</param>
    public static List<TokenRun> Runs(ITextCodec codec, string text, int[] ids, IReadOnlyList<JsonObject> messages)
    {
        List<TokenRun> runs = [];
        if (TokenSplicer.Offsets(codec, Encoding.UTF8.GetBytes(text), ids) is not int[] starts)
            return runs;
        int token = 0, bytes = 0, characters = 0;
        foreach ((int start, int end, Speaker kind) in Find(text, messages).OrderBy(stretch => stretch.Start))
        {
            Add(Speaker.Prompt, start);
            Add(kind, end);
        }

        return runs;

        void Add(Speaker kind, int end)
        {
            if (end <= characters)
                return;
            bytes += Encoding.UTF8.GetByteCount(text.AsSpan(characters, end - characters));
            characters = end;
            int before = token;
            while (token < ids.Length && starts[token] < bytes)
                token++;
            if (token > before)
                runs.Add(new TokenRun(kind, token - before));
        }
    }

    private static List<(int Start, int End, Speaker Kind)> Find(string text, IReadOnlyList<JsonObject> messages)
    {
        List<(int, int, Speaker)> found = [];
        int from = 0, answersFrom = -1, misses = 0;
        for (int i = 0; i < messages.Count && misses < MostMisses; i++)
        {
            Speaker kind = KindOf(messages[i]);
            string said = Said(messages[i]);
            int at = said.Length == 0 ? -1 : text.IndexOf(said, from, StringComparison.Ordinal);
            misses += said.Length > 0 && at < 0 ? 1 : 0;
            if (kind == Speaker.Assistant)
            {
                answersFrom = answersFrom < 0 ? from : answersFrom;
                from = at < 0 ? from : at + said.Length;
                continue;
            }

            if (at < 0)
                continue;
            found.Add((at, at + said.Length, kind));
            if (kind == Speaker.System && !GoesOn(at + said.Length, i + 1))
                continue;   // a template may put it off to the last turn
            if (answersFrom >= 0)
                found.Add((answersFrom, at, Speaker.Assistant));
            (from, answersFrom) = (at + said.Length, -1);
        }

        if (answersFrom >= 0 && misses < MostMisses)
            found.Add((answersFrom, text.Length, Speaker.Assistant));
        return found;

        bool GoesOn(int after, int next) => next == messages.Count || text.IndexOf(Said(messages[next]), after, StringComparison.Ordinal) >= 0;
    }

    private static string Said(JsonObject message) => ChatMessages.TextOf(message["content"])?.Trim() ?? "";

    /// <summary>Of what a message says.</summary>
    public static Speaker KindOf(JsonObject message) => message["role"]?.GetValue<string>() switch
    {
        "system" or "developer" => Speaker.System,
        "assistant" => Speaker.Assistant,
        "tool" or "function" => Speaker.Tool,
        _ => Speaker.User,
    };
}
