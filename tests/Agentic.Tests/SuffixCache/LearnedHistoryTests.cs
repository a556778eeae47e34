using Agentic.SuffixCache;

namespace Agentic.Tests;

/// <summary>What a history has learned of its namespaces, told and taken over.</summary>
public sealed class LearnedHistoryTests : HistoryTesting
{
    [Fact]
    public void TakenOver_DraftsAsTheOneThatLearned()
    {
        RecordingSequenceStore store = new();
        using SuffixHistory learns = new(Vocabulary, Budget, store), exact = new(Vocabulary, Budget), stored = new(Vocabulary, Budget), textsOnly = new(Vocabulary, Budget);
        Play(learns, One, seed: 1, calls: 200);
        foreach (SuffixHistory starts in (SuffixHistory[])[exact, stored, textsOnly])
            store.Sequences.ForEach(sequence => starts.Load(sequence));
        LearnedState learned = Learned(learns, One)!;
        Assert.Equal(learns.LearnedTokens[One], learned.Tokens);
        Assert.InRange(learned.Tokens, 5000, 200 * 60);
        stored.Load(Stored(learned));
        exact.Load(learned);
        foreach (SuffixHistory starts in (SuffixHistory[])[exact, stored, textsOnly])
            starts.IndexLoaded(int.MaxValue);
        Assert.Equal((learned.Tokens, 0), (stored.LearnedTokens[One], textsOnly.LearnedTokens[One]));

        int same = 0, sameWithout = 0;
        for (int text = 0; text < 8; text++)
        {
            (int[] Path, float Nodes) expected = Probe(exact, text);
            same += IsAlike(expected, Probe(stored, text)) ? 1 : 0;
            sameWithout += IsAlike(expected, Probe(textsOnly, text)) ? 1 : 0;
        }

        Assert.InRange(same, 7, 8);
        Assert.InRange(sameWithout, 0, 2);

        static bool IsAlike((int[] Path, float Nodes) expected, (int[] Path, float Nodes) draft) =>
            draft.Path.SequenceEqual(expected.Path) && Math.Abs((draft.Nodes / expected.Nodes) - 1) < 0.01;
    }

    [Fact]
    public void LearnsOn_FromWhatItTookOver()
    {
        using SuffixHistory first = new(Vocabulary, Budget), second = new(Vocabulary, Budget);
        Play(first, One, seed: 1, calls: 20);
        Write(second, One, Text(seed: 1, 50), Text(seed: 2, 40));
        LearnedState learned = Learned(first, One)!;
        second.Load(Stored(learned));
        Play(second, One, seed: 2, calls: 20);
        Assert.InRange(second.LearnedTokens[One], learned.Tokens + 1, 3 * learned.Tokens);
    }

    /// <summary>A thread that drafts sees the weights of tokens as they were before they took more room, or after.</summary>
    [Fact]
    public async Task OtherSessionLearnsMuch_DraftsOfAnotherThreadGoOn()
    {
        const int Rounds = 10;
        for (int round = 0; round < Rounds; round++)
        {
            using SuffixHistory history = new(Vocabulary, Budget);
            Play(history, One, seed: round, calls: 10);
            using SuffixSession session = history.BeginSession(One, Text(seed: 1, 60).AsSpan(0, 25));
            using CancellationTokenSource stop = new();
            TaskCompletionSource began = new(TaskCreationOptions.RunContinuationsAsynchronously);
            int nodes = 0;
            Task drafts = Task.Factory.StartNew(() =>
            {
                Continuation draft = new(64);
                while (!stop.IsCancellationRequested)
                {
                    session.Draft(64, 64, draft);
                    Interlocked.Add(ref nodes, draft.Count);
                    began.TrySetResult();
                }
            }, TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            await began.Task.WaitAsync(TestContext.Current.CancellationToken);
            for (int calls = 200; calls > 0 && !drafts.IsCompleted; calls = Volatile.Read(ref nodes) > 100 ? 0 : 10)
                Play(history, One, seed: round, calls);
            await stop.CancelAsync();
            await drafts;

            Assert.True(nodes > 100, "Little was drafted.");
            Assert.Equal(TokenWeights.MostBits, Learned(history, One)!.Weights.Tokens.Bits);
        }
    }

    [Fact]
    public void WhoeverHasLearnedMore_KeepsIt()
    {
        using SuffixHistory much = new(Vocabulary, Budget), little = new(Vocabulary, Budget);
        Play(much, One, seed: 1, calls: 40);
        Play(little, One, seed: 2, calls: 10);
        LearnedState ofMuch = Learned(much, One)!, ofLittle = Learned(little, One)!;
        much.Load(Stored(ofLittle));
        little.Load(Stored(ofMuch));
        much.IndexLoaded(0);
        little.IndexLoaded(0);
        Assert.Equal((ofMuch.Tokens, ofMuch.Tokens), (much.LearnedTokens[One], little.LearnedTokens[One]));
        Assert.Equal(LearnedCodec.Pack(ofMuch), LearnedCodec.Pack(Learned(much, One)!));
    }

    [Fact]
    public void OtherNamespaces_LearnNothingOfIt()
    {
        using SuffixHistory first = new(Vocabulary, Budget), second = new(Vocabulary, Budget);
        Play(first, One, seed: 1, calls: 20);
        Assert.Null(Learned(first, Two));
        foreach (NamespaceKey key in (NamespaceKey[])[One, Two])
            Write(second, key, Text(seed: 1, 50), Text(seed: 2, 40));
        second.Load(Stored(Learned(first, One)!));
        second.IndexLoaded(0);
        Assert.True(second.LearnedTokens[One] > 0);
        Assert.Equal(0, second.LearnedTokens[Two]);
        Assert.Null(Learned(second, Two));
    }

    [Fact]
    public void TextsThatAreNotThere_LeaveNothingToLearn()
    {
        using SuffixHistory first = new(Vocabulary, Budget), second = new(Vocabulary, Budget);
        Play(first, One, seed: 1, calls: 20);
        second.Load(Stored(Learned(first, One)!));
        second.IndexLoaded(0);
        Assert.Empty(second.LearnedTokens);
        Write(second, One, Text(seed: 1, 50), Text(seed: 2, 40));
        Assert.Equal(0, second.LearnedTokens[One]);
    }

    [Fact]
    public void WaitsForTheTextsBeforeIt()
    {
        using SuffixHistory first = new(Vocabulary, Budget), second = new(Vocabulary, Budget);
        Play(first, One, seed: 1, calls: 20);
        second.Load(One, Text(seed: 1, 100));
        second.Load(Stored(Learned(first, One)!));
        second.Load(One, Text(seed: 2, 100));
        Assert.Equal(60, second.IndexLoaded(60));
        Assert.Equal(0, second.LearnedTokens[One]);
        Assert.Equal(60, second.IndexLoaded(60));
        Assert.True(second.LearnedTokens[One] > 0);
    }

    [Fact]
    public void Forgotten_IsNeitherToldNorTakenOver()
    {
        using SuffixHistory first = new(Vocabulary, Budget), second = new(Vocabulary, Budget);
        Play(first, One, seed: 1, calls: 20);
        LearnedState learned = Learned(first, One)!;
        first.Forget(key => key == One);
        Assert.Null(Learned(first, One));
        Assert.Empty(first.LearnedTokens);

        second.Load(One, Text(seed: 1, 100));
        second.Load(Stored(learned));
        second.Forget(key => key == One);
        second.Load(One, Text(seed: 2, 100));
        second.IndexLoaded(int.MaxValue);
        Assert.Equal(0, second.LearnedTokens[One]);
        second.Load(Stored(learned));
        second.IndexLoaded(int.MaxValue);
        Assert.Equal(learned.Tokens, second.LearnedTokens[One]);
    }

    /// <summary>By another thread, between the erasing of a step and its answers.</summary>
    [Fact]
    public async Task ForgottenBeforeItIsAskedFor_IsNeverTold()
    {
        const int Rounds = 1000;
        using SuffixHistory history = new(Vocabulary, Budget);
        using SemaphoreSlim learns = new(0), learned = new(0);
        using CancellationTokenSource stop = new();
        Task engine = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                if (learns.Wait(0))
                {
                    Play(history, One, seed: 1, calls: 1);
                    learned.Release();
                }

                history.IndexLoaded(0);
            }
        }, TestContext.Current.CancellationToken);
        for (int round = 0; round < Rounds; round++)
        {
            learns.Release();
            await learned.WaitAsync(TestContext.Current.CancellationToken);
            if (round % 100 == 0)
                Assert.NotNull(await history.CopyLearnedAsync(One, TestContext.Current.CancellationToken));
            history.Forget(key => key == One);
            Assert.Null(await history.CopyLearnedAsync(One, TestContext.Current.CancellationToken));
        }

        await stop.CancelAsync();
        await engine;
    }

    [Fact]
    public async Task Closed_TellsNothingMore()
    {
        SuffixHistory history = new(Vocabulary, Budget);
        Play(history, One, seed: 1, calls: 5);
        Task<LearnedState?> copied = history.CopyLearnedAsync(One, TestContext.Current.CancellationToken);
        history.Dispose();
        Assert.Null(await copied);
    }

    [Fact]
    public void TakenOver_TakesFewBytesUntilSomebodyDrafts()
    {
        using SuffixHistory first = new(Vocabulary, Budget), second = new(Vocabulary, Budget);
        Play(first, One, seed: 1, calls: 200);
        Write(second, One, Text(seed: 1, 50), Text(seed: 2, 40));
        LearnedState learned = Learned(first, One)!, stored = Stored(learned);
        long before = second.Bytes;
        second.Load(stored);
        second.IndexLoaded(0);
        Assert.Equal((learned.Tokens, before + stored.Stored!.Length), (second.LearnedTokens[One], second.Bytes));
        Assert.InRange(stored.Stored.Length, 1, learned.Weights.Bytes / 4);
        Assert.Same(stored.Stored, LearnedCodec.Encode(Learned(second, One)!));

        using SuffixSession session = second.BeginSession(One, Text(seed: 1, 50));
        Assert.InRange(second.Bytes, before + (learned.Weights.Bytes / 2), before + learned.Weights.Bytes);
    }

    [Fact]
    public void WeightsCountAsBytes()
    {
        using Namespace @namespace = new(One, Vocabulary, chunkBits: 8, new Reclaimer());
        long least = VoteWeights.Count * 4L * sizeof(float);
        Assert.Equal(least, @namespace.Weights.Bytes);
        Assert.InRange(@namespace.Bytes, @namespace.Index.Bytes + least, long.MaxValue);
    }

    /// <summary>The likeliest path, and how many nodes are expected to be right.</summary>
    private (int[] Path, float Nodes) Probe(SuffixHistory history, int text)
    {
        using SuffixSession session = history.BeginSession(One, Text(text, 60).AsSpan(0, 25));
        session.Draft(64, 64, Drafted);
        return (LikeliestPath(Drafted), Drafted.Probabilities.ToArray().Sum());
    }

    /// <summary>As it comes back from a store.</summary>
    private static LearnedState Stored(LearnedState state)
    {
        byte[] bytes = LearnedCodec.Encode(state);
        return LearnedCodec.Decode(state.Namespace, bytes)!.Packed(bytes);
    }
}
