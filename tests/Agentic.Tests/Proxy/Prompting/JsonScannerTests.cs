using System.Text.Json;
using Agentic.Proxy;
using CsCheck;

namespace Agentic.Tests;

public sealed class JsonScannerTests
{
    [Theory]
    [InlineData("""{"a":[1,-2.5e+3,true,false,null,"x\n\u00e9\\"],"b":{}}""", true)]
    [InlineData("""[]""", true)]
    [InlineData(""" "text" """, true)]
    [InlineData("""{"a":01}""", false)]
    [InlineData("""{"a" 1}""", false)]
    [InlineData("""{a:1}""", false)]
    [InlineData("""[1,]""", false)]
    [InlineData("""{"a":1,}""", false)]
    [InlineData("""{"a":tru}""", false)]
    [InlineData("""{"a":"\x"}""", false)]
    [InlineData("{\"a\":\"\n\"}", false)]
    [InlineData("""{"a":1]""", false)]
    [InlineData("""{"a":1}}""", false)]
    [InlineData("""{"a":1""", false)]
    [InlineData(""":""", false)]
    public void Text_IsJudgedAsJson(string text, bool isJson)
    {
        Assert.Equal(isJson, Scan(text));
        Assert.Equal(isJson, Parses(text));
    }

    [Fact]
    public void RandomTexts_AreJudgedAsTheParserJudgesThem()
    {
        string[] pieces =
        [
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"\\u00", "e9\"", "1", "-", "0", ".5", "e+", "true", "nul", "l", " ", "\n", "\"", "\\",
        ];
        Gen<string> piece = Gen.Int[0, pieces.Length - 1].Select(i => pieces[i]);
        piece.Array[1, 12].Select(string.Concat).Sample(
            text => Assert.Equal(Parses("[" + text + "]"), Scan("[" + text + "]")), iter: 20_000);
    }

    private static bool Scan(string text)
    {
        JsonScanner scanner = new();
        return text.All(scanner.Push) && scanner.IsComplete;
    }

    private static bool Parses(string text)
    {
        try
        {
            JsonDocument.Parse(text).Dispose();
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
