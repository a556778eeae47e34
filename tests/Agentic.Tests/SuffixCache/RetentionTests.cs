using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed class RetentionTests
{
    private const int Vocabulary = 1000;
    private static readonly TimeSpan Retention = TimeSpan.FromDays(7);
    private static readonly NamespaceKey One = NamespaceKey.Derive("secret"u8, "one", "model", "tokenizer");
    private static readonly NamespaceKey Two = NamespaceKey.Derive("secret"u8, "two", "model", "tokenizer");
    private readonly Clock _clock = new();

    [Theory]
    [InlineData(false, 64 << 20)]
    [InlineData(true, 512 << 10)]
    public void TokensOlderThanTheRetention_GoBySegments(bool seals, long byteBudget)
    {
        using SuffixHistory history = New(byteBudget);
        for (int day = 0; day < 30; day++)
        {
            for (int i = 0; i < 10; i++)
                Write(history, One, Text((day * 10) + i));
            history.Settle();
            _clock.Now += TimeSpan.FromDays(1);
        }

        Assert.Equal(seals, history.Segments > 0);
        Write(history, One, Text(-1));
        Assert.False(IsKept(history, One, Text(0)));
        Assert.True(IsKept(history, One, Text(290)));

        // Never what is younger, and of what is older no more than the segment in which the border lies.
        Assert.True(IsKept(history, One, Text((30 - 6) * 10)));
        if (!seals)
            Assert.InRange(history.Tokens, 7 * 10 * 100, (8 * 10 * 100) + (2 << 8));
    }

    [Fact]
    public void NamespaceThatNobodyUses_GoesAltogether()
    {
        using SuffixHistory history = New();
        Write(history, One, Text(1));
        _clock.Now += Retention / 2;
        Write(history, Two, Text(2));
        _clock.Now += (Retention / 2) + TimeSpan.FromHours(1);
        Write(history, Two, Text(3));
        Assert.Equal(1, history.Statistics.Namespaces);
        Assert.True(IsKept(history, Two, Text(2)));
    }

    [Fact]
    public void ServerThatNobodyAsks_ForgetsAllTheSame()
    {
        using SuffixHistory history = New();
        Write(history, One, Text(1));
        _clock.Now += Retention + TimeSpan.FromHours(2);
        history.IndexLoaded(1);
        Assert.Equal((0, 99), (history.Statistics.Namespaces, history.Statistics.EvictedTokens - 1));   // the separator too

        Write(history, One, Text(1));
        _clock.Now += Retention + TimeSpan.FromHours(2);
        Assert.False(IsKept(history, One, Text(1)));   // nor does the first to ask again find it
    }

    [Fact]
    public async Task ServerThatNobodyAsks_IsWokenToForget()
    {
        var woken = new TaskCompletionSource();
        using SuffixHistory history = new(Vocabulary, 1 << 20) { Retention = TimeSpan.FromSeconds(1) };
        history.WorkWaits = () => woken.TrySetResult();
        await woken.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
    }

    [Fact]
    public void StoredSequence_IsAsOldAsItWasWhenItWasFinished()
    {
        using SuffixHistory history = New();
        history.Load(new StoredSequence(One, Text(1)) { Time = _clock.Now - Retention - TimeSpan.FromHours(1) });
        history.Load(new StoredSequence(Two, Text(2)) { Time = _clock.Now - (Retention / 2) });
        history.IndexLoaded(int.MaxValue);
        Assert.Equal(1, history.Statistics.Namespaces);
        _clock.Now += (Retention / 2) + TimeSpan.FromHours(1);
        history.Load(One, Text(3));
        history.IndexLoaded(int.MaxValue);
        Assert.False(IsKept(history, Two, Text(2)));
    }

    private SuffixHistory New(long byteBudget = 2 << 20) =>
        new(Vocabulary, byteBudget, chunkBits: 8, store: null, _clock) { Retention = Retention };

    private static bool IsKept(SuffixHistory history, NamespaceKey key, int[] text)
    {
        using SuffixSession session = history.BeginSession(key, text);
        return session.KnownPromptTokens == text.Length;
    }

    private static void Write(SuffixHistory history, NamespaceKey key, int[] text)
    {
        using SuffixSession session = history.BeginSession(key, text.AsSpan(0, 10));
        session.Append(text.AsSpan(10));
    }

    private static int[] Text(int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, 99).Select(_ => random.Next(Vocabulary))];
    }

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
