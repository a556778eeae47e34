using Agentic.ModelRuntime;
using CsCheck;

namespace Agentic.Tests;

public class BytePairModelTests
{
    [Fact]
    public void AnyMerges_GiveWhatScanningForTheLowestRankGives()
    {
        Gen<string[]> merges = Gen.Char['a', 'd'].Array[2, 4].Select(letters => new string(letters)).Array[1, 30];
        Gen.Select(merges, Gen.Char['a', 'd'].Array[1, 150].Select(letters => new string(letters)), Gen.Bool).Sample((wanted, word, tied) =>
        {
            (Vocabulary vocabulary, Dictionary<long, Merge> rules) = Train(wanted, tied);
            BytePairModel model = new(vocabulary, rules, new BytePairOptions());
            List<int> ids = [];

            model.Encode(word, ids);

            Assert.Equal(Naive(vocabulary, rules, word), ids);
        });
    }

    [Fact]
    public void TextCutAtMarks_MergesAsTheWholeDoes()
    {
        string[] tokens = ["▁", "a", "b", "▁▁", "▁a", "▁▁a", "ab", "▁ab"];
        Vocabulary vocabulary = new();
        foreach (string token in tokens)
            vocabulary.Add(token, vocabulary.Size);
        Dictionary<long, Merge> rules = [];
        foreach (string token in tokens.Where(token => token.Length > 1))
            AddRules(vocabulary, rules, token, rules.Count);

        Gen.Int[0, 2].Select(i => "▁ab"[i]).Array[0, 60].Select(letters => new string(letters)).Sample(text =>
        {
            List<int> ids = [];
            new BytePairModel(vocabulary, rules, new BytePairOptions()).Encode(text, ids);

            Assert.Equal(Naive(vocabulary, rules, text), ids);
        });
    }

    private static (Vocabulary, Dictionary<long, Merge>) Train(string[] wanted, bool tied)
    {
        Vocabulary vocabulary = new();
        Dictionary<long, Merge> rules = [];
        foreach (char letter in "abcd")
            vocabulary.Add(letter.ToString(), vocabulary.Size);
        foreach (string token in wanted.Where(token => vocabulary.Find(token) is null))
        {
            vocabulary.Add(token, vocabulary.Size);
            AddRules(vocabulary, rules, token, tied ? vocabulary.Size / 3 : vocabulary.Size);
        }
        return (vocabulary, rules);
    }

    private static void AddRules(Vocabulary vocabulary, Dictionary<long, Merge> rules, string token, int rank)
    {
        for (int cut = 1; cut < token.Length; cut++)
        {
            if (vocabulary.Find(token.AsSpan(0, cut)) is int left && vocabulary.Find(token.AsSpan(cut)) is int right)
                rules[BytePairModel.Pair(left, right)] = new Merge(rank, vocabulary.Find(token)!.Value);
        }
    }

    private static List<int> Naive(Vocabulary vocabulary, Dictionary<long, Merge> rules, string word)
    {
        List<int> symbols = [.. word.Select(letter => vocabulary.Find([letter])!.Value)];
        while (true)
        {
            (int At, Merge Merge)[] possible = [.. Enumerable.Range(0, Math.Max(0, symbols.Count - 1))
                .Where(i => rules.ContainsKey(BytePairModel.Pair(symbols[i], symbols[i + 1])))
                .Select(i => (i, rules[BytePairModel.Pair(symbols[i], symbols[i + 1])]))];
            if (possible.Length == 0)
                return symbols;
            (int at, Merge merge) = possible.MinBy(pair => (pair.Merge.Rank, pair.At));
            symbols[at] = merge.Id;
            symbols.RemoveAt(at + 1);
        }
    }
}
