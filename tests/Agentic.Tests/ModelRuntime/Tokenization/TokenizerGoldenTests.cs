using System.Text.Json;
using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary>Ids and texts against what the reference libraries give.</summary>
public class TokenizerGoldenTests
{
    public static TheoryData<string> Names =>
        [.. Directory.GetDirectories(TestFiles.Golden("tokenizers")).Select(path => Path.GetFileName(path)).Order()];

    [Theory]
    [MemberData(nameof(Names))]
    public void Encode_GivesTheReferenceIds(string name)
    {
        Tokenizer tokenizer = Load(name);

        Assert.All(Cases(name), golden =>
        {
            Assert.Equal(golden.Ids, tokenizer.Encode(golden.Text, addSpecialTokens: true));
            Assert.Equal(golden.IdsWithoutSpecial, tokenizer.Encode(golden.Text, addSpecialTokens: false));
        });
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Decode_GivesTheReferenceText(string name)
    {
        Tokenizer tokenizer = Load(name);

        Assert.All(Cases(name), golden =>
        {
            Assert.Equal(golden.Decoded, tokenizer.Decode(golden.IdsWithoutSpecial, skipSpecialTokens: false));
            Assert.Equal(golden.DecodedWithoutSpecial, tokenizer.Decode(golden.IdsWithoutSpecial, skipSpecialTokens: true));
        });
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void EncodingFromManyThreads_GivesTheSameIds(string name)
    {
        Tokenizer tokenizer = Load(name);
        GoldenCase[] cases = Cases(name);

        Parallel.For(0, 8, worker =>
        {
            foreach (GoldenCase golden in cases.Skip(worker).Concat(cases.Take(worker)))
                Assert.Equal(golden.Ids, tokenizer.Encode(golden.Text, addSpecialTokens: true));
        });
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void TokenBytes_OfATextWithoutSpecialTokens_AreTheText(string name)
    {
        Tokenizer tokenizer = Load(name);
        bool prefixed = tokenizer.TokenId("▁") is not null;

        foreach (GoldenCase golden in Cases(name).Where(one => !one.IdsWithoutSpecial.Any(tokenizer.IsSpecial) && one.Decoded.Length > 0))
        {
            byte[] bytes = [.. golden.IdsWithoutSpecial.SelectMany(id => tokenizer.TokenBytes(id).ToArray())];
            string expected = prefixed ? " " + golden.Decoded : golden.Decoded;
            Assert.Equal(expected, System.Text.Encoding.UTF8.GetString(bytes));
        }
    }

    internal static Tokenizer Load(string name) => Tokenizer.Load(TestFiles.Golden("tokenizers", name));

    internal static GoldenCase[] Cases(string name) => Read(TestFiles.Golden("tokenizers", name, "cases.jsonl"));

    internal static GoldenCase[] Read(string path) =>
        [.. File.ReadLines(path).Select(line => JsonSerializer.Deserialize<GoldenCase>(line, Options)!)];

    private static JsonSerializerOptions Options { get; } = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    internal sealed record GoldenCase(string Text, int[] Ids, int[] IdsWithoutSpecial, string Decoded, string DecodedWithoutSpecial);
}
