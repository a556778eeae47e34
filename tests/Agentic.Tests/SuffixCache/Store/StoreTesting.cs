using System.Security.Cryptography;
using Agentic.SuffixCache;

namespace Agentic.Tests;

/// <summary>What tests of a store share: the server under it, sequences, and waiting.</summary>
public abstract class StoreTesting : IAsyncLifetime
{
    private protected abstract StoreServer Server { get; }

    private protected static readonly NamespaceKey One = NamespaceKey.Derive([1], "one", "m", "t");
    private protected static readonly NamespaceKey Two = NamespaceKey.Derive([1], "two", "m", "t");

    /// <summary>A server that answers at all answers within it, also on a machine that stands still for seconds.</summary>
    private protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private protected static CancellationToken Ended => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => await Server.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected RedisSequenceStore Store(SequenceStoreOptions? options = null) =>
        new((options ?? new() { Timeout = Patience }) with { Redis = Server.Address });

    private protected async Task AppendAsync(StoredSequence[] sequences)
    {
        await using RedisSequenceStore store = Store();
        Array.ForEach(sequences, store.Append);
        await UntilAsync(() => store.Statistics.Queued == 0);
    }

    private protected async Task<List<StoredSequence>> ReplayAsync(NamespaceKey @namespace)
    {
        await using RedisSequenceStore store = Store();
        return await ReplayAsync(store, @namespace);
    }

    private protected static async Task<List<StoredSequence>> ReplayAsync(RedisSequenceStore store, NamespaceKey @namespace) =>
        await store.ReplayAsync(@namespace, TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);

    private protected static async Task UntilAsync(Func<bool> condition)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(30));
        while (!condition())
        {
            await Task.Delay(5, limit.Token);
        }
    }

    private protected static int[] Incompressible(int seed, int count)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(100_000))];
    }

    private protected static IEnumerable<StoredSequence> Sequences(NamespaceKey @namespace, int seed, int count, int longest = 300)
    {
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            int prompt = random.Next(1, longest + 1), output = random.Next(1, longest + 1);
            yield return new StoredSequence(@namespace, Incompressible(random.Next(), prompt + output))
            {
                Runs = [new TokenRun(TokenKind.Prompt, prompt), new TokenRun(TokenKind.Output, output)],
                Time = DateTimeOffset.FromUnixTimeMilliseconds(random.NextInt64(2_000_000_000_000)),
            };
        }
    }

    private protected static void AssertSame(IEnumerable<StoredSequence> expected, IEnumerable<StoredSequence> actual) =>
        Assert.Equal(expected.Select(Line), actual.Select(Line));

    private protected static string Line(StoredSequence sequence) =>
        $"{sequence.Namespace} {sequence.Time:O} {string.Join(' ', sequence.Runs)} {sequence.Tokens.Length} "
        + Convert.ToHexString(SHA256.HashData(System.Runtime.InteropServices.MemoryMarshal.AsBytes(sequence.Tokens.Span)));
}
