using System.Text.Json.Nodes;
using Agentic.ModelRuntime;
using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary>Turns conversations into token ids such that a conversation's next turn begins with exactly the tokens of the last.</summary>
/// <remarks>
/// A model may spell its answer in other tokens than the tokenizer would. When an answer comes back in the history, and the template
/// renders it verbatim after its generation prompt, the generated ids take its place, so that the KV blocks of the last turn fit
/// (docs/design.md, decision 9).
/// </remarks>
/// <param name="codec">The model's.</param>
/// <param name="template">The model's.</param>
/// <param name="mostRememberedTokens">Of answers.</param>
/// <param name="limit">What a conversation must not exceed; null for nothing.</param>
internal sealed class PromptEncoder(ITextCodec codec, IChatTemplate template, int mostRememberedTokens, PromptLimit? limit = null)
{
    private readonly PromptLimit _limit = limit ?? new(codec, int.MaxValue);
    private readonly AnswerMemory _memory = new(mostRememberedTokens);
    private readonly CallLayouts _layouts = new(codec, template, new TemplateTraits(template));

    /// <summary>What the template can take.</summary>
    public TemplateTraits Traits => _layouts.Traits;

    /// <summary>Calls of these tools as the model would write them, as far as their schemas tell.</summary>
    public IReadOnlyList<CallSkeleton> CallSkeletons(NamespaceKey space, JsonArray tools) =>
        _layouts.Of(space, tools);

    /// <summary>Token ids of a text as an answer begins with it: after the generation prompt, whose last characters may share a token
    /// rule.</summary>
    /// <exception cref="ApiException">400: a prediction is too long.</exception>
    public int[] EncodeAnswer(string text)
    {
        int[] before = codec.Encode(Traits.GenerationPrompt, addSpecialTokens: false);
        int[] whole = _limit.Encode(Traits.GenerationPrompt + text, "prediction", addSpecialTokens: false);
        return whole.AsSpan().StartsWith(before) ? whole[before.Length..] : codec.Encode(text, addSpecialTokens: false);
    }

    /// <summary>Keeps an answer's tokens for when its message comes back.</summary>
    /// <param name="space">Whose answer it is.</param>
    /// <param name="messages">What it answers.</param>
    /// <param name="answer">Its message, as it will come back.</param>
    /// <param name="text">As the model wrote it.</param>
    /// <param name="ids">Its tokens.</param>
    public void Remember(NamespaceKey space, IReadOnlyList<JsonObject> messages, JsonObject answer, string text, int[] ids) =>
        _memory.Keep(space, AnswerMemory.After(messages.Aggregate(AnswerMemory.Start(space), AnswerMemory.After), answer), text, ids);

    /// <summary>Forgets the answers given and the tools seen in these namespaces.</summary>
    public void Forget(Predicate<NamespaceKey> whose)
    {
        _memory.Forget(whose);
        _layouts.Forget(whose);
    }

    /// <summary>Renders and encodes a conversation.</summary>
    /// <param name="space">Whose answers may be recognised.</param>
    /// <param name="messages">As the client sent them, checked.</param>
    /// <param name="variables">The template's other variables.</param>
    /// <exception cref="JinjaException">The template refuses the conversation.</exception>
    /// <exception cref="ApiException">400: it is too long.</exception>
    public EncodedPrompt Encode(NamespaceKey space, IReadOnlyList<JsonObject> messages, JsonObject variables)
    {
        _limit.Check(messages);
        variables["messages"] = ChatMessages.ForTemplate(messages, Traits);
        string text = template.Render(variables);
        int[] plain = _limit.Encode(text, "messages", addSpecialTokens: false);
        List<(int Start, int Blanks, AnswerMemory.Answer Answer)> answers = Locate(space, messages, text);
        TokenSplicer? splicer = answers.Count == 0 ? null : TokenSplicer.Align(codec, text, plain);
        bool opensThought = text.AsSpan().TrimEnd().EndsWith(ReasoningParser.OpenMarker);
        int spliced = 0;
        foreach ((int start, int blanks, AnswerMemory.Answer answer) in splicer is null ? [] : answers)
        {
            // A word-start token stands for the space before its word too, which a decoder leaves out at a text's beginning.
            bool replaced = (blanks > 0 && splicer!.Replace(start, text.Substring(start, blanks + answer.Text.Length), answer.Ids))
                || splicer!.Replace(start + blanks, answer.Text, answer.Ids);
            spliced += replaced ? 1 : 0;
        }

        int[] ids = splicer?.Finish() ?? plain;
        return new(ids, PromptRoles.Runs(codec, text, ids, messages), spliced, opensThought);
    }

    /// <summary>Where the text holds remembered answers, in order: each right after what comes before an answer, and after the blanks that
    /// a template without a generation prompt may put there.</summary>
    private List<(int Start, int Blanks, AnswerMemory.Answer Answer)> Locate(
        NamespaceKey space, IReadOnlyList<JsonObject> messages, string text)
    {
        List<(int, int, AnswerMemory.Answer)> found = [];
        int from = 0;
        string place = AnswerMemory.Start(space), before = "";
        foreach (JsonObject message in messages)
        {
            place = AnswerMemory.After(place, message);
            string role = message["role"]!.GetValue<string>();
            if (role == "assistant" && _memory.Find(place) is { } answer
                && Find(text, before is "tool" or "function" ? Traits.ResultStart : Traits.AnswerStart, answer.Text, from) is { } at)
            {
                found.Add((at.Start, at.Blanks, answer));
                from = at.Start + at.Blanks + answer.Text.Length;
            }

            before = role;
        }

        return found;
    }

    private (int Start, int Blanks)? Find(string text, string historyStart, string answer, int from)
    {
        string start = Traits.GenerationPrompt;
        if (start.Length > 0)
        {
            int at = text.IndexOf(start + answer, from, StringComparison.Ordinal);
            return at < 0 ? null : (at + start.Length, 0);
        }

        while (historyStart.Length > 0 && text.IndexOf(historyStart, from, StringComparison.Ordinal) is var next and >= 0)
        {
            from = next + historyStart.Length;
            int blanks = 0;
            while (from + blanks < text.Length && char.IsWhiteSpace(text[from + blanks]) && !StartsAt(from + blanks))
                blanks++;
            if (StartsAt(from + blanks))
                return (from, blanks);
        }

        return null;

        bool StartsAt(int at) => text.AsSpan(at).StartsWith(answer);
    }
}

/// <summary>A conversation as the model reads it.</summary>
/// <param name="Ids">Its tokens.</param>
/// <param name="Runs">Whose messages they are.</param>
/// <param name="Spliced">Messages that were taken as they were generated.</param>
/// <param name="OpensThought">Whether it ends where the model is to think.</param>
internal readonly record struct EncodedPrompt(int[] Ids, IReadOnlyList<TokenRun> Runs, int Spliced, bool OpensThought);
