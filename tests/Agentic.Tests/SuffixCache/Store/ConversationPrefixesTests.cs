using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed class ConversationPrefixesTests
{
    private static readonly NamespaceKey Mine = NamespaceKey.Derive([1], "mine", "m", "t");

    [Fact]
    public void CallsOfOneConversationStoredWhole_LeaveTheLastWithEveryOutput()
    {
        StoredSequence first = Call(70, 30), second = Call(150, 50), third = Call(220, 10), other = Call(100, 100, from: 1000);

        List<StoredSequence> kept = ConversationPrefixes.Drop([third, other, first, second]);

        Assert.Equal([third.Tokens, other.Tokens], kept.Select(sequence => sequence.Tokens));
        Assert.Equal(
            [Prompt(70), Output(30), Prompt(50), Output(50), Prompt(20), Output(10)],
            kept[0].Runs);
        Assert.Equal(third.Time, kept[0].Time);
    }

    /// <summary>So that what was stored in between, as continuing the first, still follows it.</summary>
    [Fact]
    public void TheLast_StandsWhereTheFirstStood()
    {
        StoredSequence first = Call(70, 30), between = Call(30, 70, from: 1000), last = Call(150, 50);
        Assert.Equal([last.Tokens, between.Tokens], ConversationPrefixes.Drop([first, between, last]).Select(sequence => sequence.Tokens));
    }

    [Fact]
    public void WhatIsOnlyTheStartOfAnotherOutput_IsEvidenceAndStays()
    {
        StoredSequence shorter = Call(70, 30), longer = Call(70, 60), fork = Call(99, 60);
        Assert.Equal(3, ConversationPrefixes.Drop([shorter, longer, fork]).Count);
    }

    [Fact]
    public void ShortOrOfUnknownWriters_Stays()
    {
        StoredSequence shortest = Call(10, 20), longer = Call(60, 20), unknown = Call(70, 30) with { Runs = [] }, last = Call(120, 5);
        Assert.Equal([shortest, longer with { Runs = [] }, unknown, last with { Runs = [] }],
            ConversationPrefixes.Drop([shortest, longer with { Runs = [] }, unknown, last with { Runs = [] }]));
    }

    private static StoredSequence Call(int prompt, int output, int from = 0) => new(Mine, Enumerable.Range(from, prompt + output).ToArray())
    {
        Runs = [Prompt(prompt), Output(output)],
        Time = DateTimeOffset.FromUnixTimeMilliseconds(prompt),
    };

    private static TokenRun Prompt(int tokens) => new(SuffixCache.TokenKind.Prompt, tokens);

    private static TokenRun Output(int tokens) => new(SuffixCache.TokenKind.Output, tokens);
}
