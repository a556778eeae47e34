using Agentic.SuffixCache;

namespace Agentic.Tests;

/// <summary>The index against a scan of everything that was appended.</summary>
public sealed unsafe class SuffixIndexTests
{
    private const int ChunkBits = 8;

    [Theory]
    [InlineData(1, 3, false, false)]
    [InlineData(2, 50, false, false)]
    [InlineData(3, 3, true, false)]
    [InlineData(4, 400, true, false)]
    [InlineData(5, 3, false, true)]
    [InlineData(6, 50, false, true)]
    [InlineData(7, 3, true, true)]
    [InlineData(8, 400, true, true)]
    public void RandomDocuments_FindsWhatAScanFinds(int seed, int vocabulary, bool evicts, bool seals)
    {
        Random random = new(seed);
        using SuffixIndex index = new(vocabulary, ChunkBits);
        NaiveIndex naive = new();
        Occurrences found = new();
        IndexSearch search = new();
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
            if (seals && index.Sealable >= 3 * index.Log.ChunkLength)
                Seal(index, index.HotStart, index.HotStart + (index.Log.ChunkLength * (uint)random.Next(1, 4)));
            if (seals && random.Next(8) == 0 && index.Segments.Length >= 3)
                Seal(index, index.Segments[^3].Start, index.Segments[^1].End);
            if (evicts && index.Log.Chunks > 20)
                index.DropOldest();

            int[] question = [.. sequence[random.Next(sequence.Length)..], .. Text(random, vocabulary, random.Next(3))];
            fixed (int* tokens = question)
            {
                int* end = tokens + question.Length;
                Begin(search, index, end, question.Length);
                List<(uint Position, int Length)> truth = naive.Find(question, index.Log.Start);
                int longer = 0;
                for (int order = ContextHashes.Orders - 1; order >= 0; order--)
                {
                    found.Clear();
                    search.Find(order, found, Origin.History);
                    Assert.All(Enumerable.Range(0, found.Count), i => Assert.Contains((found[i].Position, found[i].Length), truth));
                    Assert.Equal(found.Count, Enumerable.Range(0, found.Count).Select(i => found[i].Position).Distinct().Count());

                    // A segment is in the order of the text before its positions, not of time. Of more matches than are taken it gives the
                    // longest, and among equals any: those that vote then match as well as the ones that do not, two dozen of them,
                    // and to be in the order of time too would take 4 bytes a token. Where fewer match, none may be missing: checked.
                    // Nor are shorter ones than what all that are taken match looked for.
                    bool isOutdone = longer >= Occurrences.Enough;
                    longer += found.Count;
                    if (isOutdone || (seals && found.Count >= SuffixIndex.TakenPerOrder))
                        continue;

                    // The newest few: those behind a long chain may be cut, or hidden by a collision now and then.
                    foreach ((uint position, int length) in truth.Where(t => t.Length >= ContextHashes.Length(order)).Take(4))
                    {
                        if (order + 1 < ContextHashes.Orders && length >= ContextHashes.Length(order + 1))
                            continue;
                        expected++;
                        missed += Enumerable.Range(0, found.Count).Any(i => found[i].Position == position) ? 0 : 1;
                    }
                }
            }
        }

        Assert.Equal(seals, index.Segments.Length > 0);
        Assert.True(expected > 500, $"{expected}");
        Assert.True(missed <= expected / 50, $"{missed} of {expected} missed, seed {seed}");
    }

    [Fact]
    public void OccurrenceEvictedSince_EndsInsteadOfBeingRead()
    {
        using SuffixIndex index = new(vocabularySize: 1000, ChunkBits);
        int[] text = [.. Enumerable.Range(0, 600)];
        index.Append(text, 0, 0, continues: false);
        Occurrences found = Find(index, text.AsSpan(0, 40), order: 3);
        Assert.Equal(40, found[0].Following(0)[0]);

        index.DropOldest();
        found.Refresh(found.All);
        Assert.Equal(TokenLog.Separator, found[0].Following(0)[0]);
    }

    [Fact]
    public void MatchOfThousands_CountsAsTheLongestTold()
    {
        // Longer matches speak for no more than those of 65 tokens do (VoteWeights.LengthBucket), so 128 are compared at most.
        using SuffixIndex index = new(vocabularySize: 10_000, ChunkBits);
        int[] text = [.. Enumerable.Range(0, 5000)];
        index.Append(text, 0, 0, continues: false);
        Occurrences found = Find(index, text.AsSpan(0, 4000), order: 3);
        Assert.Equal(SortedSegment.LongestMatch, found[0].Length);
        Assert.Equal(4000, found[0].Following(0)[0]);
    }

    [Fact]
    public void EightMillionIdVocabulary_KeepsItsTokensApart()
    {
        using SuffixIndex index = new(vocabularySize: 1 << 23, ChunkBits);
        index.Append([7, 1, (1 << 18) + 7, 2, (1 << 22) + 7, 3], 0, 0, continues: false);
        foreach ((int token, int next) in new[] { (7, 1), ((1 << 18) + 7, 2), ((1 << 22) + 7, 3) })
        {
            Occurrences found = Find(index, [token], order: 0);
            Assert.Equal(1, found.Count);
            Assert.Equal(next, found[0].Following(0)[0]);
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

    [Fact]
    public void SealedHistory_TakesAtMost12BytesAToken()
    {
        using SuffixIndex index = new(vocabularySize: 50_000, chunkBits: 12);
        Random random = new(1);
        for (int i = 0; i < 40; i++)
            index.Append(Text(random, 50_000, 5_000), 0, 0, continues: false);
        Seal(index, index.HotStart, index.HotStart + index.Sealable);
        SortedSegment sealedPart = index.Segments[0];
        uint tokens = sealedPart.End - sealedPart.Start;
        Assert.InRange((double)(sealedPart.Bytes + (tokens * sizeof(int))) / tokens, 9, 10);
    }

    [Fact]
    public void SegmentOfWhatIsGone_IsNotInstalled()
    {
        using SuffixIndex index = new(vocabularySize: 1000, ChunkBits);
        index.Append([.. Enumerable.Range(0, 900)], 0, 0, continues: false);
        SortedSegment late = SegmentBuild.Run(index.Log, 0, 2 * index.Log.ChunkLength);
        index.DropOldest();
        Assert.False(index.Install(late));
        Assert.Equal(0, index.Segments.Length);
    }

    [Fact]
    public void SealedAndNot_FindTheSameOfOneText()
    {
        Random random = new(3);
        int[] text = [.. Enumerable.Range(0, 3000).Select(_ => (int)(200 * Math.Pow(random.NextDouble(), 3)))];
        using SuffixIndex chained = new(vocabularySize: 200, ChunkBits), sorted = new(vocabularySize: 200, ChunkBits);
        chained.Append(text, 0, 0, continues: false);
        sorted.Append(text, 0, 0, continues: false);
        Seal(sorted, 0, sorted.Sealable);
        IndexSearch search = new();
        for (int trial = 0; trial < 500; trial++)
        {
            int[] question = [.. Text(random, 200, 3), .. text.AsSpan(random.Next(2400), random.Next(2, 20))];
            List<(uint, int)>[] found = [.. new[] { chained, sorted }.Select(index => Rare(index, search, question, sorted.HotStart))];
            Assert.Equal(found[0], found[1]);
        }
    }

    /// <summary>Of each order what is not so frequent that a part of it is taken.</summary>
    private static List<(uint Position, int Length)> Rare(SuffixIndex index, IndexSearch search, int[] question, uint before)
    {
        List<(uint, int)> all = [];
        fixed (int* tokens = question)
        {
            int* end = tokens + question.Length;
            Begin(search, index, end, question.Length);
            for (int order = ContextHashes.Orders - 1; order > 0; order--)
            {
                Occurrences found = new();
                search.Find(order, found, Origin.History);
                if (found.Count < 12)
                    all.AddRange(Enumerable.Range(0, found.Count).Select(i => (found[i].Position, found[i].Length)).Where(f => f.Item1 < before));
            }
        }

        return all;
    }

    /// <summary>What one order finds.</summary>
    private static Occurrences Find(SuffixIndex index, ReadOnlySpan<int> question, int order)
    {
        Occurrences found = new();
        IndexSearch search = new();
        fixed (int* tokens = question)
        {
            Begin(search, index, tokens + question.Length, question.Length);
            search.Find(order, found, Origin.History);
        }

        return found;
    }

    private static void Begin(IndexSearch search, SuffixIndex index, int* end, int length)
    {
        search.Begin(index, end, length, ContextHashes.Before(end, length));
        MatchCounts counts = default;
        while (search.Advance(ref counts))
        {
        }
    }

    private static void Seal(SuffixIndex index, uint start, uint end) => Assert.True(index.Install(SegmentBuild.Run(index.Log, start, end)));

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
