using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed class NextTokensTests
{
    private const int ChunkBits = 6, ChunkLength = 1 << ChunkBits;

    /// <summary>Against what was put into the log, token by token: past the ends of documents, outputs and chunks too.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void TokensBehindOccurrences_AreThoseOfTheLog(int seed)
    {
        Random random = new(seed);
        using SuffixIndex index = new(vocabularySize: 50, ChunkBits);
        List<int> text = [];
        HashSet<int> ends = [];
        while (text.Count < 1000)
        {
            int[] document = [.. Enumerable.Range(0, random.Next(1, 60)).Select(_ => random.Next(50))];
            index.Append(document, 0, 0, continues: false, (TokenKind)random.Next(5));
            text.Add(TokenLog.Separator);
            text.AddRange(document);
            if (random.Next(2) != 0)
                continue;
            index.Log.EndOutput();
            ends.Add(text.Count - 1);
        }

        uint first = index.Log.End - (uint)text.Count;
        NextTokens next = new();
        for (int round = 0; round < 50; round++)
        {
            Occurrences occurrences = new();
            int[] starts = [.. Enumerable.Range(0, random.Next(1, Occurrences.Capacity + 1)).Select(_ => random.Next(1, text.Count))];
            foreach (int start in starts)
                occurrences.AddFollowed(index, first + (uint)start, length: 1, Origin.History);
            next.Begin(occurrences);
            for (int asked = 0; asked < 30; asked++)
            {
                int depth = random.Next(40), which = random.Next(starts.Length);
                ulong set = (1UL << which) | ((ulong)random.NextInt64() & occurrences.All);
                ReadOnlySpan<int> tokens = next.At(depth, set);
                ulong equal = NextTokens.Equal(tokens, tokens[which]);
                for (int i = 0; i < starts.Length; i++)
                {
                    if ((set >> i & 1) == 0)
                        continue;
                    int expected = Expected(starts[i], depth);
                    Assert.Equal(expected, tokens[i]);
                    Assert.Equal(expected == tokens[which], (equal >> i & 1) != 0);
                }
            }
        }

        int Expected(int start, int depth)
        {
            int position = (int)first + start, known = Math.Min(text.Count - start, ChunkLength - (position % ChunkLength));
            if (depth <= known && ends.Contains(start + depth - 1))
                return Occurrence.Ended;
            return depth < known ? text[start + depth] : TokenLog.Separator;
        }
    }
}
