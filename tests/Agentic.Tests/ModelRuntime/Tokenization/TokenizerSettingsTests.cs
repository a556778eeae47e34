using Agentic.ModelRuntime;

namespace Agentic.Tests;

public class TokenizerSettingsTests
{
    private const string Template = """
        {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
         "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}}
        """;

    [Theory]
    [InlineData(null, null, "<s> a")]
    [InlineData("true", null, "<s> a")]
    [InlineData("false", null, "a")]
    [InlineData(null, "true", "a </s>")]
    [InlineData("true", "true", "<s> a </s>")]
    public void AddBosAndEos_OverrideTheTemplate(string? beginning, string? end, string expected)
    {
        TinyTokenizer tokenizer = new TinyTokenizer("<s>", "</s>", "a").With("post_processor", Template)
            .WithSetting("bos_token", "\"<s>\"").WithSetting("eos_token", """{"content": "</s>", "lstrip": false}""");
        if (beginning is not null)
            tokenizer.WithSetting("add_bos_token", beginning);
        if (end is not null)
            tokenizer.WithSetting("add_eos_token", end);

        Assert.Equal(expected.Split(' '), tokenizer.Cut("a"));
        Assert.Equal([2], tokenizer.Load().Encode("a", addSpecialTokens: false));
    }

    [Fact]
    public void NamedTokens_AreReadFromTextAndFromObjects()
    {
        Tokenizer tokenizer = new TinyTokenizer("<s>", "</s>", "<pad>", "a").WithSetting("bos_token", "\"<s>\"")
            .WithSetting("eos_token", """{"__type": "AddedToken", "content": "</s>"}""").WithSetting("pad_token", "\"<pad>\"")
            .WithSetting("unk_token", "null").Load();

        Assert.Equal(("<s>", "</s>", "<pad>", null),
            (tokenizer.BeginningToken, tokenizer.EndToken, tokenizer.PaddingToken, tokenizer.UnknownToken));
        Assert.Equal((0, 1), (tokenizer.BeginningId, tokenizer.EndId));
        Assert.True(tokenizer.IsSpecial(0) && tokenizer.IsSpecial(1) && tokenizer.IsSpecial(2));
        Assert.False(tokenizer.IsSpecial(3));
        Assert.Equal([3, 1, 3], tokenizer.Encode("a</s>a", addSpecialTokens: false));
    }

    [Fact]
    public void NameThatNoFileGivesAnId_IsNoToken()
    {
        Tokenizer tokenizer = new TinyTokenizer("a").WithSetting("pad_token", "\"[PAD]\"").Load();

        Assert.Equal(1, tokenizer.VocabularySize);
        Assert.Null(tokenizer.TokenId("[PAD]"));
    }

    [Fact]
    public void SpecialTokensMap_FillsInWhatTheConfigurationLeavesOut()
    {
        using TemporaryModel model = new();
        model.Write("tokenizer.json", new TinyTokenizer("<s>", "a").Json.ToJsonString());
        model.Write("special_tokens_map.json", """{"bos_token": {"content": "<s>"}}""");

        Tokenizer tokenizer = Tokenizer.Load(model.Path);

        Assert.Equal("<s>", tokenizer.BeginningToken);
        Assert.True(tokenizer.IsSpecial(0));
    }

    [Fact]
    public void Fingerprint_FollowsTheRulesAndNotTheTemplate()
    {
        string plain = new TinyTokenizer("a", "b").Load().Fingerprint;

        Assert.Equal(plain, new TinyTokenizer("a", "b").WithSetting("chat_template", "\"x\"").Load().Fingerprint);
        Assert.NotEqual(plain, new TinyTokenizer("b", "a").Load().Fingerprint);
        Assert.NotEqual(plain, new TinyTokenizer("a", "b").WithSetting("add_bos_token", "true").Load().Fingerprint);
        Assert.NotEqual(plain, new TinyTokenizer("a", "b").WithSetting("bos_token", "\"a\"").Load().Fingerprint);
    }

    [Theory]
    [InlineData("false", "a . b")]
    [InlineData("true", "a. b")]
    public void CleanUp_NeedsTheSecondSettingForBytePairs(string spoils, string expected)
    {
        Tokenizer tokenizer = new TinyTokenizer("a", "b", ".").WithSetting("clean_up_tokenization_spaces", "true")
            .WithSetting("clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output", spoils).Load();

        Assert.Equal(expected, tokenizer.Decode([0, 2, 1], skipSpecialTokens: false));
    }
}
