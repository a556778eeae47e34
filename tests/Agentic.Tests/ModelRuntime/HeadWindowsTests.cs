using Agentic.ModelRuntime;
using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed class HeadWindowsTests
{
    private static readonly NamespaceKey Own = Key("own"), Other = Key("other");

    [Fact]
    public void PromptBeginsAsAnEndedSequence_PairsBeforeTheFirstDifferenceAreFound()
    {
        var windows = new HeadWindows(2, blocks: 4);
        int[] blocks = windows.Take()!;
        windows.Keep(Own, Tokens(30), blocks, start: 5);

        HeadWindows.Ended found = windows.Find(Own, [.. Tokens(20), -1, -2], out int pairs)!;

        // A pair is of a position and the token behind it: the last in common is that of position 18 with token 19.
        Assert.Equal((blocks, 5, 14), (found.Blocks, found.Start, pairs));
    }

    [Fact]
    public void AnotherNamespace_OrAnErasedOne_FindsNothing()
    {
        var windows = new HeadWindows(2, blocks: 4);
        windows.Keep(Own, Tokens(30), windows.Take()!, start: 0);

        Assert.Null(windows.Find(Other, Tokens(30), out _));
        HeadWindows.Ended own = windows.Find(Own, Tokens(30), out _)!;
        Assert.True(own.IsThere);
        windows.Forget(owner => owner == Own);
        Assert.False(own.IsThere);
        Assert.Null(windows.Find(Own, Tokens(30), out _));
    }

    [Fact]
    public void AllWindowsAreTaken_WhatEndedLongestAgoGivesWay_AndALaterTurnReplacesItsEarlierOnes()
    {
        var windows = new HeadWindows(2, blocks: 4);
        int[] first = windows.Take()!, second = windows.Take()!;
        Assert.Null(windows.Take());

        windows.Keep(Own, Tokens(20), first, start: 0);
        HeadWindows.Ended earlier = windows.Find(Own, Tokens(20), out _)!;
        windows.Keep(Own, Tokens(30), second, start: 0);
        Assert.False(earlier.IsThere);
        Assert.Same(first, windows.Take());
        HeadWindows.Ended later = windows.Find(Own, Tokens(30), out _)!;
        Assert.True(later.IsThere);
        Assert.Same(second, later.Blocks);
        Assert.Same(second, windows.Take());
        Assert.False(later.IsThere);
    }

    private static int[] Tokens(int count) => [.. Enumerable.Range(0, count)];

    private static NamespaceKey Key(string tenant) => NamespaceKey.Derive("secret"u8, tenant, "model", "tokenizer");
}
