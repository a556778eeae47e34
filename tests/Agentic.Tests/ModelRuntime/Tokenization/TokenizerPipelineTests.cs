namespace Agentic.Tests;

/// <summary>What each part of tokenizer.json does, on vocabularies small enough to read.</summary>
public class TokenizerPipelineTests
{
    private static readonly string[] Letters = [.. "abcdeABC ▁!.,12é".Select(c => c.ToString())];

    [Theory]
    [InlineData("", "a,<x>,b")]
    [InlineData("\"lstrip\": true", "a,<x>,b")]
    public void AddedToken_IsCutOutOfText(string property, string expected) =>
        Assert.Equal(expected.Split(','), Added(property).Cut("a<x>b"));

    [Theory]
    [InlineData("\"lstrip\": false", "a| |<x>| |b")]
    [InlineData("\"lstrip\": true", "a|<x>| |b")]
    [InlineData("\"rstrip\": true", "a| |<x>|b")]
    [InlineData("\"lstrip\": true, \"rstrip\": true", "a|<x>|b")]
    public void AddedTokenThatStrips_TakesWhiteSpaceAlong(string property, string expected) =>
        Assert.Equal(expected.Split('|'), Added(property).Cut("a <x> b"));

    [Fact]
    public void AddedTokens_TheLongestOfThoseThatStartFirst()
    {
        TinyTokenizer tokenizer = new TinyTokenizer(Letters).With("added_tokens",
            """[{"id": 20, "content": "ab"}, {"id": 21, "content": "abc"}, {"id": 22, "content": "bcde"}]""");

        Assert.Equal(["abc", "d", "e", "ab"], tokenizer.Cut("abcdeab"));
    }

    [Theory]
    [InlineData("aca!ca", "a|c|a|!|ca")]
    [InlineData("ca", "ca")]
    [InlineData("éca", "é|c|a")]
    [InlineData("ca ca.", "ca| |ca|.")]
    public void AddedWord_DoesNotCountInsideAWord(string text, string expected)
    {
        TinyTokenizer tokenizer = new TinyTokenizer(Letters).With("added_tokens", """[{"id": 20, "content": "ca", "single_word": true}]""");

        Assert.Equal(expected.Split('|'), tokenizer.Cut(text));
    }

    [Theory]
    [InlineData("true", "a|<X>|b")]
    [InlineData("false", "a|b")]
    public void NormalizedAddedToken_IsFoundInNormalizedText(string normalized, string expected)
    {
        TinyTokenizer tokenizer = new TinyTokenizer(Letters).With("normalizer", """{"type": "Lowercase"}""")
            .With("added_tokens", $$"""[{"id": 20, "content": "<X>", "normalized": {{normalized}}}]""");

        Assert.Equal(expected.Split('|'), tokenizer.Cut("A<x>B"));
    }

    [Theory]
    [InlineData("""{"type": "Lowercase"}""", "ABC", "a|b|c")]
    [InlineData("""{"type": "Strip", "strip_left": true, "strip_right": true}""", " a\t ", "a")]
    [InlineData("""{"type": "Strip", "strip_left": false, "strip_right": true}""", " a ", " |a")]
    [InlineData("""{"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}]}""", "áb́", "a|b")]
    [InlineData("""{"type": "NFC"}""", "é", "é")]
    [InlineData("""{"type": "NFKC"}""", "ａ①", "a|1")]
    [InlineData("""{"type": "Replace", "pattern": {"Regex": "[0-9]+"}, "content": "$0"}""", "a12b", "a|b")]
    [InlineData("""{"type": "Replace", "pattern": {"String": "."}, "content": "!"}""", "a.b", "a|!|b")]
    [InlineData("""{"type": "Prepend", "prepend": "▁"}""", "a", "▁|a")]
    [InlineData("""{"type": "Prepend", "prepend": "▁"}""", "", "")]
    public void Normalizer_RewritesText(string json, string text, string expected) =>
        Assert.Equal(expected, string.Join('|', new TinyTokenizer(Letters).With("normalizer", json).Cut(text)));

    [Theory]
    [InlineData("Whitespace", "a .! b", "a|.!|b")]
    [InlineData("WhitespaceSplit", "a .! b", "a|.!|b")]
    [InlineData("BertPreTokenizer", "a .! b", "a|.|!|b")]
    public void WhiteSpaceSteps_TakeItOut(string type, string text, string expected) =>
        Assert.Equal(expected.Split('|'), Words(".!").With("pre_tokenizer", $$"""{"type": "{{type}}"}""").Cut(text));

    [Theory]
    [InlineData("true", "1|2|a")]
    [InlineData("false", "12|a")]
    public void Digits_AreOneByOneOrTogether(string individual, string expected)
    {
        string digits = $$"""{"type": "Digits", "individual_digits": {{individual}}}""";

        Assert.Equal(expected.Split('|'), Words("12", "12a").With("pre_tokenizer", digits).Cut("12a"));
    }

    [Theory]
    [InlineData("\"prepend_scheme\": \"always\"", "▁a|▁b|<x>|▁c")]
    [InlineData("\"prepend_scheme\": \"first\"", "▁a|▁b|<x>|c")]
    [InlineData("\"prepend_scheme\": \"never\"", "a|▁b|<x>|c")]
    [InlineData("\"add_prefix_space\": false, \"prepend_scheme\": \"never\"", "a|▁b|<x>|c")]
    [InlineData("\"add_prefix_space\": true", "▁a|▁b|<x>|▁c")]
    public void Metaspace_MarksTheText(string scheme, string expected)
    {
        TinyTokenizer tokenizer = Words("▁a", "▁b", "▁c").With("added_tokens", """[{"id": 40, "content": "<x>"}]""")
            .With("pre_tokenizer", $$"""{"type": "Metaspace", "replacement": "▁", {{scheme}}}""");

        Assert.Equal(expected.Split('|'), tokenizer.Cut("a b<x>c"));
    }

    [Fact]
    public void ByteLevelPrefixSpace_IsSetWhereThereIsNone()
    {
        const string ByteLevel = """{"type": "ByteLevel", "add_prefix_space": true, "use_regex": true}""";

        Assert.Equal(["Ġa", "Ġb"], Words("Ġa", "Ġb").With("pre_tokenizer", ByteLevel).Cut("a b"));
        Assert.Equal(["Ġa", "Ġb"], Words("Ġa", "Ġb").With("pre_tokenizer", ByteLevel).Cut(" a b"));
    }

    [Fact]
    public void ByteLevelBeforeAnotherStep_SpellsLettersForIt()
    {
        TinyTokenizer tokenizer = Words("aĠ", "b").With("pre_tokenizer",
            """
            {"type": "Sequence", "pretokenizers": [{"type": "ByteLevel", "add_prefix_space": false, "use_regex": false},
             {"type": "Split", "pattern": {"String": "Ġ"}, "behavior": "MergedWithPrevious", "invert": false}]}
            """);

        Assert.Equal(["aĠ", "b"], tokenizer.Cut("a b"));
    }

    [Theory]
    [InlineData("\"fuse_unk\": true", "a|<unk>|b|<unk>")]
    [InlineData("\"fuse_unk\": false", "a|<unk>|<unk>|b|<unk>")]
    public void UnknownCharacters_AreTheUnknownToken(string fuse, string expected)
    {
        TinyTokenizer tokenizer = new TinyTokenizer("<unk>", "a", "b").WithModel("unk_token", "\"<unk>\"")
            .WithModel("fuse_unk", fuse.Split(' ')[1]);

        Assert.Equal(expected.Split('|'), tokenizer.Cut("axxb𝒜"));
    }

    [Fact]
    public void UnknownCharactersWithoutAnUnknownToken_Vanish() => Assert.Equal(["a", "b"], new TinyTokenizer("a", "b").Cut("axb"));

    [Fact]
    public void ByteFallback_NeedsEveryByteOfTheCharacter()
    {
        TinyTokenizer tokenizer = new TinyTokenizer("<unk>", "<0xC3>", "<0xA9>", "<0xC4>", "a").WithModel("byte_fallback", "true")
            .WithModel("unk_token", "\"<unk>\"");

        Assert.Equal(["<0xC3>", "<0xA9>", "<unk>", "a"], tokenizer.Cut("éĀa"));
    }

    [Fact]
    public void SubwordPrefixAndWordSuffix_TakePartInTheLookUp()
    {
        TinyTokenizer tokenizer = new TinyTokenizer("a", "##b", "##c</w>", "a##b", "ab").WithModel("ignore_merges", "false")
            .WithModel("continuing_subword_prefix", "\"##\"").WithModel("end_of_word_suffix", "\"</w>\"")
            .WithModel("merges", """["a ##b"]""");

        Assert.Equal(["ab", "##c</w>"], tokenizer.Cut("abc"));
    }

    [Theory]
    [InlineData("\"a b\", \"b c\"", "ab|c")]
    [InlineData("\"b c\", \"a b\"", "a|bc")]
    public void Merges_TheEarlierRuleFirst(string merges, string expected)
    {
        TinyTokenizer tokenizer = new TinyTokenizer("a", "b", "c", "ab", "bc", "abc").WithModel("ignore_merges", "false")
            .WithModel("merges", $"[{merges}]");

        Assert.Equal(expected.Split('|'), tokenizer.Cut("abc"));
    }

    [Fact]
    public void PostProcessors_StandAroundOneAnother()
    {
        TinyTokenizer tokenizer = new TinyTokenizer("a", "[", "]", "(", ")").With("post_processor",
            """
            {"type": "Sequence", "processors": [{"type": "RobertaProcessing", "cls": ["[", 1], "sep": ["]", 2]}, {"type": "ByteLevel"},
             {"type": "BertProcessing", "cls": ["(", 3], "sep": [")", 4]}]}
            """);

        Assert.Equal(["(", "[", "a", "]", ")"], tokenizer.Cut("a"));
    }

    private static TinyTokenizer Words(params IEnumerable<string> words) => new([.. Letters, .. words]);

    private static TinyTokenizer Added(string property) => new TinyTokenizer(Letters)
        .With("added_tokens", $$"""[{"id": 20, "content": "<x>"{{(property.Length == 0 ? "" : ", " + property)}}}]""");
}
