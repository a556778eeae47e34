using System.Text;
using Agentic.ModelRuntime;
using CsCheck;

namespace Agentic.Tests;

public class StreamingDecoderTests
{
    [Theory]
    [MemberData(nameof(TokenizerGoldenTests.Names), MemberType = typeof(TokenizerGoldenTests))]
    public void AnyIds_StreamToWhatDecodeGives(string name)
    {
        Tokenizer tokenizer = TokenizerGoldenTests.Load(name);

        Gen.Int[-1, tokenizer.VocabularySize + 1].Array[0, 40].Select(Gen.Bool).Sample((ids, skip) =>
        {
            List<string> parts = Stream(tokenizer, ids, skip);

            Assert.Equal(tokenizer.Decode(ids, skip), string.Concat(parts));
            Assert.All(parts, AssertWholeCharacters);
        });
    }

    [Theory]
    [MemberData(nameof(TokenizerGoldenTests.Names), MemberType = typeof(TokenizerGoldenTests))]
    public void EncodedText_NeverShowsAReplacementCharacter(string name)
    {
        Tokenizer tokenizer = TokenizerGoldenTests.Load(name);

        foreach (TokenizerGoldenTests.GoldenCase golden in TokenizerGoldenTests.Cases(name).Where(one => !one.Text.Contains('\uFFFD')))
        {
            List<string> parts = Stream(tokenizer, golden.Ids, skip: true);

            Assert.Equal(golden.DecodedWithoutSpecial, string.Concat(parts));
            Assert.DoesNotContain(parts, part => part.Contains('\uFFFD'));
        }
    }

    [Fact]
    public void ByteLevelCharacterOverSeveralTokens_ComesWithTheLast()
    {
        Tokenizer tokenizer = TokenizerGoldenTests.Load("qwen2");
        int[] ids = tokenizer.Encode("🙂", addSpecialTokens: false);
        Assert.True(ids.Length > 1);

        List<string> parts = Stream(tokenizer, ids, skip: false);

        Assert.Equal([.. Enumerable.Repeat("", ids.Length - 1), "🙂", ""], parts);
    }

    [Fact]
    public void InvalidBytes_OfTheByteLevel_AreOneReplacementEach()
    {
        Tokenizer tokenizer = TokenizerGoldenTests.Load("qwen2");
        int[] ids = [.. new byte[] { 0xFF, 0x41, 0xE2, 0x82, 0x42, 0xF0 }.Select(value => ByteToken(tokenizer, value))];

        Assert.Equal("\uFFFDA\uFFFDB\uFFFD", tokenizer.Decode(ids, skipSpecialTokens: true));
    }

    [Fact]
    public void RunOfByteTokensWithOneWrong_IsAReplacementForEachByte()
    {
        Tokenizer tokenizer = TokenizerGoldenTests.Load("sentencepiece-json");
        int[] run = [.. new byte[] { 0xC3, 0xA9, 0xFF }.Select(value => tokenizer.TokenId($"<0x{value:X2}>")!.Value)];

        Assert.Equal("\uFFFD\uFFFD\uFFFD", tokenizer.Decode(run, skipSpecialTokens: true));
        Assert.Equal("é", tokenizer.Decode(run.AsSpan(0, 2), skipSpecialTokens: true));
    }

    [Fact]
    public void Flush_BeginsAnotherText()
    {
        Tokenizer tokenizer = TokenizerGoldenTests.Load("sentencepiece-json");
        int[] ids = tokenizer.Encode("a b", addSpecialTokens: false);
        StreamingDecoder decoder = new(tokenizer, skipSpecialTokens: true);

        string first = string.Concat(ids.Select(decoder.Append)) + decoder.Flush();
        string second = string.Concat(ids.Select(decoder.Append)) + decoder.Flush();

        Assert.Equal("a b", first);
        Assert.Equal(first, second);
    }

    private static List<string> Stream(Tokenizer tokenizer, int[] ids, bool skip)
    {
        StreamingDecoder decoder = new(tokenizer, skip);
        return [.. ids.Select(decoder.Append), decoder.Flush()];
    }

    private static void AssertWholeCharacters(string text) => Assert.Equal(text, Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)));

    private static int ByteToken(Tokenizer tokenizer, byte value) =>
        Enumerable.Range(0, tokenizer.VocabularySize).First(id => tokenizer.TokenBytes(id).SequenceEqual([value]));
}
