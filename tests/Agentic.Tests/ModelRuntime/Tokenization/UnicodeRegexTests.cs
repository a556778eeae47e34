using System.Globalization;
using System.Text;
using Agentic.ModelRuntime;

namespace Agentic.Tests;

public class UnicodeRegexTests
{
    [Theory]
    [InlineData(@"\p{L}+", "a𝒜𠀀1é", "a𝒜𠀀|é")]
    [InlineData(@"[^\s\p{L}\p{N}]+", "a🙂👍🏽 ½", "🙂👍🏽")]
    [InlineData(@"\p{N}{1,3}", "12345𝟘𝟙", "123|45𝟘|𝟙")]
    [InlineData(@".", "🙂\na", "🙂|a")]
    [InlineData(@"🙂|[😀-😂]", "🙂😁x😃", "🙂|😁")]
    [InlineData(@"[^a]", "a🙂", "🙂")]
    [InlineData(@"\p{L}{2}", "𝒜𝒜𝒜", "𝒜𝒜")]
    public void CodePointsBeyondTheFirstPlane_AreOneCharacter(string pattern, string text, string expected) =>
        AssertMatches(pattern, text, expected);

    [Theory]
    [InlineData(@"(?i:'s|'t)", "'S'ſ'T's", "'S|'ſ|'T|'s")]
    [InlineData(@"(?i)k+", "kK\u212A", "kK\u212A")]
    [InlineData(@"(?i:σ)", "Σςσ", "Σ|ς|σ")]
    [InlineData(@"(?i:[a-c])x", "BxDx", "Bx")]
    [InlineData(@"(?i:𐐀)", "𐐨", "𐐨")]
    [InlineData(@"a(?i)b|c", "aBaC", "aB|aC")]
    [InlineData(@"(?i:a(?-i:b))", "AbAB", "Ab")]
    public void CaseIsIgnoredWhereThePatternSaysSo(string pattern, string text, string expected) => AssertMatches(pattern, text, expected);

    [Theory]
    [InlineData(@"a++a", "aaa", "")]
    [InlineData(@"a?+a", "a", "")]
    [InlineData(@"\d{1,2}+", "12345", "12345")]
    [InlineData(@"a{2}?", "aaa", "aa||")]
    [InlineData(@"a{,2}b", "aaab", "aab")]
    [InlineData(@"a+?", "aa", "a|a")]
    [InlineData(@"x{", "x{", "x{")]
    [InlineData(@"\s+(?!\S)|\s+", "a   b", "  | ")]
    [InlineData(@"(?<=a)b", "abb", "b")]
    public void Quantifiers_AreOnigurumas(string pattern, string text, string expected) => AssertMatches(pattern, text, expected);

    [Theory]
    [InlineData(@"[a-z&&[^aeiou]]+", "abcde", "bcd")]
    [InlineData(@"[[:alpha:]\d]+", "aé1_", "aé1")]
    [InlineData(@"[[a-c][x-z]]+", "axd", "ax")]
    [InlineData(@"[\p{Han}&&[^一]]+", "一二三", "二三")]
    [InlineData(@"[^\P{L}]+", "ab1", "ab")]
    [InlineData(@"\p{^L}", "a1", "1")]
    [InlineData(@"[\]\-\\]+", "a]-\\b", "]-\\")]
    [InlineData(@"[a-]+", "a-b", "a-")]
    [InlineData(@"\h+", "xFf0g", "Ff0")]
    [InlineData(@"\x41\x{42}\u0043", "ABC", "ABC")]
    public void Classes_AreOnigurumas(string pattern, string text, string expected) => AssertMatches(pattern, text, expected);

    [Theory]
    [InlineData(@"^\w", "a\nb", "a|b")]
    [InlineData(@"\w$", "a\nb", "a|b")]
    [InlineData(@"(?m:a.b)", "a\nb", "a\nb")]
    [InlineData(@"(?x: a b # c
        )", "ab", "ab")]
    [InlineData(@"\bé\b", "é éa", "é")]
    [InlineData(@"\s", "\u0085\u00A0\u2003\u200B\u001C", "\u0085|\u00A0|\u2003")]
    [InlineData(@"\d", "٣½1", "٣|1")]
    [InlineData(@"\R", "\r\n\n", "\r\n|\n")]
    public void LinesSpacesAndWords_AreOnigurumas(string pattern, string text, string expected) => AssertMatches(pattern, text, expected);

    [Fact]
    public void Categories_HoldForEveryCodePoint()
    {
        Rune[] runes = [.. Enumerable.Range(0, 0x110000).Where(Rune.IsValid).Select(value => new Rune(value))];
        string all = string.Concat(runes);
        List<(int Start, int End)> matches = [];

        new UnicodeRegex(@"[\p{L}\p{Nd}]").Find(all, matches);

        Assert.Equal(
            runes.Where(rune => Rune.GetUnicodeCategory(rune) is <= UnicodeCategory.OtherLetter or UnicodeCategory.DecimalDigitNumber),
            matches.Select(match => Rune.GetRuneAt(all, match.Start)));
        Assert.All(matches, match => Assert.Equal(Rune.GetRuneAt(all, match.Start).Utf16SequenceLength, match.End - match.Start));
    }

    [Theory]
    [InlineData("(a")]
    [InlineData("a)")]
    [InlineData("[a")]
    [InlineData("*a")]
    [InlineData(@"\p{Nope}")]
    [InlineData(@"\p")]
    [InlineData(@"a\")]
    [InlineData("[z-a]")]
    [InlineData(@"\x{}")]
    [InlineData("(?~a)")]
    [InlineData(@"\X")]
    public void DamagedOrUnknownPattern_IsRefused(string pattern) => Assert.Throws<FormatException>(() => new UnicodeRegex(pattern));

    private static void AssertMatches(string pattern, string text, string expected)
    {
        List<(int Start, int End)> matches = [];
        new UnicodeRegex(pattern).Find(text, matches);
        Assert.Equal(expected, string.Join('|', matches.Select(match => text[match.Start..match.End])));
    }
}
