using System.Text.Json.Nodes;
using Agentic.Proxy;
using Agentic.SuffixCache;
using TokenKind = Agentic.SuffixCache.TokenKind;

namespace Agentic.Tests;

public sealed class ChatLayoutTests
{
    private const string ChatMl =
        "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<end>\n{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";

    private static readonly FakeCodec Codec = new();

    [Fact]
    public void Turns_ContinueOneAnotherAndEndAtTheEndToken()
    {
        RecordedConversation laid = Assert.Single(Lay(ChatMl, Chat("user:hi", "assistant:ho", "user:more", "assistant:so")));

        Assert.Equal(
            ["<|user|>hi<end>\n<|assistant|>", "+ho<end>", "\n<|user|>more<end>\n<|assistant|>", "+so<end>"], Texts(laid));
        Assert.Equal([new TokenRun(TokenKind.Prompt, 2), new(TokenKind.User, "more".Length)], laid.Segments[2].ReadRuns);
    }

    [Fact]
    public void TemplateThatDropsOldThoughts_BeginsAnew()
    {
        const string Template = "{% for m in messages %}[{% if m.role == 'assistant' and not loop.last %}short{% else %}{{ m.content }}{% endif %}]"
            + "{% endfor %}{% if add_generation_prompt %}[{% endif %}";
        IReadOnlyList<RecordedConversation> laid = Lay(Template, Chat("user:q", "assistant:thought", "user:r", "assistant:done"));

        Assert.Equal([["[q][", "+thought]"], ["[q][short][r][", "+done]"]], laid.Select(Texts));
    }

    [Fact]
    public void PromptThatOpensAThought_IsCutWhereTheAnswerGoesOnOtherwise()
    {
        const string Template = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<end>{% endfor %}"
            + "{% if add_generation_prompt %}<|assistant|><think>{% endif %}";
        RecordedConversation laid = Assert.Single(Lay(Template, Chat("user:q", "assistant:a")));
        Assert.Equal(["<|user|>q<end><|assistant|><think>", "+a<end>"], Texts(laid));
    }

    [Fact]
    public void RefusedOrWithoutTemplate_IsLaidOutPlainly()
    {
        const string Template = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}x";
        string[] plain = ["<|system|>\n", "s", "<|assistant|>\n", "+a"];
        ChatLayout refusing = Layout(Template);

        Assert.Equal(plain, Texts(Assert.Single(refusing.Lay(Chat("system:s", "assistant:a")))));
        Assert.Equal(1, refusing.Refused);
        Assert.Equal(plain, Texts(Assert.Single(Lay(null, Chat("system:s", "assistant:a")))));
    }

    [Fact]
    public void TextCompletion_IsPromptAndOutput() =>
        Assert.Equal(["p", "+o"], Texts(Assert.Single(Layout(ChatMl).Lay(new LoggedChat("p", "o")))));

    [Fact]
    public void BundledModel_LaysOutItsOwnConversations()
    {
        Assert.SkipWhen(BundledModel.Directory is null, "The bundled model is not here.");
        LoggedChat chat = Chat("user:list the files", "assistant:There are none.", "user:thanks", "assistant:You are welcome.");
        ChatLayout layout = ChatLayout.Load(BundledModel.Directory);

        RecordedConversation laid = Assert.Single(layout.Lay(chat));

        Assert.Equal(0, layout.Refused);
        Assert.Equal([false, true, false, true], laid.Segments.Select(segment => segment.Written));
        Assert.Equal(laid.Segments[1].Tokens[^1], laid.Segments[3].Tokens[^1]);   // its end token
    }

    private static IReadOnlyList<RecordedConversation> Lay(string? template, LoggedChat chat) => Layout(template).Lay(chat);

    private static ChatLayout Layout(string? template) =>
        new(Codec, template is null ? null : ChatTemplate.Parse(template), ["<end>"]);

    private static LoggedChat Chat(params string[] messages)
    {
        JsonObject[] parsed = [.. messages.Select(message => new JsonObject
        {
            ["role"] = message[..message.IndexOf(':', StringComparison.Ordinal)],
            ["content"] = message[(message.IndexOf(':', StringComparison.Ordinal) + 1)..],
        })];
        return new LoggedChat(parsed, null, parsed.Index().Where(m => (string)m.Item["role"]! == "assistant").Select(m => m.Index).ToHashSet());
    }

    private static string[] Texts(RecordedConversation conversation) =>
        [.. conversation.Segments.Select(s => (s.Written ? "+" : "") + Codec.TextOf(s.Tokens))];
}
