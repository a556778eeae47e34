using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed class TenantRulesTests
{
    private const int Vocabulary = 1000, ChunkBits = 8;
    private static readonly NamespaceKey One = Key("one", "model"), OneToo = Key("one", "other"), Two = Key("two", "model"),
        Library = Key("library", "model");

    private readonly Continuation _draft = new(32);

    [Fact]
    public void Forgotten_IsDraftedNoMoreAndOthersStay()
    {
        FaultySequenceStore store = new();
        using SuffixHistory history = new(Vocabulary, 64 << 20, store);
        List<NamespaceKey> erased = [];
        history.Erased += whose => erased.AddRange(new[] { One, OneToo, Two }.Where(key => whose(key)));
        int[] text = Text(1, 60), others = Text(2, 60);
        Write(history, One, text);
        Write(history, OneToo, text);
        Write(history, Two, others);
        SuffixSession live = history.BeginSession(One, text.AsSpan(0, 20));

        history.Forget(key => key.Tenant == One.Tenant);
        history.IndexLoaded(0);

        Assert.Equal([One, OneToo], erased);
        Assert.Equal(1, history.Statistics.Namespaces);
        live.Draft(32, 32, _draft);
        Assert.Equal(0, _draft.Count);
        int stored = store.Kept.Count;
        live.Append(text.AsSpan(20, 30));
        live.Dispose();
        Assert.Equal(stored, store.Kept.Count);
        Assert.Empty(Draft(history, One, text.AsSpan(0, 20)));
        Assert.Empty(Draft(history, OneToo, text.AsSpan(0, 20)));
        Assert.Equal(others[20..32], Draft(history, Two, others.AsSpan(0, 20))[..12]);
    }

    [Fact]
    public void ForgottenWhileItWaits_IsNotIndexed()
    {
        using SuffixHistory history = new(Vocabulary, 64 << 20);
        int[] before = Text(1, 60), after = Text(2, 60);
        history.Load(One, before);
        history.IndexLoaded(10);   // begun and not finished
        history.Load(One, before);
        history.Load(Two, before);
        history.Forget(key => key == One);
        history.Load(One, after);
        Assert.Equal(120, history.IndexLoaded(int.MaxValue));

        Assert.Empty(Draft(history, One, before.AsSpan(0, 20)));
        Assert.Equal(after[20..32], Draft(history, One, after.AsSpan(0, 20))[..12]);
        Assert.Equal(before[20..32], Draft(history, Two, before.AsSpan(0, 20))[..12]);
    }

    [Fact]
    public void Quota_BoundsATenantOverItsNamespacesAndNoOther()
    {
        const int Quota = 100_000;
        using SuffixHistory history = new(Vocabulary, 64 << 20, ChunkBits)
        {
            Rules = new TenantRules { ByteQuotas = new Dictionary<UInt128, long> { [One.Tenant] = Quota } },
        };
        for (int i = 0; i < 200; i++)
        {
            Write(history, i % 2 == 0 ? One : OneToo, Text(i, 100));
            Write(history, Two, Text(-i, 100));
            Assert.InRange(Bytes(history, One), 0, Quota);
        }

        Assert.InRange(Bytes(history, Two), 3 * Quota, long.MaxValue);
        Assert.InRange(history.Statistics.EvictedTokens, 10_000, 20_000);
        Assert.Equal(Text(-1, 100)[20..32], Draft(history, Two, Text(-1, 100).AsSpan(0, 20))[..12]);
    }

    [Fact]
    public void SharedNamespace_IsReadAndNeverWritten()
    {
        using SuffixHistory history = new(Vocabulary, 64 << 20)
        {
            Rules = new TenantRules { Reads = new Dictionary<NamespaceKey, IReadOnlyList<NamespaceKey>> { [One] = [Library] } },
        };
        int[] shared = Text(1, 60), own = Text(2, 60);
        Write(history, Library, shared);
        Write(history, One, own);

        Assert.Equal(shared[20..32], Draft(history, One, shared.AsSpan(0, 20))[..12]);
        Assert.Empty(Draft(history, Two, shared.AsSpan(0, 20)));
        Assert.Empty(Draft(history, Library, own.AsSpan(0, 20)));
    }

    [Fact]
    public void SharedNamespaceForgotten_EndsItsDraftsUnderWay()
    {
        using SuffixHistory history = new(Vocabulary, 64 << 20)
        {
            Rules = new TenantRules { Reads = new Dictionary<NamespaceKey, IReadOnlyList<NamespaceKey>> { [One] = [Library] } },
        };
        int[] shared = Text(1, 60);
        Write(history, Library, shared);
        using SuffixSession session = history.BeginSession(One, shared.AsSpan(0, 20));
        session.Draft(32, 32, _draft);
        Assert.Equal(32, _draft.Count);

        history.Forget(key => key == Library);
        history.IndexLoaded(0);
        session.Append(Text(3, 5));
        session.Append(shared.AsSpan(0, 20));
        session.Draft(32, 32, _draft);

        Assert.DoesNotContain(shared[20], _draft.TokenIds.ToArray());
    }

    private static NamespaceKey Key(string tenant, string model) => NamespaceKey.Derive("secret"u8, tenant, model, "tokenizer");

    private static int[] Text(int seed, int length)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, length).Select(_ => random.Next(Vocabulary))];
    }

    private static long Bytes(SuffixHistory history, NamespaceKey key) =>
        history.Statistics.Tenants.Where(tenant => tenant.Tenant == key.Tenant).Sum(tenant => tenant.Bytes);

    private static void Write(SuffixHistory history, NamespaceKey key, int[] text)
    {
        using SuffixSession session = history.BeginSession(key, text.AsSpan(0, 10));
        session.Append(text.AsSpan(10));
    }

    private int[] Draft(SuffixHistory history, NamespaceKey key, ReadOnlySpan<int> prompt)
    {
        using SuffixSession session = history.BeginSession(key, prompt);
        session.Draft(32, 32, _draft);
        List<int> path = [];
        for (int node = -1; path.Count < _draft.Count;)
        {
            int parent = node;
            node = Enumerable.Range(0, _draft.Count).FirstOrDefault(i => i > parent && _draft.Parents[i] == parent, -1);
            if (node < 0)
                break;
            path.Add(_draft.TokenIds[node]);
        }

        return [.. path];
    }
}
