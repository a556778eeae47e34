using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed class SuffixHistoryTests
{
    private const int Vocabulary = 1000;
    private const long Budget = 64 << 20;
    private static readonly NamespaceKey One = NamespaceKey.Derive("secret"u8, "one", "model", "tokenizer");
    private static readonly NamespaceKey Two = NamespaceKey.Derive("secret"u8, "two", "model", "tokenizer");
    private readonly Continuation _draft = new(64);

    [Fact]
    public void TextWrittenBefore_IsDraftedWhole()
    {
        using SuffixHistory history = new(Vocabulary, Budget);
        int[] prompt = Text(seed: 1, 50), output = Text(seed: 2, 40);
        Write(history, One, prompt, output);

        // What follows in the log is the next turn's prompt: the draft ends where the output did.
        Write(history, One, [.. prompt, .. output, .. Text(seed: 3, 20)], Text(seed: 4, 5));
        using SuffixSession session = history.BeginSession(One, prompt);
        session.Draft(64, 64, _draft);
        Assert.Equal(output, LikeliestPath(_draft));
    }

    [Fact]
    public void ReadInAnotherPrompt_IsDraftedToo()
    {
        using SuffixHistory history = new(Vocabulary, Budget);
        int[] file = Text(seed: 1, 100);
        history.BeginSession(One, file).Dispose();

        using SuffixSession session = history.BeginSession(One, [5, 6, .. file[20..30]]);
        session.Draft(8, 8, _draft);
        Assert.Equal(file[30..38], LikeliestPath(_draft));
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
            session.Draft(32, 16, _draft);
            drafted += _draft.Count;
            Assert.All(_draft.TokenIds.ToArray(), token => Assert.Equal(owns, token % 2));
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
            session.Draft(8, 8, _draft);
            Assert.Equal(0, _draft.Count);
            session.Append([]);
            session.Append([3]);
        }

        history.BeginSession(One, [3]).Dispose();
        using SuffixSession last = history.BeginSession(One, [3]);
        last.Draft(0, 8, _draft);
        Assert.Equal(0, _draft.Count);
        last.Draft(8, 0, _draft);
        Assert.Equal(0, _draft.Count);
    }

    [Fact]
    public void EndedSession_IsOfferedToTheStoreAndDraftsElsewhere()
    {
        RecordingStore store = new();
        int[] prompt = Text(seed: 1, 50), output = Text(seed: 2, 40), more = Text(seed: 3, 30);
        using (SuffixHistory history = new(Vocabulary, Budget, store))
        {
            Write(history, One, prompt, output);
            Write(history, One, [.. prompt, .. output, .. more], Text(seed: 4, 10));
            history.BeginSession(One, prompt).Dispose();
        }

        Assert.Equal(2, store.Sequences.Count);
        Assert.Equal([.. prompt, .. output], store.Sequences[0].Tokens.ToArray());
        Assert.Equal([new TokenRun(TokenKind.Prompt, 50), new TokenRun(TokenKind.Output, 40)], store.Sequences[0].Runs);
        Assert.Equal([.. output[8..], .. more, .. Text(seed: 4, 10)], store.Sequences[1].Tokens.ToArray());

        using SuffixHistory restarted = new(Vocabulary, Budget);
        foreach (StoredSequence sequence in store.Sequences)
            Assert.True(restarted.Load(sequence));
        while (restarted.IndexLoaded(7) > 0)
        {
        }

        using SuffixSession session = restarted.BeginSession(One, prompt);
        session.Draft(64, 64, _draft);
        Assert.Equal(output, LikeliestPath(_draft));
    }

    [Fact]
    public void Roles_AreKeptWithWhatASessionAdds()
    {
        RecordingStore store = new();
        int[] prompt = Text(seed: 1, 100), output = Text(seed: 2, 10), more = Text(seed: 3, 20);
        using (SuffixHistory history = new(Vocabulary, Budget, store))
        {
            Write(prompt, [new(TokenKind.System, 40), new(TokenKind.User, 30)]);
            Write([.. prompt, .. output, .. more], [new(TokenKind.System, 40), new(TokenKind.User, 60), new(TokenKind.Assistant, 12), new(TokenKind.Tool, 18)]);

            void Write(int[] read, TokenRun[] runs)
            {
                using SuffixSession session = history.BeginSession(One, read, runs);
                session.Append(output);
            }
        }

        // What nobody spoke for is the prompt's; a turn begins with 32 tokens of what it continues.
        Assert.Equal(
            [new TokenRun(TokenKind.System, 40), new(TokenKind.User, 30), new(TokenKind.Prompt, 30), new(TokenKind.Output, 10)],
            store.Sequences[0].Runs);
        Assert.Equal(
            [new TokenRun(TokenKind.User, 22), new(TokenKind.Assistant, 12), new(TokenKind.Tool, 18), new(TokenKind.Output, 10)],
            store.Sequences[1].Runs);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(1000)]
    public void LoadedSequence_LiesWithItsRolesInTheLog(int atOnce)
    {
        int[] tokens = Text(seed: 1, 100);
        using Namespace @namespace = new(One, Vocabulary, chunkBits: 8, new Reclaimer());
        TokenRun[] runs = TokenRuns.Cover(
            [new(TokenKind.System, 20), new((TokenKind)77, 5), new(TokenKind.Output, 30), new(TokenKind.Tool, 10), new(TokenKind.Output, 200)], tokens.Length);
        Assert.Equal(
            [new TokenRun(TokenKind.System, 20), new(TokenKind.Prompt, 5), new(TokenKind.Output, 30), new(TokenKind.Tool, 10), new(TokenKind.Output, 35)],
            runs);

        StoredPart part = @namespace.Begin(tokens);
        RunCursor run = new(runs);
        while (part.Start < tokens.Length)
        {
            run.MoveTo(part.Start);
            int end = Math.Min(run.End, part.Start + atOnce);
            @namespace.Load(part, end, run.Kind, endsOutput: run.Kind == TokenKind.Output && end == run.End);
        }

        TokenLog log = @namespace.Index.Log;
        uint first = log.End - (uint)tokens.Length;
        int at = 0;
        foreach (TokenRun expected in runs)
        {
            for (int i = 0; i < expected.Length; i++, at++)
            {
                int entry = log.Entry(first + (uint)at);
                Assert.Equal((tokens[at], expected.Kind), (TokenLog.TokenId(entry), TokenLog.KindOf(entry)));
                Assert.Equal(expected.Kind == TokenKind.Output && i == expected.Length - 1, TokenLog.EndsOutput(entry));
            }
        }
    }

    [Theory]
    [InlineData(7)]
    [InlineData(int.MaxValue)]
    public void ConversationFromTheStore_IsRecognised(int indexedAtATime)
    {
        RecordingStore store = new();
        int[][] conversations = [Text(1, 300), Text(2, 300), [.. Text(1, 150), .. Text(3, 40)]];
        using (SuffixHistory history = new(Vocabulary, Budget, store))
        {
            for (int turn = 0; turn < 5; turn++)
            {
                for (int i = 0; i < conversations.Length; i++)
                {
                    int[] written = Text((10 * turn) + i + 100, 25), read = Text((10 * turn) + i + 200, 30);
                    Write(history, One, conversations[i], written);
                    conversations[i] = [.. conversations[i], .. written, .. read];
                }
            }
        }

        using SuffixHistory restarted = new(Vocabulary, Budget);
        foreach (StoredSequence sequence in store.Sequences)
            Assert.True(restarted.Load(sequence));
        while (restarted.IndexLoaded(indexedAtATime) > 0)
        {
        }

        foreach (int[] conversation in conversations)
        {
            using SuffixSession session = restarted.BeginSession(One, conversation);
            Assert.InRange(session.KnownPromptTokens, conversation.Length - 30 - PrefixBlocks.BlockTokens, conversation.Length - 30);
        }
    }

    [Fact]
    public void BeginningsThatStoredSequencesShare_AreIndexedOnce()
    {
        int[] shared = Text(1, 1000);
        using SuffixHistory history = new(Vocabulary, Budget);
        for (int i = 0; i < 20; i++)
            history.Load(One, [.. shared, .. Text(i + 10, 50)]);
        history.IndexLoaded(int.MaxValue);
        Assert.InRange(history.Tokens, 1000 + (20 * 50), 1000 + (20 * (50 + 65)));
        using SuffixSession session = history.BeginSession(One, [.. shared, .. Text(15, 50)]);
        Assert.InRange(session.KnownPromptTokens, 1050 - PrefixBlocks.BlockTokens, 1050);
    }

    [Fact]
    public async Task LoadedWhileServing_IsIndexedByAndBy()
    {
        using SuffixHistory history = new(Vocabulary, Budget);
        int[] known = Text(seed: 9, 40);
        Task loading = Task.Run(() =>
        {
            for (int i = 0; i < 500; i++)
                history.Load(One, i == 250 ? known : Text(seed: i + 10, 100));
        }, TestContext.Current.CancellationToken);

        using (SuffixSession session = history.BeginSession(Two, [1]))
        {
            for (int step = 0; step < 2000 || !loading.IsCompleted; step++)
            {
                session.Draft(16, 16, _draft);
                session.Append([step % 100]);
            }
        }

        await loading;
        Assert.Equal(0, history.IndexLoaded(1));
        using SuffixSession reader = history.BeginSession(One, known.AsSpan(0, 20));
        reader.Draft(10, 10, _draft);
        Assert.Equal(known[20..30], LikeliestPath(_draft));
    }

    private static void Write(SuffixHistory history, NamespaceKey key, ReadOnlySpan<int> prompt, ReadOnlySpan<int> output)
    {
        using SuffixSession session = history.BeginSession(key, prompt);
        session.Append(output);
    }

    private static int[] Text(int seed, int length)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, length).Select(_ => random.Next(Vocabulary))];
    }

    private static int[] OfParity(Random random, int parity, int length) =>
        [.. Enumerable.Range(0, length).Select(_ => (2 * random.Next(20)) + parity)];

    private static int[] LikeliestPath(Continuation draft)
    {
        List<int> path = [];
        for (int node = -1, next = 0; next >= 0;)
        {
            next = -1;
            for (int i = 0; i < draft.Count; i++)
            {
                if (draft.Parents[i] == node && (next < 0 || draft.Probabilities[i] > draft.Probabilities[next]))
                    next = i;
            }

            node = next;
            if (next >= 0)
                path.Add(draft.TokenIds[next]);
        }

        return [.. path];
    }

    private sealed class RecordingStore : ISequenceStore
    {
        public List<StoredSequence> Sequences { get; } = [];

        public SequenceStoreStatistics Statistics => default;

        public void Append(StoredSequence sequence) => Sequences.Add(sequence);

        public IAsyncEnumerable<StoredSequence> ReplayAsync(NamespaceKey @namespace, CancellationToken cancellationToken = default) =>
            Sequences.Where(sequence => sequence.Namespace == @namespace).ToAsyncEnumerable();

        public Task FollowAsync(
            IReadOnlyCollection<NamespaceKey> namespaces, ISequenceFollower follower, CancellationToken cancellationToken) =>
            Task.CompletedTask;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
