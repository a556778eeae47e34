using Agentic.Proxy;
using CsCheck;

namespace Agentic.Tests;

public sealed class StopMatcherTests
{
    [Fact]
    public void NoStops_LetsEverythingThrough()
    {
        StopMatcher matcher = new([]);

        Assert.Equal("abc", matcher.Push("abc"));
        Assert.False(matcher.Stopped);
    }

    [Fact]
    public void MatchAcrossPieces_LeaksNothingOfIt()
    {
        StopMatcher matcher = new(["END"]);

        Assert.Equal("x", matcher.Push("xE"));
        Assert.Equal("", matcher.Push("N"));
        Assert.Equal("", matcher.Push("D y"));
        Assert.True(matcher.Stopped);
        Assert.Equal("", matcher.Push("more") + matcher.Flush());
    }

    [Fact]
    public void BeginningThatGoesAnotherWay_IsLetThrough()
    {
        StopMatcher matcher = new(["aab"]);

        Assert.Equal("a", matcher.Push("aaa"));
        Assert.Equal("aac", matcher.Push("c"));
        Assert.Equal("", matcher.Push("aa"));
        Assert.Equal("aa", matcher.Flush());
    }

    [Fact]
    public void TwoEndAtTheSameCharacter_TheLongerCuts()
    {
        StopMatcher matcher = new(["lo", "hello"]);

        Assert.Equal("oh ", matcher.Push("oh hello"));
    }

    [Fact]
    public void AnyCutOfAnyText_GivesTheTextBeforeTheFirstMatch()
    {
        Gen<string> word = Gen.Char['a', 'c'].Array[1, 5].Select(chars => new string(chars));
        Gen.Select(word.Array[1, 4], Gen.Char['a', 'c'].Array[0, 60], Gen.Int[1, 7].Array[1, 5]).Sample((stops, chars, cuts) =>
        {
            string text = new(chars), expected = Naive(text, stops);
            StopMatcher matcher = new(stops);
            string shown = "";
            for (int at = 0, piece = 0; at < text.Length; piece++)
            {
                int length = Math.Min(text.Length - at, cuts[piece % cuts.Length]);
                shown += matcher.Push(text.Substring(at, length));
                Assert.StartsWith(shown, expected, StringComparison.Ordinal);   // nothing is ever taken back
                at += length;
            }

            Assert.Equal(expected, shown + matcher.Flush());
            Assert.Equal(expected.Length < text.Length, matcher.Stopped);
        });
    }

    private static string Naive(string text, string[] stops)
    {
        for (int end = 1; end <= text.Length; end++)
        {
            int longest = stops.Where(stop => text[..end].EndsWith(stop, StringComparison.Ordinal)).Select(stop => stop.Length).DefaultIfEmpty().Max();
            if (longest > 0)
                return text[..(end - longest)];
        }

        return text;
    }
}
