using System.Text;
using Agentic.ModelRuntime;
using Agentic.Proxy;

namespace Agentic.Tests;

/// <summary>Writes what a constraint lets a model write that knows nothing: any allowed token, as a generator of numbers falls.</summary>
internal static class GrammarWalk
{
    /// <summary>The text, or null if it had no end after so many tokens.</summary>
    public static string? Text(ITokenConstraint rule, FakeCodec codec, Random random, int maxTokens = 3000, double ends = 0.3)
    {
        List<byte> written = [];
        float[] logits = new float[codec.VocabularySize + 5];
        for (int i = 0; i < maxTokens; i++)
        {
            Array.Clear(logits);
            rule.Mask(logits);
            int[] allowed = [.. Enumerable.Range(0, logits.Length).Where(id => logits[id] == 0)];
            Assert.True(allowed.Length > 0, $"Nothing may follow {Encoding.UTF8.GetString([.. written])}");
            Assert.True(rule.Allows(allowed[random.Next(allowed.Length)]));
            bool mayEnd = allowed.Contains(FakeCodec.End);
            if (allowed.Length == 1 ? mayEnd : mayEnd && random.NextDouble() < ends)
                return Encoding.UTF8.GetString([.. written]);
            // What closes something is drawn more often than its share, or nothing would end.
            int[] closing = [.. allowed.Where(id => id is '"' or '}' or ']')];
            int[] from = closing.Length > 0 && random.NextDouble() < 0.2 ? closing : [.. allowed.Where(id => id != FakeCodec.End)];
            int token = from[random.Next(from.Length)];
            written.AddRange(codec.TokenBytes(token));
            rule.Advance(token);
        }

        return null;
    }

    /// <summary>A constraint of one schema.</summary>
    public static GrammarConstraint Of(FakeCodec codec, Func<JsonGrammar, Language> language)
    {
        Grammar grammar = new();
        grammar.Start = language(new JsonGrammar(grammar));
        TokenTrie trie = new(codec.VocabularySize, id => codec.IsSpecial(id) ? [] : codec.TokenBytes(id).ToArray());
        return new GrammarConstraint(new TokenMasks(grammar, trie), [FakeCodec.End]);
    }
}
