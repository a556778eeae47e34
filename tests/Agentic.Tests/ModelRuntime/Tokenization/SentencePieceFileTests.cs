using Agentic.ModelRuntime;
using Google.Protobuf;

namespace Agentic.Tests;

/// <summary>tokenizer.model files made for one test, of pieces with scores.</summary>
public class SentencePieceFileTests
{
    private const int Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unigram = 1, BytePair = 2;

    private const string Plain = """{"add_bos_token": false}""";

    private static readonly (string, float, int)[] Pieces =
    [
        ("<unk>", 0, Unknown), ("<s>", 0, Control), ("</s>", 0, Control), ("▁a", -1, Normal), ("ab", -1, Normal), ("▁", -9, Normal),
        ("a", -9, Normal), ("b", -9, Normal), ("<x>", 0, UserDefined),
    ];

    [Theory]
    [InlineData("a", "▁a")]
    [InlineData(" a", "▁ ▁a")]
    [InlineData("ab", "▁a b")] // equal scores: the leftmost pair merges first
    [InlineData("aab", "▁a ab")]
    [InlineData("", "")]
    [InlineData("aééb", "▁a <unk> b")]
    [InlineData("a<x>a", "▁a <x> a")]
    public void BytePairs_MergeByScore(string text, string expected) => Assert.Equal(expected, Cut(Model(BytePair, Pieces), Plain, text));

    [Theory]
    [InlineData("true", "▁a </s> ▁a")]
    [InlineData("false", "▁a </s> a")]
    public void TextBehindASpecialToken_HasAPrefixInTheLegacyWay(string legacy, string expected) =>
        Assert.Equal(expected, Cut(Model(BytePair, Pieces[..^1]), $$"""{"add_bos_token": false, "legacy": {{legacy}}}""", "a</s>a"));

    [Theory]
    [InlineData("{}", "<s> ▁a")]
    [InlineData("""{"add_eos_token": true}""", "<s> ▁a </s>")]
    [InlineData(Plain, "▁a")]
    [InlineData("""{"bos_token": "<s>", "eos_token": "</s>"}""", "<s> ▁a")]
    [InlineData("""{"bos_token": "<s>", "eos_token": "</s>", "add_bos_token": false, "add_eos_token": true}""", "▁a </s>")]
    public void SettingsSay_WhatStandsAroundAText(string settings, string expected) =>
        Assert.Equal(expected, Cut(Model(BytePair, Pieces), settings, "a"));

    [Fact]
    public void ExtraWhiteSpace_IsRemovedWhereTheModelSaysSo() =>
        Assert.Equal("▁a ▁a", Cut(Model(BytePair, Pieces, removesExtraSpaces: true), Plain, "  a   a "));

    [Fact]
    public void AddedTokens_OfTheConfiguration_AreFound()
    {
        const string Settings = """{"add_bos_token": false, "legacy": false, "added_tokens_decoder": {"9": {"content": "<y>"}}}""";

        Assert.Equal("▁a <y> b", Cut(Model(BytePair, Pieces), Settings, "a<y>b"));
    }

    [Fact]
    public void Unigram_TakesTheLikeliestPieces()
    {
        (string, float, int)[] pieces =
        [
            ("<unk>", 0, Unknown), ("<s>", 0, Control), ("</s>", 0, Control), ("▁", -2, Normal), ("a", -3, Normal), ("b", -3, Normal),
            ("▁ab", -3.5f, Normal), ("▁a", -1, Normal), ("ba", -2.5f, Normal),
        ];

        Assert.Equal("▁ab", Cut(Model(Unigram, pieces), Plain, "ab"));       // -3.5 beats ▁a b, -4
        Assert.Equal("▁a ba", Cut(Model(Unigram, pieces), Plain, "aba"));    // -3.5 beats ▁ab a, -6.5
        Assert.Equal("▁a ▁a", Cut(Model(Unigram, pieces), Plain, "a a"));
        Assert.Equal("▁a <unk> ▁ b", Cut(Model(Unigram, pieces), Plain, "aé😀 b"));   // a run of unknown characters is one
    }

    private static string Cut(byte[] file, string settings, string text)
    {
        using TemporaryModel model = new();
        model.Write("tokenizer.model", file);
        model.Write("tokenizer_config.json", settings);
        Tokenizer tokenizer = Tokenizer.Load(model.Path);
        return string.Join(' ', tokenizer.Encode(text, addSpecialTokens: true).Select(id => tokenizer.Token(id)));
    }

    private static byte[] Model(int type, (string Text, float Score, int Kind)[] pieces, bool removesExtraSpaces = false) =>
        Message(model => Write(model, type, pieces, removesExtraSpaces));

    private static void Write(CodedOutputStream model, int type, (string Text, float Score, int Kind)[] pieces, bool removesExtraSpaces)
    {
        foreach ((string text, float score, int kind) in pieces)
        {
            Nested(model, 1, piece =>
            {
                Field(piece, 1, WireFormat.WireType.LengthDelimited).WriteString(text);
                Field(piece, 2, WireFormat.WireType.Fixed32).WriteFloat(score);
                Field(piece, 3, WireFormat.WireType.Varint).WriteEnum(kind);
            });
        }
        Nested(model, 2, trainer =>
        {
            Field(trainer, 3, WireFormat.WireType.Varint).WriteEnum(type);
            Field(trainer, 40, WireFormat.WireType.Varint).WriteInt32(0);
            Field(trainer, 41, WireFormat.WireType.Varint).WriteInt32(1);
            Field(trainer, 42, WireFormat.WireType.Varint).WriteInt32(2);
        });
        Nested(model, 3, normalizer =>
        {
            Field(normalizer, 1, WireFormat.WireType.LengthDelimited).WriteString("identity");
            Field(normalizer, 3, WireFormat.WireType.Varint).WriteBool(true);
            Field(normalizer, 4, WireFormat.WireType.Varint).WriteBool(removesExtraSpaces);
        });
    }

    private static void Nested(CodedOutputStream output, int field, Action<CodedOutputStream> write) =>
        Field(output, field, WireFormat.WireType.LengthDelimited).WriteBytes(ByteString.CopyFrom(Message(write)));

    private static CodedOutputStream Field(CodedOutputStream output, int field, WireFormat.WireType type)
    {
        output.WriteTag(field, type);
        return output;
    }

    private static byte[] Message(Action<CodedOutputStream> write)
    {
        using MemoryStream stream = new();
        using (CodedOutputStream output = new(stream, leaveOpen: true))
            write(output);
        return stream.ToArray();
    }
}
