using System.Text.Json.Nodes;
using Agentic.Proxy;
using Agentic.SuffixCache;
using TokenKind = Agentic.SuffixCache.TokenKind;

namespace Agentic.Tests;

public sealed class PromptRolesTests
{
    private static readonly FakeCodec Codec = new();

    [Fact]
    public void EachMessage_IsItsRoles()
    {
        JsonObject[] messages =
        [
            Message("system", "Be brief? No, be brief."), Message("user", "brief?"), Message("assistant", "the file is a.txt"), Message("tool", " 12 lines\n"),
            Message("assistant", ""), Message("tool", "é😀"), Message("user", "Hello world"),
        ];
        string text = new FakeTemplate().Render(new JsonObject
        {
            ["messages"] = new JsonArray([.. messages.Select(message => message.DeepClone())]),
            ["add_generation_prompt"] = true,
        });

        Assert.Equal(
            [
                (TokenKind.Prompt, "<|system|>"), (TokenKind.System, "Be brief? No, be brief."), (TokenKind.Prompt, "<|end|><|user|>"), (TokenKind.User, "brief?"),
                (TokenKind.Assistant, "<|end|><|assistant|>the file is a.txt<|end|><|tool|> "), (TokenKind.Tool, "12 lines"),
                (TokenKind.Assistant, "\n<|end|><|assistant|><|end|><|tool|>"), (TokenKind.Tool, "é😀"), (TokenKind.Prompt, "<|end|><|user|>"),
                (TokenKind.User, "Hello world"),
            ],
            Told(text, messages));
    }

    [Fact]
    public void SystemPromptInTheLastTurn_LeavesTheOthersTheirs()
    {
        JsonObject[] messages = [Message("system", "Be brief."), Message("user", "one"), Message("assistant", "two"), Message("user", "three")];

        Assert.Equal(
            [
                (TokenKind.Prompt, "[INST]"), (TokenKind.User, "one"), (TokenKind.Assistant, "[/INST]two</s>[INST]Be brief.\n\n"),
                (TokenKind.User, "three"),
            ],
            Told("[INST]one[/INST]two</s>[INST]Be brief.\n\nthree[/INST]", messages));
    }

    [Fact]
    public void WhatIsNotFound_IsNobodys()
    {
        JsonObject[] messages = [Message("user", "HELLO"), Message("assistant", "two"), Message("user", "three")];

        Assert.Equal([(TokenKind.Assistant, "hello two "), (TokenKind.User, "three")], Told("hello two three!", messages));
        Assert.Empty(PromptRoles.Runs(Codec, "something", Codec.Encode("something else", addSpecialTokens: false), messages));
        Assert.Empty(PromptRoles.Runs(Codec, "", [], messages));
    }

    private static List<(TokenKind Kind, string Text)> Told(string text, JsonObject[] messages)
    {
        int[] ids = Codec.Encode(text, addSpecialTokens: false);
        List<(TokenKind, string)> told = [];
        int at = 0;
        foreach (TokenRun run in PromptRoles.Runs(Codec, text, ids, messages))
            told.Add((run.Kind, Codec.TextOf(ids[at..(at += run.Length)])));
        return told;
    }

    private static JsonObject Message(string role, string content) => new() { ["role"] = role, ["content"] = content };
}
