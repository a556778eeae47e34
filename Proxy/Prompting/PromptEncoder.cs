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
internal sealed class PromptEncoder(ITextCodec codec, IChatTemplate template, int mostRememberedTokens)
{
    private readonly AnswerMemory _memory = new(mostRememberedTokens);
    private readonly CallLayouts _layouts = new(codec, template, new TemplateTraits(template));

    /// <summary>What the template can take.</summary>
    public TemplateTraits Traits => _layouts.Traits;

    /// <summary>Calls of these tools as the model would write them, as far as their schemas tell.</summary>
    public IReadOnlyList<CallSkeleton> CallSkeletons(NamespaceKey space, JsonArray tools) =>
        _layouts.Of(space, tools);

    /// <summary>Token ids of a text as an answer begins with it: after the generation prompt, whose last characters may share a token
    /// rule.</summary>
    public int[] EncodeAnswer(string text)
    {
        int[] before = codec.Encode(Traits.GenerationPrompt, addSpecialTokens: false);
        int[] whole = codec.Encode(Traits.GenerationPrompt + text, addSpecialTokens: false);
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
    public EncodedPrompt Encode(NamespaceKey space, IReadOnlyList<JsonObject> messages, JsonObject variables)
    {
        variables["messages"] = ChatMessages.ForTemplate(messages, Traits);
        string text = template.Render(variables);
        List<(int Start, AnswerMemory.Answer Answer)> answers = Locate(space, messages, text);
        int[] plain = codec.Encode(text, addSpecialTokens: false);
        TokenSplicer? splicer = answers.Count == 0 ? null : TokenSplicer.Align(codec, text, plain);
        bool opensThought = text.AsSpan().TrimEnd().EndsWith(ReasoningParser.OpenMarker);
        int spliced = 0;
        if (splicer is not null)
        {
            foreach ((int start, AnswerMemory.Answer answer) in answers)
                spliced += splicer.Replace(start, answer.Text, answer.Ids) ? 1 : 0;
        }

        int[] ids = splicer?.Finish() ?? plain;
        return new(ids, PromptRoles.Runs(codec, text, ids, messages), spliced, opensThought);
    }

    /// <summary>Where the text holds remembered answers, in order, each right after a generation prompt.</summary>
    private List<(int Start, AnswerMemory.Answer Answer)> Locate(NamespaceKey space, IReadOnlyList<JsonObject> messages, string text)
    {
        List<(int, AnswerMemory.Answer)> found = [];
        int from = 0;
        string place = AnswerMemory.Start(space);
        foreach (JsonObject message in messages)
        {
            place = AnswerMemory.After(place, message);
            if (Traits.GenerationPrompt.Length == 0 || message["role"]!.GetValue<string>() != "assistant"
                || _memory.Find(place) is not { } answer)
                continue;
            int at = text.IndexOf(Traits.GenerationPrompt + answer.Text, from, StringComparison.Ordinal);
            if (at < 0)
                continue;
            at += Traits.GenerationPrompt.Length;
            found.Add((at, answer));
            from = at + answer.Text.Length;
        }

        return found;
    }
}

/// <summary>A conversation as the model reads it.</summary>
/// <param name="Ids">Its tokens.</param>
/// <param name="Runs">Whose messages they are.</param>
/// <param name="Spliced">Messages that were taken as they were generated.</param>
/// <param name="OpensThought">Whether it ends where the model is to think.</param>
internal readonly record struct EncodedPrompt(int[] Ids, IReadOnlyList<TokenRun> Runs, int Spliced, bool OpensThought);
