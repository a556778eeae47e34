using System.Text;
using Agentic.ModelRuntime;
using BenchmarkDotNet.Attributes;

namespace Agentic.Benchmarks;

/// <summary>Masks of constrained answers over a vocabulary of 152,000 tokens, within a text: where nearly all tokens are allowed.</summary>
[ShortRunJob]
public class MaskBenchmarks
{
    private const int Vocabulary = 152_000;
    private const int Limit = 60;

    private readonly float[] _logits = new float[Vocabulary];
    private TokenTrie _trie = null!;
    private GrammarConstraint _known = null!;
    private int _letter;

    [GlobalSetup]
    public void Fill()
    {
        byte[][] tokens = Tokens();
        _letter = Array.FindIndex(tokens, token => token is [(byte)'a']);
        _trie = new TokenTrie(tokens.Length, id => tokens[id]);
        _known = Text(int.MaxValue);
        _known.Mask(_logits);
    }

    /// <summary>The first mask within a text that a grammar has ever been asked for.</summary>
    [Benchmark]
    public void First() => Text(int.MaxValue).Mask(_logits);

    /// <summary>Twenty tokens of a text of limited length: each leaves another state.</summary>
    [Benchmark(OperationsPerInvoke = 20)]
    public void EachAnother()
    {
        GrammarConstraint rule = Text(Limit);
        for (int i = 0; i < 20; i++)
        {
            rule.Mask(_logits);
            rule.Advance(_letter);
        }
    }

    /// <summary>A mask that is remembered, put over the logits.</summary>
    [Benchmark]
    public void Known() => _known.Mask(_logits);

    /// <summary>A rule that has come to the inside of a quoted text.</summary>
    private GrammarConstraint Text(int most)
    {
        Grammar grammar = new();
        ByteSet quote = ByteSet.Of((byte)'"'), lead = ByteSet.Range(0xc3, 0xdf), tail = ByteSet.Range(0x80, 0xbf);
        Language character = grammar.Choice(
            grammar.Bytes(~(quote | ByteSet.Range(0x80, 0xff) | ByteSet.Range(0, 0x1f))),
            grammar.Sequence(grammar.Bytes(lead), grammar.Bytes(tail)));
        grammar.Start = grammar.Sequence(grammar.Repeat(character, 0, most), grammar.Bytes(quote));
        return new GrammarConstraint(new TokenMasks(grammar, _trie), [0]);
    }

    /// <summary>All bytes, runs of blanks, and words of syllables with what tokenizers put around them.</summary>
    private static byte[][] Tokens()
    {
        string[] syllables =
            ["an", "er", "in", "on", "th", "ing", "tion", "st", "en", "ed", "ou", "al", "is", "re", "co", "de", "ra", "ment", "x", "7", "_", "é", "д"];
        string[] before = ["", " ", "\"", "(", "\n"], after = ["", "", "", "\"", "\",", ":", "s"];
        Random random = new(1);
        HashSet<string> tokens = [.. Enumerable.Range(2, 127).Select(length => new string(' ', length))];
        while (tokens.Count < Vocabulary - 256)
        {
            string word = string.Concat(Enumerable.Range(0, 1 + random.Next(4)).Select(_ => syllables[random.Next(syllables.Length)]));
            tokens.Add(before[random.Next(before.Length)] + word + after[random.Next(after.Length)]);
        }

        return [.. Enumerable.Range(0, 256).Select(value => new[] { (byte)value }), .. tokens.Select(Encoding.UTF8.GetBytes)];
    }
}
