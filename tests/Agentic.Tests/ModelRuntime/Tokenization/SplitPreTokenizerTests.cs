using Agentic.ModelRuntime;

namespace Agentic.Tests;

public class SplitPreTokenizerTests
{
    [Theory]
    [InlineData("Removed", "The|final|countdown")]
    [InlineData("Isolated", "The|-|final|-|-|countdown")]
    [InlineData("MergedWithPrevious", "The-|final-|-|countdown")]
    [InlineData("MergedWithNext", "The|-final|-|-countdown")]
    [InlineData("Contiguous", "The|-|final|--|countdown")]
    public void EachBehavior_PutsTheMatchWhereItSays(string behavior, string expected) =>
        Assert.Equal(expected, Split("-", behavior, invert: false, "The-final--countdown"));

    [Theory]
    [InlineData("Removed", "-|-|-")]
    [InlineData("MergedWithNext", "The-|final-|-|countdown")]
    [InlineData("Contiguous", "The|-|final|--|countdown")]
    public void Inverted_WhatLiesBetweenIsTheMatch(string behavior, string expected) =>
        Assert.Equal(expected, Split("-", behavior, invert: true, "The-final--countdown"));

    [Theory]
    [InlineData("MergedWithPrevious", "-|-|a-")]
    [InlineData("MergedWithNext", "-|-a|-")]
    [InlineData("Removed", "a")]
    public void MatchesAtTheEnds_StandAloneWhereNothingIsToMergeWith(string behavior, string expected) =>
        Assert.Equal(expected, Split("-", behavior, invert: false, "--a-"));

    private static string Split(string pattern, string behavior, bool invert, string text)
    {
        List<Piece> pieces = [];
        SplitPreTokenizer splitter = new(new UnicodeRegex(pattern), Enum.Parse<SplitBehavior>(behavior), invert);
        splitter.Split(Piece.Whole(text, isFirst: true), pieces);
        return string.Join('|', pieces.Select(piece => piece.Text.ToString()));
    }
}
