using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed class SuffixHistoryTests : HistoryTesting
{
    [Fact]
    public void TextWrittenBefore_IsDraftedWhole()
    {
        using SuffixHistory history = new(Vocabulary, Budget);
        int[] prompt = Text(seed: 1, 50), output = Text(seed: 2, 40);
        Write(history, One, prompt, output);

        // What follows in the log is the next turn's prompt: the draft ends where the output did.
        Write(history, One, [.. prompt, .. output, .. Text(seed: 3, 20)], Text(seed: 4, 5));
        using SuffixSession session = history.BeginSession(One, prompt);
        session.Draft(64, 64, Drafted);
        Assert.Equal(output, LikeliestPath(Drafted));
    }

    [Fact]
    public void ReadInAnotherPrompt_IsDraftedToo()
    {
        using SuffixHistory history = new(Vocabulary, Budget);
        int[] file = Text(seed: 1, 100);
        history.BeginSession(One, file).Dispose();

        using SuffixSession session = history.BeginSession(One, [5, 6, .. file[20..30]]);
        session.Draft(8, 8, Drafted);
        Assert.Equal(file[30..38], LikeliestPath(Drafted));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void AnotherNamespace_IsNeverDrafted(int seed)
    {
        Random random = new(seed);
        using SuffixHistory history = new(Vocabulary, byteBudget: 600_000, chunkBits: 10);
        List<(SuffixSession Session, int Parity)> live = [];
        long drafted = 0;
        for (int round = 0; round < 3000; round++)
        {
            if (live.Count < 6)
            {
                int parity = random.Next(2);
                live.Add((history.BeginSession(parity == 0 ? One : Two, OfParity(random, parity, random.Next(0, 80))), parity));
            }

            int at = random.Next(live.Count);
            (SuffixSession session, int owns) = live[at];
            session.Draft(32, 16, Drafted);
            drafted += Drafted.Count;
            Assert.All(Drafted.TokenIds.ToArray(), token => Assert.Equal(owns, token % 2));
            session.Append(OfParity(random, owns, random.Next(1, 8)));
            if (random.Next(8) == 0)
            {
                session.Dispose();
                live.RemoveAt(at);
            }

            if (random.Next(20) == 0)
                history.Load(random.Next(2) == 0 ? One : Two, []);
        }

        Assert.True(drafted > 10_000, $"{drafted}");
    }

    [Fact]
    public void GrowingConversation_IndexesOnlyItsTail()
    {
        using SuffixHistory history = new(Vocabulary, Budget);
        int[] conversation = Text(seed: 1, 200);
        for (int turn = 0; turn < 20; turn++)
        {
            using SuffixSession session = history.BeginSession(One, conversation);
            if (turn > 0)
                Assert.Equal(conversation.Length - 30, session.KnownPromptTokens);
            int[] written = Text(seed: 100 + turn, 25);
            session.Append(written);
            conversation = [.. conversation, .. written, .. Text(seed: 200 + turn, 30)];
        }

        // One separator; no token twice.
        Assert.Equal(conversation.Length - 30 + 1, history.Tokens);
    }

    [Fact]
    public void InterleavedConversations_AreEachRecognised()
    {
        using SuffixHistory history = new(Vocabulary, Budget);
        int[][] conversations = [Text(1, 300), Text(2, 300), Text(3, 300)];
        for (int turn = 0; turn < 10; turn++)
        {
            SuffixSession[] sessions = [.. conversations.Select(conversation => history.BeginSession(One, conversation))];
            for (int i = 0; i < sessions.Length; i++)
            {
                if (turn > 0)
                {
                    int before = conversations[i].Length - 10;
                    Assert.InRange(sessions[i].KnownPromptTokens, before - PrefixBlocks.BlockTokens, before);
                }

                int[] written = Text((turn * 10) + i, 20);
                sessions[i].Append(written);
                conversations[i] = [.. conversations[i], .. written, .. Text((turn * 100) + i, 10)];
            }

            foreach (SuffixSession session in sessions)
                session.Dispose();
        }
    }

    [Fact]
    public void MoreThanTheBudget_OldestGoesAndTheBytesStayBelow()
    {
        const long Bytes = 2 << 20;
        using SuffixHistory history = new(Vocabulary, Bytes, chunkBits: 10);
        int[] oldest = Text(seed: 0, 300);
        Write(history, One, oldest, Text(seed: 1, 10));
        for (int i = 2; i < 400; i++)
        {
            Write(history, i % 3 == 0 ? Two : One, Text(seed: i, 500), Text(seed: -i, 50));
            Assert.True(history.Bytes <= Bytes, $"{history.Bytes}");
        }

        Assert.True(history.Tokens > 40_000, $"{history.Tokens}");
        using SuffixSession again = history.BeginSession(One, oldest);
        Assert.Equal(0, again.KnownPromptTokens);
    }

    [Fact]
    public void ManyIdleNamespaces_MakeRoomForTheCurrent()
    {
        const long Bytes = 1 << 20;
        using SuffixHistory history = new(Vocabulary, Bytes, chunkBits: 10);
        for (int i = 0; i < 200; i++)
            Write(history, NamespaceKey.Derive("secret"u8, $"tenant {i}", "", ""), Text(seed: i, 100), Text(seed: -i, 10));
        Assert.True(history.Bytes <= Bytes, $"{history.Bytes}");
    }

    [Fact]
    public void IdOutsideTheVocabulary_IsRefused()
    {
        using SuffixHistory history = new(Vocabulary, Budget);
        Assert.Throws<ArgumentOutOfRangeException>(() => history.BeginSession(One, [1, Vocabulary]));
        Assert.Throws<ArgumentOutOfRangeException>(() => history.BeginSession(One, [-1]));
        Assert.False(history.Load(One, [1, 2, Vocabulary]));
        Assert.False(history.Load(One, [-1, 2]));
        Assert.False(history.Load(One, []));
        Assert.Equal(0, history.IndexLoaded(1000));

        using SuffixSession session = history.BeginSession(One, [1]);
        Assert.Throws<ArgumentOutOfRangeException>(() => session.Append([Vocabulary]));
        session.Append([2]);
        Assert.Equal(2, session.Count);
    }

    [Fact]
    public void EmptyPromptAndEmptyOutput_AreSessionsToo()
    {
        using SuffixHistory history = new(Vocabulary, Budget);
        using (SuffixSession session = history.BeginSession(One, []))
        {
            session.Draft(8, 8, Drafted);
            Assert.Equal(0, Drafted.Count);
            session.Append([]);
            session.Append([3]);
        }

        history.BeginSession(One, [3]).Dispose();
        using SuffixSession last = history.BeginSession(One, [3]);
        last.Draft(0, 8, Drafted);
        Assert.Equal(0, Drafted.Count);
        last.Draft(8, 0, Drafted);
        Assert.Equal(0, Drafted.Count);
    }

    private static int[] OfParity(Random random, int parity, int length) =>
        [.. Enumerable.Range(0, length).Select(_ => (2 * random.Next(20)) + parity)];
}
