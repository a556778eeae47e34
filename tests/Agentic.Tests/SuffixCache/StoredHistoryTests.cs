using Agentic.SuffixCache;

namespace Agentic.Tests;

/// <summary>What a history gives to a store, and makes of what comes from one.</summary>
public sealed class StoredHistoryTests : HistoryTesting
{
    [Fact]
    public void EndedSession_IsOfferedToTheStoreAndDraftsElsewhere()
    {
        RecordingSequenceStore store = new();
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
        session.Draft(64, 64, Drafted);
        Assert.Equal(output, LikeliestPath(Drafted));
    }

    [Fact]
    public void Roles_AreKeptWithWhatASessionAdds()
    {
        RecordingSequenceStore store = new();
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
        RecordingSequenceStore store = new();
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
                session.Draft(16, 16, Drafted);
                session.Append([step % 100]);
            }
        }

        await loading;
        Assert.Equal(0, history.IndexLoaded(1));
        using SuffixSession reader = history.BeginSession(One, known.AsSpan(0, 20));
        reader.Draft(10, 10, Drafted);
        Assert.Equal(known[20..30], LikeliestPath(Drafted));
    }
}
