using Agentic.SuffixCache;

namespace Agentic.Tests;

/// <summary>The index against a scan of everything that was appended.</summary>
public sealed unsafe class SuffixIndexTests
{
    private const int ChunkBits = 8;

    [Theory]
    [InlineData(1, 3, false)]
    [InlineData(2, 50, false)]
    [InlineData(3, 3, true)]
    [InlineData(4, 400, true)]
    public void RandomDocuments_FindsWhatAScanFinds(int seed, int vocabulary, bool evicts)
    {
        Random random = new(seed);
        using SuffixIndex index = new(vocabulary, ChunkBits);
        NaiveIndex naive = new();
        Occurrences found = new();
        int[] sequence = [];
        int expected = 0, missed = 0;
        for (int round = 0; round < 400; round++)
        {
            bool continues = sequence.Length > 0 && random.Next(3) == 0;
            int start = continues ? sequence.Length : random.Next(sequence.Length + 1);
            int context = continues ? 0 : Math.Min(start, random.Next(40));
            sequence = [.. sequence[..start], .. Text(random, vocabulary, random.Next(1, 60))];
            uint first = index.Append(sequence, start, context, continues);
            naive.Append(first, sequence, start, context, continues);
            if (evicts && index.Log.Chunks > 6)
                index.DropOldestChunk();

            int[] question = [.. sequence[random.Next(sequence.Length)..], .. Text(random, vocabulary, random.Next(3))];
            fixed (int* tokens = question)
            {
                int* end = tokens + question.Length;
                ContextHashes hashes = ContextHashes.Before(end, question.Length);
                for (int order = 0; order < ContextHashes.Orders; order++)
                {
                    found.Clear();
                    index.Find(order, end, question.Length, hashes, found, Origin.History);
                    List<(uint Position, int Length)> truth = naive.Find(question, index.Log.Start);
                    Assert.All(Enumerable.Range(0, found.Count), i => Assert.Contains((found.Position(i), found.Length(i)), truth));
                    Assert.Equal(found.Count, Enumerable.Range(0, found.Count).Select(found.Position).Distinct().Count());

                    // The newest few: those behind a long chain may be cut, or hidden by a collision now and then.
                    foreach ((uint position, int length) in truth.Where(t => t.Length >= ContextHashes.Length(order)).Take(4))
                    {
                        if (order + 1 < ContextHashes.Orders && length >= ContextHashes.Length(order + 1))
                            continue;
                        expected++;
                        missed += Enumerable.Range(0, found.Count).Any(i => found.Position(i) == position) ? 0 : 1;
                    }
                }
            }
        }

        Assert.True(expected > 500, $"{expected}");
        Assert.True(missed <= expected / 50, $"{missed} of {expected} missed, seed {seed}");
    }

    [Fact]
    public void OccurrenceEvictedSince_EndsInsteadOfBeingRead()
    {
        using SuffixIndex index = new(vocabularySize: 1000, ChunkBits);
        int[] text = [.. Enumerable.Range(0, 600)];
        index.Append(text, 0, 0, continues: false);
        Occurrences found = new();
        fixed (int* tokens = text)
            index.Find(3, tokens + 40, 40, ContextHashes.Before(tokens + 40, 40), found, Origin.History);
        Assert.Equal(40, found.Following(0, 0));

        index.DropOldestChunk();
        found.Refresh();
        Assert.Equal(TokenLog.Separator, found.Following(0, 0));
    }

    [Fact]
    public void MatchOfThousands_IsMeasuredWhole()
    {
        using SuffixIndex index = new(vocabularySize: 10_000, ChunkBits);
        int[] text = [.. Enumerable.Range(0, 5000)];
        index.Append(text, 0, 0, continues: false);
        Occurrences found = new();
        fixed (int* tokens = text)
            index.Find(3, tokens + 4000, 4000, ContextHashes.Before(tokens + 4000, 4000), found, Origin.History);
        Assert.Equal(4000, found.Length(0));
        Assert.Equal(4000, found.Following(0, 0));
    }

    [Fact]
    public void EightMillionIdVocabulary_KeepsItsTokensApart()
    {
        using SuffixIndex index = new(vocabularySize: 1 << 23, ChunkBits);
        index.Append([7, 1, (1 << 18) + 7, 2, (1 << 22) + 7, 3], 0, 0, continues: false);
        foreach ((int token, int next) in new[] { (7, 1), ((1 << 18) + 7, 2), ((1 << 22) + 7, 3) })
        {
            Occurrences found = new();
            index.Find(0, &token + 1, 1, ContextHashes.Before(&token + 1, 1), found, Origin.History);
            Assert.Equal(1, found.Count);
            Assert.Equal(next, found.Following(0, 0));
        }
    }

    [Fact]
    public void LongHistory_TakesAtMost32BytesAToken()
    {
        using SuffixIndex index = new(vocabularySize: 50_000);
        Random random = new(1);
        for (int i = 0; i < 40; i++)
            index.Append(Text(random, 50_000, 50_000), 0, 0, continues: false);
        Assert.InRange((double)index.Bytes / index.Log.Count, 20, 32.5);
    }

    private static int[] Text(Random random, int vocabulary, int length) =>
        [.. Enumerable.Range(0, length).Select(_ => random.Next(vocabulary))];

    /// <summary>Every token and where it lies; a question is answered by looking at all of them.</summary>
    private sealed class NaiveIndex
    {
        private readonly Dictionary<uint, int> _log = [];
        private readonly SortedSet<uint> _indexed = [];

        public void Append(uint first, int[] sequence, int start, int context, bool continues)
        {
            for (int i = start - context; i < sequence.Length; i++)
            {
                _log[first + (uint)(i - start)] = sequence[i];
                if (i >= Math.Max(start, 1))
                    _indexed.Add(first + (uint)(i - start));
            }

            if (!continues)
                _log[first - (uint)context - 1] = TokenLog.Separator;
        }

        /// <summary>Newest first.</summary>
        public List<(uint Position, int Length)> Find(int[] question, uint from)
        {
            List<(uint, int)> found = [];
            foreach (uint position in _indexed.Reverse())
            {
                int length = 0;
                while (length < question.Length && position - (uint)length > from && At(length) == question[^(length + 1)])
                    length++;
                int At(int back) => _log[position - (uint)back - 1];
                if (length > 0 && position >= from)
                    found.Add((position, length));
            }

            return found;
        }
    }
}
