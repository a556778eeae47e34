using Agentic.ModelRuntime;

namespace Agentic.Tests;

public class TokenizerLoadTests
{
    [Fact]
    public void DirectoryWithoutATokenizer_IsNamedWithWhatWasLookedFor()
    {
        using TemporaryModel model = new();

        ModelLoadException error = Assert.Throws<ModelLoadException>(() => Tokenizer.Load(model.Path));

        Assert.Contains(model.Path, error.Message, StringComparison.Ordinal);
        Assert.Contains("tokenizer.json", error.Message, StringComparison.Ordinal);
        Assert.Contains("tokenizer.model", error.Message, StringComparison.Ordinal);
        AssertOneLine(error);
    }

    [Theory]
    [InlineData("tokenizer.json")]
    [InlineData("tokenizer_config.json")]
    public void TruncatedJson_IsALoadErrorThatNamesTheFile(string file)
    {
        byte[] whole = File.ReadAllBytes(TestFiles.Golden("tokenizers", "llama3", file));
        for (int length = 0; length < whole.Length - 1; length += Math.Max(1, whole.Length / 40))
        {
            using TemporaryModel model = new();
            model.Write("tokenizer.json", File.ReadAllBytes(TestFiles.Golden("tokenizers", "llama3", "tokenizer.json")));
            model.Write(file, whole[..length]);

            ModelLoadException error = Assert.Throws<ModelLoadException>(() => Tokenizer.Load(model.Path));

            Assert.Contains(file, error.Message, StringComparison.Ordinal);
            AssertOneLine(error);
        }
    }

    [Theory]
    [InlineData("sentencepiece-bpe", 2)]
    [InlineData("sentencepiece-bpe", 1)]
    public void DamagedSentencePieceModel_IsALoadErrorOrLoads(string name, byte type)
    {
        byte[] whole = File.ReadAllBytes(TestFiles.Golden("tokenizers", name, "tokenizer.model"));
        int trainer = whole.AsSpan().LastIndexOf([(byte)0x18, (byte)2, (byte)0x20]); // model_type: BPE, then the vocabulary's size
        Assert.True(trainer > 0);
        whole[trainer + 1] = type;
        Random random = new(7);
        int refused = 0;
        for (int turn = 0; turn < 150; turn++)
        {
            byte[] damaged = turn % 2 == 0 ? whole[..random.Next(whole.Length)] : [.. whole];
            for (int flips = turn % 2 * 8; flips > 0; flips--)
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            using TemporaryModel model = new();
            model.Write("tokenizer.model", damaged);
            try
            {
                Tokenizer.Load(model.Path).Encode("Hello, <s> wörld 🙂", addSpecialTokens: true);
            }
            catch (ModelLoadException error)
            {
                AssertOneLine(error);
                refused++;
            }
        }
        Assert.True(refused > 30, $"{refused} of 150 were refused.");
    }

    [Theory]
    [InlineData("merges", """["a b"]""", "ab")]
    [InlineData("merges", """[["a", "x"]]""", "x")]
    [InlineData("merges", """["a"]""", "a")]
    [InlineData("merges", """[["a", "b", "c"]]""", "two tokens")]
    [InlineData("vocab", """{"a": -1}""", "-1")]
    [InlineData("vocab", """{"a": 2000000000}""", "2000000000")]
    [InlineData("vocab", """{"a": "b"}""", "tokenizer.json")]
    [InlineData("vocab", """[["a", 0.5]]""", "tokenizer.json")]
    [InlineData("type", "\"WordPiece\"", "WordPiece")]
    public void DamagedModel_IsALoadErrorThatSaysWhat(string part, string json, string says)
    {
        TinyTokenizer tokenizer = new TinyTokenizer("a", "b").WithModel(part, json);

        ModelLoadException error = Assert.Throws<ModelLoadException>(tokenizer.Load);

        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        AssertOneLine(error);
    }

    [Theory]
    [InlineData("normalizer", """{"type": "Rot13"}""", "Rot13")]
    [InlineData("pre_tokenizer", """{"type": "Chop"}""", "Chop")]
    [InlineData("pre_tokenizer", """{"type": "Split", "pattern": {"Regex": "(a"}, "behavior": "Isolated", "invert": false}""", "(a")]
    [InlineData("pre_tokenizer", """{"type": "Split", "pattern": {"Regex": "a"}, "behavior": "Sideways", "invert": false}""", "Sideways")]
    [InlineData("pre_tokenizer", """{"type": "Split", "pattern": {"Regex": "\\p{Klingon}"}, "behavior": "Isolated"}""", "Klingon")]
    [InlineData("post_processor", """{"type": "Staple"}""", "Staple")]
    [InlineData("decoder", """{"type": "CTC"}""", "CTC")]
    [InlineData("decoder", """{"decoders": []}""", "tokenizer.json")]
    [InlineData("added_tokens", """[{"id": -3, "content": "<x>"}]""", "-3")]
    [InlineData("added_tokens", """[{"content": "<x>"}]""", "tokenizer.json")]
    public void UnknownOrDamagedStep_IsALoadErrorThatSaysWhat(string part, string json, string says)
    {
        TinyTokenizer tokenizer = new TinyTokenizer("a", "b").With(part, json);

        ModelLoadException error = Assert.Throws<ModelLoadException>(tokenizer.Load);

        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        AssertOneLine(error);
    }

    private static void AssertOneLine(ModelLoadException error) => Assert.DoesNotContain('\n', error.Message);
}
