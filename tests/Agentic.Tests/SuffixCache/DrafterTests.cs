using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed class DrafterTests
{
    private const int Vocabulary = 64;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void AnyDraft_IsATrieWithFallingProbabilities(int seed)
    {
        using SuffixHistory history = new(Vocabulary, 64 << 20);
        NoisyText text = new(seed);
        Continuation draft = new(64);
        for (int call = 0; call < 20; call++)
        {
            using SuffixSession session = history.BeginSession(default, text.Next(100));
            for (int step = 0; step < 50; step++)
            {
                int most = 1 + (step % 64), deepest = 1 + (step % 20);
                session.Draft(most, deepest, draft);
                Assert.True(draft.Count <= most);
                for (int i = 0; i < draft.Count; i++)
                {
                    int parent = draft.Parents[i];
                    Assert.InRange(parent, -1, i - 1);
                    Assert.Equal(parent < 0 ? 1 : draft.Depths[parent] + 1, draft.Depths[i]);
                    Assert.InRange(draft.Depths[i], 1, deepest);
                    Assert.InRange(draft.TokenIds[i], 0, Vocabulary - 1);
                    Assert.InRange(draft.Probabilities[i], 0, parent < 0 ? 1 : draft.Probabilities[parent]);
                    Assert.True(i == 0 || draft.Probabilities[i] <= draft.Probabilities[i - 1], "best first");
                    Assert.True(draft.MatchLengths[i] >= draft.Depths[i] - 1);
                    for (int j = 0; j < i; j++)
                        Assert.False(draft.Parents[j] == parent && draft.TokenIds[j] == draft.TokenIds[i], "siblings differ");
                }

                session.Append(text.Next(1 + (step % 5)));
            }
        }
    }

    [Theory]
    [InlineData(1, 0.05)]
    [InlineData(2, 0.3)]
    [InlineData(3, 0.7)]
    public void Probabilities_AreFrequencies(int seed, double noise)
    {
        NoisyText text = new(seed, noise);
        RecordedSegment read = new(false, text.Next(2000)), written = new(true, text.Next(40_000));
        RecordedConversation conversation = new([read, written]);
        ReplayResult result = TraceReplay.Run([conversation], maxNodes: 32);
        Assert.InRange(result.Predicted / result.Accepted, 0.95, 1.05);
        Assert.InRange(result.CalibrationError, 0, 0.03);
    }

    [Theory]
    [InlineData(20, 21)]   // another token in its place
    [InlineData(20, 20)]   // put in before it
    [InlineData(20, 22)]   // in place of it and the next
    public void PastAnEdit_TheCopyGoesOn(int edited, int next)
    {
        using SuffixHistory history = new(Vocabulary, 64 << 20);
        int[] file = [.. Enumerable.Range(0, 40)];
        using SuffixSession session = history.BeginSession(default, file);
        Continuation draft = new(32);
        foreach (int token in file[..edited])
            Step(token);
        Step(Vocabulary - 1);
        Assert.Contains(file[next], First());
        Step(file[next]);
        Assert.Contains(file[next + 1], First());

        void Step(int written)
        {
            session.Draft(32, 8, draft);
            session.Append([written]);
            session.Draft(32, 8, draft);
        }

        IEnumerable<int> First() => Enumerable.Range(0, draft.Count).Where(i => draft.Depths[i] == 1).Select(i => draft.TokenIds[i]).ToArray();
    }

    [Fact]
    public void WhatModelsWrote_IsBelievedRatherThanWhatTheyRead()
    {
        const int Rounds = 60, Filler = 5;
        using SuffixHistory history = new(16 * Rounds, 64 << 20);
        Random random = new(1);
        Continuation draft = new(4);
        int right = 0;
        for (int round = 1; round < Rounds; round++)
        {
            // Either way round, so that only the author tells them apart.
            int name = 16 * round, read = name + 1, wrote = name + 2;
            if (random.Next(2) == 0)
                history.BeginSession(default, [Filler, name, read]).Dispose();
            Write([Filler], [name, wrote]);
            if (random.Next(2) == 0)
                history.BeginSession(default, [Filler, name, read]).Dispose();

            using SuffixSession session = history.BeginSession(default, [name + 3, name]);
            session.Draft(4, 1, draft);
            right += round > Rounds / 2 && draft.TokenIds[0] == wrote ? 1 : 0;
            session.Append([wrote]);
        }

        Assert.InRange(right, (Rounds / 2) - 3, Rounds / 2);

        void Write(int[] prompt, int[] output)
        {
            using SuffixSession session = history.BeginSession(default, prompt);
            session.Append(output);
        }
    }

    [Theory]
    [InlineData(TokenKind.User, TokenKind.Tool)]
    [InlineData(TokenKind.Tool, TokenKind.User)]
    [InlineData(TokenKind.Assistant, TokenKind.System)]
    public void WhoseMessagesAreRepeated_IsLearned(TokenKind repeated, TokenKind other)
    {
        const int Rounds = 120, Filler = 5;
        using SuffixHistory history = new(16 * Rounds, 64 << 20);
        Random random = new(1);
        Continuation draft = new(4);
        int right = 0;
        for (int round = 1; round < Rounds; round++)
        {
            // Either way round, so that only the role tells them apart.
            int name = 16 * round, first = random.Next(2);
            Read(first == 0 ? repeated : other, name, first);
            Read(first == 0 ? other : repeated, name, 1 - first);

            using SuffixSession session = history.BeginSession(default, [name + 3, name]);
            session.Draft(4, 1, draft);
            right += round > Rounds / 2 && draft.TokenIds[0] == name + 1 ? 1 : 0;
            session.Append([name + 1]);
        }

        Assert.InRange(right, (Rounds / 2) - 5, Rounds / 2);

        void Read(TokenKind kind, int name, int unique) => history.BeginSession(
            default, [Filler, name + 8 + unique, name, kind == repeated ? name + 1 : name + 2], [new(TokenKind.Prompt, 2), new(kind, 2)]).Dispose();
    }

    /// <summary>The same text each time but for two tokens, of which one is another each time: no match tells which, only the token before.</summary>
    [Fact]
    public void WhatChangesEachTime_IsNotBelieved()
    {
        const int Rounds = 80, Filler = 5, Number = 6, Name = 7;
        using SuffixHistory history = new(16 * Rounds, 64 << 20);
        Random random = new(1);
        Continuation draft = new(1);
        (float Number, float Name) chance = default;
        for (int round = 1; round < Rounds; round++)
        {
            // What comes before is new, and so is what comes behind a number.
            int unique = 16 * round, last = random.Next(2) == 0 ? Number : Name;
            history.BeginSession(default, [Filler, unique, last, unique + 1]).Dispose();
            using SuffixSession session = history.BeginSession(default, [Filler + 3, unique, last]);
            session.Draft(1, 1, draft);
            (last == Number ? ref chance.Number : ref chance.Name) = draft.Probabilities[0];
            session.Append([last == Number ? unique + 2 : unique + 1]);
        }

        Assert.True(chance.Number < 0.3 && chance.Name > 0.6, $"{chance}");
    }

    [Fact]
    public void DraftingAndLearning_AllocateNothing()
    {
        using SuffixHistory history = new(Vocabulary, 64 << 20);
        NoisyText text = new(seed: 1);
        Continuation draft = new(64);
        using SuffixSession session = history.BeginSession(default, text.Next(5000));
        int[][] pieces = [.. Enumerable.Range(0, 200).Select(i => text.Next(1 + (i % 3)))];
        for (int i = 0; i < 400; i++)
            Step(text.Next(3));   // until the table of what is learned of tokens has grown

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 1; i < pieces.Length; i++)
            session.Draft(64, 64, draft);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        // A sequence's own ids are kept in an array that doubles: less than 16 bytes a token in all.
        int tokens = pieces[1..].Sum(piece => piece.Length);
        for (int i = 1; i < pieces.Length; i++)
            Step(pieces[i]);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, (6200 + tokens) * 16);

        void Step(int[] piece)
        {
            session.Draft(64, 64, draft);
            session.Append(piece);
        }
    }

    /// <summary>A few phrases again and again, with wrong tokens among them.</summary>
    private sealed class NoisyText(int seed, double noise = 0.1)
    {
        private readonly Random _random = new(seed);
        private int[][]? _phrases;
        private int[] _phrase = [];
        private int _at;

        public int[] Next(int length)
        {
            _phrases ??= [.. Enumerable.Range(0, 30).Select(_ => Phrase())];
            int[] text = new int[length];
            for (int i = 0; i < length; i++)
            {
                if (_at == _phrase.Length)
                    (_phrase, _at) = (_phrases[_random.Next(_phrases.Length)], 0);
                int token = _phrase[_at++];
                text[i] = _random.NextDouble() < noise ? _random.Next(Vocabulary) : token;
            }

            return text;
        }

        private int[] Phrase() => [.. Enumerable.Range(0, _random.Next(3, 20)).Select(_ => _random.Next(Vocabulary))];
    }
}
