using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed class DraftBatchTests
{
    private const int Vocabulary = 40;
    private static readonly NamespaceKey[] Keys =
        [.. Enumerable.Range(0, 2).Select(i => NamespaceKey.Derive("secret"u8, $"tenant {i}", "model", "tokenizer"))];

    [Fact]
    public void Batch_DraftsWhatEachSessionDraftsAlone()
    {
        Random random = new(1);
        using SuffixHistory history = new(Vocabulary, byteBudget: 4 << 20, chunkBits: 8);
        for (int i = 0; i < 100; i++)
            history.BeginSession(Keys[0], Text(random, parity: 0, 200)).Dispose();
        SuffixSession[] sessions = [.. Enumerable.Range(0, 64).Select(_ => history.BeginSession(Keys[0], Text(random, parity: 0, 50)))];
        DraftBatch batch = new();
        Continuation alone = new(32);
        for (int round = 0; round < 50; round++)
        {
            Continuation[] drafts = [.. sessions.Select(_ => new Continuation(32))];
            for (int i = 0; i < sessions.Length; i++)
                batch.Add(sessions[i], 32, 16, drafts[i]);
            batch.Run();
            Assert.Equal(0, batch.Count);
            for (int i = 0; i < sessions.Length; i++)
            {
                sessions[i].Draft(32, 16, alone);
                Assert.Equal(alone.TokenIds, drafts[i].TokenIds);
                Assert.Equal(alone.Parents, drafts[i].Parents);
                Assert.Equal(alone.Probabilities, drafts[i].Probabilities);
            }

            foreach (SuffixSession session in sessions)
                session.Append(Text(random, parity: 0, 2));
        }

        foreach (SuffixSession session in sessions)
            session.Dispose();
    }

    [Fact]
    public void EndedSessionInABatch_IsTold()
    {
        using SuffixHistory history = new(Vocabulary, byteBudget: 4 << 20, chunkBits: 8);
        SuffixSession ended = history.BeginSession(Keys[0], [1, 2, 3]);
        ended.Dispose();
        DraftBatch batch = new();
        batch.Add(ended, 8, 8, new Continuation(8));
        Assert.Throws<ObjectDisposedException>(batch.Run);
    }

    /// <summary>Memory of one namespace becomes another's while threads draft: a draft that read freed memory would show foreign tokens.
    /// Even tokens are the first one's, odd ones the second's.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task DraftsWhileTheWriterAppendsSealsAndEvicts_AreOfTheirNamespaceAndWellFormed(int seed)
    {
        const int Threads = 3, PerGroup = 12, Phases = 40;
        Random random = new(seed);
        using SuffixHistory history = new(Vocabulary, byteBudget: 300_000, chunkBits: 8);
        (SuffixSession Session, int Parity)[][] groups = [Group(), Group()];
        long drafted = 0, sealings = 0, evicted = 0;
        for (int phase = 0; phase < Phases; phase++)
        {
            (SuffixSession Session, int Parity)[] still = groups[phase % 2], moving = groups[1 - (phase % 2)];
            int running = Threads;
            Task[] readers = [.. Enumerable.Range(0, Threads).Select(thread => Task.Run(() =>
            {
                Continuation draft = new(32);
                for (int round = 0; round < 100; round++)
                {
                    for (int i = thread; i < still.Length; i += Threads)
                    {
                        still[i].Session.Draft(32, 16, draft);
                        Check(draft, still[i].Parity);
                        Interlocked.Add(ref drafted, draft.Count);
                    }
                }

                Interlocked.Decrement(ref running);
            }))];

            // The writer: as long as the readers read.
            while (Volatile.Read(ref running) > 0)
            {
                int at = random.Next(PerGroup);
                (SuffixSession session, int parity) = moving[at];
                session.Append(Text(random, parity, random.Next(1, 20)));
                if (random.Next(4) == 0)
                {
                    session.Dispose();
                    moving[at] = Begin(at % 2);
                }

                history.Load(Keys[at % 2], Text(random, at % 2, random.Next(1, 600)));
                history.IndexLoaded(1000);
                if (random.Next(100) != 0)
                    continue;
                history.Settle();
                sealings += history.Segments;
            }

            await Task.WhenAll(readers);
            evicted = history.Statistics.EvictedTokens;
            foreach ((SuffixSession session, int parity) in still)
                session.Append(Text(random, parity, 3));
        }

        Assert.True(drafted > 10_000, $"{drafted} drafted");
        Assert.True(sealings > 0, "nothing was sealed");
        Assert.True(evicted > 10_000, $"{evicted} evicted");
        foreach ((SuffixSession session, _) in groups.SelectMany(group => group))
            session.Dispose();

        (SuffixSession, int)[] Group() => [.. Enumerable.Range(0, PerGroup).Select(i => Begin(i % 2))];
        (SuffixSession, int) Begin(int parity) => (history.BeginSession(Keys[parity], Text(random, parity, random.Next(10, 80))), parity);
    }

    private static void Check(Continuation draft, int parity)
    {
        for (int i = 0; i < draft.Count; i++)
        {
            int token = draft.TokenIds[i], parent = draft.Parents[i];
            Assert.InRange(token, 0, Vocabulary - 1);
            Assert.Equal(parity, token % 2);
            Assert.InRange(parent, -1, i - 1);
            Assert.InRange(draft.Probabilities[i], 0, parent < 0 ? 1 : draft.Probabilities[parent]);
        }
    }

    private static int[] Text(Random random, int parity, int length) =>
        [.. Enumerable.Range(0, length).Select(_ => (2 * (int)(Vocabulary / 2 * Math.Pow(random.NextDouble(), 2))) + parity)];
}
