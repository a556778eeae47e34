using System.Text;
using System.Text.Json.Nodes;
using Agentic.ModelRuntime;
using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary>Lays out logged conversations as a model would have read and written them: by its template, in its tokens.</summary>
/// <remarks>Where the model has no template, or it refuses a conversation, a message is a head with its role, its text and its tool
/// calls.</remarks>
internal sealed class ChatLayout
{
    private readonly ITextCodec _codec;
    private readonly IChatTemplate? _template;
    private readonly TemplateTraits? _traits;
    private readonly string[] _endTexts;

    /// <param name="codec">The model's tokens.</param>
    /// <param name="template">Or null.</param>
    /// <param name="endTexts">Tokens that end an answer, as text.</param>
    internal ChatLayout(ITextCodec codec, IChatTemplate? template, string[] endTexts)
    {
        (_codec, _template, _endTexts) = (codec, template, endTexts);
        _traits = template is null ? null : new TemplateTraits(template);
    }

    /// <summary>Conversations laid out plainly because the template refused them.</summary>
    public int Refused { get; private set; }

    /// <summary>The layout of a model.</summary>
    /// <param name="directory">Its tokenizer's, and its template's if it has one.</param>
    public static ChatLayout Load(string directory)
    {
        Tokenizer tokenizer = Tokenizer.Load(directory);
        IReadOnlyList<int> ends = File.Exists(Path.Combine(directory, "config.json")) ? GenerationConfig.Read(directory).EosTokenIds : [];
        IEnumerable<string?> endTexts = ends.Where(id => id < tokenizer.VocabularySize).Select(tokenizer.Token).Append(tokenizer.EndToken);
        return new ChatLayout(
            new TokenizerCodec(tokenizer), ChatTemplate.Find(directory),
            [.. endTexts.OfType<string>().Where(text => text.Length > 0).Distinct()]);
    }

    /// <summary>The calls of a conversation in turn: one recorded conversation for each stretch of calls that continue one
    /// another.</summary>
    /// <exception cref="InvalidOperationException">A message is not what OpenAI's API has.</exception>
    public IReadOnlyList<RecordedConversation> Lay(LoggedChat chat)
    {
        if (chat.Text is (string prompt, string output))
            return [new RecordedConversation([new(false, Encode(prompt)), new(true, Encode(output))])];
        if (_template is null)
            return [Plainly(chat)];
        try
        {
            return ByTemplate(chat);
        }
        catch (Exception e) when (e is JinjaException or ChatTemplateException)
        {
            Refused++;
            return [Plainly(chat)];
        }
    }

    /// <summary>A server keeps the tokens it wrote, and encodes what came since: so does this.</summary>
    private List<RecordedConversation> ByTemplate(LoggedChat chat)
    {
        List<List<RecordedSegment>> conversations = [];
        string before = "";
        int laid = 0;   // messages before
        foreach (int call in chat.Calls.Order())
        {
            string prompt = Render(chat, call, prompting: true);
            bool continues = conversations.Count > 0 && prompt.StartsWith(before, StringComparison.Ordinal);
            if (!continues)
                (before, laid, conversations) = ("", 0, [.. conversations, []]);
            string output = Answer(prompt, Render(chat, call + 1, prompting: false));
            string read = prompt[before.Length..];
            int[] tokens = Encode(read);
            conversations[^1].Add(new RecordedSegment(false, tokens)
            {
                ReadRuns = PromptRoles.Runs(_codec, read, tokens, [.. chat.Messages.Take(laid..call)]),
            });
            if (output.Length > 0)
                conversations[^1].Add(new RecordedSegment(true, Encode(output)));
            (before, laid) = (prompt + output, call + 1);
        }

        return [.. conversations.Select(segments => new RecordedConversation(segments))];
    }

    private int[] Encode(string text) => _codec.Encode(text, addSpecialTokens: false);

    private string Render(LoggedChat chat, int messages, bool prompting) => _template!.Render(new JsonObject
    {
        ["messages"] = ChatMessages.ForTemplate(chat.Messages.Take(messages), _traits!),
        ["tools"] = chat.Tools is { Count: > 0 } tools ? tools.DeepClone() : null,
        ["documents"] = null,
        ["add_generation_prompt"] = prompting,
    });

    /// <summary>What the model wrote of a text: to its first end token, from where the prompt ends, or from where the template goes on
    /// otherwise than it asked.</summary>
    private string Answer(string prompt, string whole)
    {
        int start = whole.AsSpan().CommonPrefixLength(prompt);
        int end = _endTexts
            .Select(text => whole.IndexOf(text, start, StringComparison.Ordinal) is int at and >= 0 ? at + text.Length : whole.Length)
            .DefaultIfEmpty(whole.Length).Min();
        return whole[start..end];
    }

    private RecordedConversation Plainly(LoggedChat chat)
    {
        List<RecordedSegment> segments = [];
        if (chat.Tools is { Count: > 0 } tools)
            segments.Add(new RecordedSegment(false, Encode(tools.ToJsonString())));
        for (int i = 0; i < chat.Messages.Count; i++)
        {
            JsonObject message = chat.Messages[i];
            segments.Add(new RecordedSegment(false, Encode($"<|{(string?)message["role"]}|>\n")));
            int[] tokens = Encode(Text(message));
            if (tokens.Length > 0)
                segments.Add(new RecordedSegment(chat.Calls.Contains(i), tokens) { ReadRuns = [new TokenRun(PromptRoles.KindOf(message), tokens.Length)] });
        }

        return new RecordedConversation(segments);
    }

    private static string Text(JsonObject message)
    {
        StringBuilder text = new(ChatMessages.TextOf(message["content"]));
        foreach (JsonNode? call in message["tool_calls"] as JsonArray ?? [])
        {
            text.Append(text.Length > 0 ? "\n" : "").Append((string?)call?["function"]?["name"]);
            text.Append(' ').Append(call?["function"]?["arguments"]);
        }

        return text.ToString();
    }
}
