using System.Text.Json;
using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary>Unigram models with byte fallback and a table of characters, against what sentencepiece 0.1.97 gives for tokenizer.model and
/// tokenizers 0.22.2 for tokenizer.json. They normalise, so that texts need not come back as they were.</summary>
public sealed class UnigramGoldenTests
{
    public static TheoryData<string> Names =>
        [.. Directory.GetDirectories(TestFiles.Golden("unigram")).Select(path => Path.GetFileName(path)).Order()];

    [Theory]
    [MemberData(nameof(Names))]
    public void IdsAndTexts_AreTheReferences(string name)
    {
        Tokenizer tokenizer = Tokenizer.Load(TestFiles.Golden("unigram", name));
        TokenizerGoldenTests.GoldenCase[] cases = TokenizerGoldenTests.Read(TestFiles.Golden("unigram", name, "cases.jsonl"));

        Assert.NotEmpty(cases);
        Assert.All(cases, golden =>
        {
            Assert.Equal(golden.Ids, tokenizer.Encode(golden.Text, addSpecialTokens: true));
            Assert.Equal(golden.Decoded, tokenizer.Decode(golden.IdsWithoutSpecial, skipSpecialTokens: false));
        });
    }

    /// <summary>Microsoft.ML.Tokenizers reads tokenizer.model too; of texts whose characters all have tokens it gives the same ids.</summary>
    [Fact]
    public void TextsOfKnownCharacters_HaveTheIdsOfMicrosoftsTokenizer()
    {
        string directory = TestFiles.Golden("unigram", "sentencepiece-unigram");
        Tokenizer tokenizer = Tokenizer.Load(directory);
        using FileStream model = File.OpenRead(Path.Combine(directory, "tokenizer.model"));
        var other = Microsoft.ML.Tokenizers.SentencePieceTokenizer.Create(model, addBeginningOfSentence: false, addEndOfSentence: false);
        TokenizerGoldenTests.GoldenCase[] known = [.. TokenizerGoldenTests.Read(Path.Combine(directory, "cases.jsonl"))
            .Where(golden => golden.Text.All(c => c is >= 'a' and <= 'z' or ' ') && golden.Text.Length > 0
                && !golden.IdsWithoutSpecial.Any(id => tokenizer.Token(id)?.StartsWith('<') != false))];

        Assert.NotEmpty(known);
        Assert.All(known, golden => Assert.Equal(
            other.EncodeToIds(golden.Text, false, false), tokenizer.Encode(golden.Text, addSpecialTokens: false)));
    }

    /// <summary>Bytes changed at random, and the end cut off: refused, or read as some other table; never anything else.</summary>
    [Fact]
    public void DamagedTableOfCharacters_IsRefusedOrHarmless()
    {
        using JsonDocument file = JsonDocument.Parse(File.ReadAllBytes(TestFiles.Golden("unigram", "unigram-json", "tokenizer.json")));
        byte[] table = file.RootElement.GetProperty("normalizer").GetProperty("normalizers")[0]
            .GetProperty("precompiled_charsmap").GetBytesFromBase64();
        Random random = new(5);
        int refused = 0;
        for (int i = 0; i < 300; i++)
        {
            byte[] damaged = table[..(i % 3 == 0 ? random.Next(table.Length) : table.Length)];
            for (int j = 0; j < 20 && damaged.Length > 0; j++)
                damaged[random.Next(i % 2 == 0 ? damaged.Length : Math.Min(8, damaged.Length))] = (byte)random.Next(256);
            try
            {
                new CharacterMap(damaged, byGrapheme: i % 5 == 0).Normalize("ﬁsh\u3000e\u0301 A\0 \uFF21😀\u200B");
            }
            catch (FormatException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 100, 299);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void LongText_TakesTimeByItsLength(string name)
    {
        Tokenizer tokenizer = Tokenizer.Load(TestFiles.Golden("unigram", name));

        int[] ids = tokenizer.Encode(new string('x', 200_000) + "😀", addSpecialTokens: false);

        Assert.InRange(ids.Length, 10_000, 200_010);
        Assert.Equal(["<0xF0>", "<0x9F>", "<0x98>", "<0x80>"], ids[^4..].Select(tokenizer.Token));
    }
}
