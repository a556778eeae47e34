using System.Text;
using System.Text.Json.Nodes;
using Agentic.ModelRuntime;
using Agentic.Proxy;
using CsCheck;

namespace Agentic.Tests;

public sealed class TokenMasksTests
{
    /// <summary>Tokens of one byte, and such as tokenizers make: words, quotes with what comes after them, halves of characters.</summary>
    private static readonly byte[][] Vocabulary =
    [
        .. Enumerable.Range(0, 256).Select(value => new[] { (byte)value }),
        .. ((string[])[
            "\":", "\": \"", "\",", "\", \"", "{\"", "\"}", "\"}]", "}}", "},", "[{\"", "[]", "{}", "  ", "    ", "\n  ", "\\n", "\\\"", "\\u00", "ab",
            "abc", "aa", "bb", " the", "é", "😀é", "1.", "12", "-1", "0,", "e1", "true", "null", "nul", "a\"", "ab\",\"", "a\"}", "p\"", "k\":"])
            .Select(Encoding.UTF8.GetBytes), [0xc3, 0xa9, (byte)'a'], [0xf0, 0x9f], [0x98, 0x80, (byte)'"'],
    ];

    /// <summary>However a mask is put together and remembered, it says of each token what following its bytes says.</summary>
    [Fact]
    public void Mask_SaysOfEachTokenWhatItsBytesSay() => Gen.Int[0, int.MaxValue].Sample(seed =>
    {
        Random random = new(seed);
        (JsonNode schema, _) = random.Next(3) > 0 ? SchemaSamples.Random(random) : (JsonNode.Parse(Texts[random.Next(Texts.Length)])!, null!);
        Grammar grammar = new();
        grammar.Start = SchemaCompiler.Compile(new JsonGrammar(grammar), schema);
        TokenTrie trie = new(Vocabulary.Length + 1, id => id < Vocabulary.Length ? Vocabulary[id] : []);
        TokenMasks masks = new(grammar, trie);
        for (int text = 0; text < 2; text++)
        {
            GrammarConstraint rule = new(masks, [Vocabulary.Length]);
            float[] logits = new float[Vocabulary.Length + 1];
            for (int step = 0; step < 25; step++)
            {
                Array.Clear(logits);
                rule.Mask(logits);
                int[] allowed = [.. Enumerable.Range(0, Vocabulary.Length).Where(id => logits[id] == 0)];
                Assert.Equal(Enumerable.Range(0, Vocabulary.Length).Where(rule.Allows), allowed);
                Assert.Equal(rule.IsComplete, logits[^1] == 0);
                if (allowed.Length == 0)
                    break;
                rule.Advance(allowed[random.Next(allowed.Length)]);
            }
        }
    }, iter: 60);

    private static readonly string[] Texts =
    [
        """{"type":"string","maxLength":30}""",
        """{"type":"string","minLength":3,"maxLength":400}""",
        """{"type":"string","pattern":"^[a-c ]{2,40}$"}""",
        """{"type":"string","pattern":"ab+c","maxLength":25}""",
        """{"type":"array","items":{"type":"string","pattern":"^[^x]*$"}}""",
        """{"type":"object","additionalProperties":{"type":"string"}}""",
        """{"type":"object","properties":{"ab":{"type":"string"},"k":{"type":"array","items":{"type":"string"}}},"additionalProperties":true}""",
    ];
}
