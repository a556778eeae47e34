using System.Globalization;
using System.Text.Json.Nodes;
using Agentic.Proxy;
using Agentic.SuffixCache;

namespace Agentic.Tests;

/// <summary><c>agentic cache</c> as a child process, wherever the store is.</summary>
public abstract class CacheCommandTests : IAsyncLifetime
{
    private static readonly DateTimeOffset Start = DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_000);
    private readonly TemporaryDirectory _data = new(), _other = new();
    private byte[] _secret = [];

    private protected string Data => _data.Path;

    private protected string StoreDirectory => ServeOptions.StoreIn(Data);

    /// <summary>Options that name the store.</summary>
    private protected abstract string[] Location { get; }

    public async ValueTask InitializeAsync()
    {
        _secret = ServerSecret.Load(Data);
        await OpenAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        _data.Dispose();
        _other.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Stats_CountEachNamespace()
    {
        StoredSequence[] a = Some(Key("acme", "one"), 1, 30), b = Some(Key("acme", "two"), 2, 20), c = Some(Key("default", "one"), 3, 10);
        await WriteAsync([.. a, .. b, .. c]);

        JsonNode all = await StatsAsync(), tenant = await StatsAsync("--tenant", "acme"),
            one = await StatsAsync("--namespace", NamespaceFilter.Short(b[0].Namespace));
        string table = (await RunAsync("stats")).Output;

        Assert.Equal(60, (int)all["sequences"]!);
        Assert.Equal(a.Concat(b).Concat(c).Sum(s => s.Tokens.Length), (int)all["tokens"]!);
        Assert.Equal(50, (int)tenant["sequences"]!);
        Assert.All(tenant["namespaces"]!.AsArray(), row => Assert.Equal("acme", (string)row!["tenant"]!));
        JsonNode only = Assert.Single(one["namespaces"]!.AsArray())!;
        Assert.Equal(b[0].Namespace.ToString(), (string)only["id"]!);
        Assert.Equal((20, b.Sum(s => s.Tokens.Length)), ((int)only["sequences"]!, (int)only["tokens"]!));
        Assert.Equal(b.Min(s => s.Time), (DateTimeOffset)only["oldest"]!);
        Assert.Equal(b.Max(s => s.Time), (DateTimeOffset)only["newest"]!);
        Assert.InRange((int)only["bytes"]!, 100, 100_000);
        foreach (StoredSequence sequence in (ReadOnlySpan<StoredSequence>)[a[0], b[0], c[0]])
            Assert.Contains(NamespaceFilter.Short(sequence.Namespace), table, StringComparison.Ordinal);
        Assert.Contains("default", table, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Exported_ImportsElsewhereOnceAndWhole()
    {
        StoredSequence[] sequences = [.. Some(Key("acme", "one"), 1, 40), .. Some(Key("default", "one"), 2, 40)];
        await WriteAsync(sequences);
        string file = _other["all.agseq"], part = _other["part.agseq"];

        AgenticProcess.Result exported = await RunAsync("export", file, "--tenant", "acme", "--tenant", "default");
        await RunAsync("export", part, "--namespace", sequences[0].Namespace.ToString());
        (await RunAsync("export", "/no/such/directory/x")).AssertOneLine("'/no/such/directory/x.part' cannot be written");
        string[] there = ["--data", _other["data"]];
        AgenticProcess.Result first = await AgenticProcess.RunAsync(["cache", "import", part, .. there]);
        AgenticProcess.Result second = await AgenticProcess.RunAsync(["cache", "import", file, .. there]);
        AgenticProcess.Result third = await AgenticProcess.RunAsync(["cache", "import", file, .. there]);

        Assert.Equal((0, ""), (exported.ExitCode, exported.Error));
        Assert.StartsWith("40 sequences added, 0 were", first.Output, StringComparison.Ordinal);
        Assert.StartsWith("40 sequences added, 40 were", second.Output, StringComparison.Ordinal);
        Assert.StartsWith("0 sequences added, 80 were", third.Output, StringComparison.Ordinal);
        using (EmbeddedGarnet garnet = EmbeddedGarnet.Start(ServeOptions.StoreIn(_other["data"])))
        {
            foreach (IGrouping<NamespaceKey, StoredSequence> expected in sequences.GroupBy(s => s.Namespace))
                Assert.Equal(expected.Select(Text), (await ReadAsync(garnet.ConnectionString, expected.Key)).Select(Text));
        }

        Assert.Empty(Directory.EnumerateFiles(_other.Path, "*.part"));
    }

    [Fact]
    public async Task Imported_MergesWithWhatIsThere()
    {
        StoredSequence[] there = Some(Key("acme", "one"), 1, 20), more = Some(Key("acme", "one"), 9, 30), others = Some(Key("x", "y"), 5, 10);
        await WriteAsync(there);
        string file = Export("more.agseq", [.. there, .. more]), foreign = Export("foreign.agseq", others);

        AgenticProcess.Result merged = await RunAsync("import", file);
        AgenticProcess.Result into = await RunAsync("import", foreign, "--into", there[0].Namespace.ToString());

        Assert.Equal(("", $"30 sequences added, 20 were there already{Environment.NewLine}"), (merged.Error, merged.Output));
        Assert.Equal(("", $"10 sequences added, 0 were there already{Environment.NewLine}"), (into.Error, into.Output));
        Assert.Equal(60, (int)(await StatsAsync("--tenant", "acme"))["sequences"]!);
        Assert.Equal(60, (int)(await StatsAsync())["sequences"]!);
    }

    [Fact]
    public async Task DamagedOrCutFile_IsSalvagedAndForeignOneRefused()
    {
        string file = Export("whole.agseq", [.. Some(Key("a", "m"), 1, 8), .. Some(Key("b", "m"), 2, 8)]), text = _other["log.jsonl"];
        byte[] bytes = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken), damaged = [.. bytes];
        damaged[100] ^= 1;
        string broken = Put("broken.agseq", damaged), cut = Put("cut.agseq", bytes[..^1]);
        await File.WriteAllTextAsync(text, """{"messages":[]}""", TestContext.Current.CancellationToken);

        AgenticProcess.Result fromBroken = await RunAsync("import", broken), fromCut = await RunAsync("import", cut);
        AgenticProcess.Result fromText = await RunAsync("import", text), fromNone = await RunAsync("import", _other["none"]);

        Assert.Equal((1, $"8 sequences added, 0 were there already{Environment.NewLine}"), (fromBroken.ExitCode, fromBroken.Output));
        Assert.Contains("damaged in 1 place", Assert.Single(fromBroken.Error.Trim().Split('\n')), StringComparison.Ordinal);
        Assert.Equal((1, $"8 sequences added, 8 were there already{Environment.NewLine}"), (fromCut.ExitCode, fromCut.Output));
        Assert.Contains("cut short", Assert.Single(fromCut.Error.Trim().Split('\n')), StringComparison.Ordinal);
        fromText.AssertOneLine("log.jsonl", "no file of sequences");
        fromNone.AssertOneLine("none");
    }

    [Fact]
    public async Task Purge_ErasesWhatIsNamedAndNothingElse()
    {
        StoredSequence[] a = Some(Key("acme", "one"), 1, 10), b = Some(Key("acme", "two"), 2, 10), c = Some(Key("default", "one"), 3, 10);
        await WriteAsync([.. a, .. b, .. c]);

        (await RunAsync("purge")).AssertOneLine("--tenant", "--all");
        (await RunAsync("purge", "--all", "--tenant", "acme", "--yes")).AssertOneLine("--all");
        (await RunAsync("purge", "--tenant", "acme")).AssertOneLine("--yes", "nothing was erased");
        Assert.Equal(30, (int)(await StatsAsync())["sequences"]!);
        AgenticProcess.Result tenant = await RunAsync("purge", "--tenant", "acme", "--yes");
        Assert.Equal((0, ""), (tenant.ExitCode, tenant.Error));
        Assert.Equal(c[0].Namespace.ToString(), (string)Assert.Single((await StatsAsync())["namespaces"]!.AsArray())!["id"]!);
        Assert.Contains("Nothing to erase", (await RunAsync("purge", "--tenant", "acme", "--yes")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync("purge", "--all", "--yes")).ExitCode);
        Assert.Empty((await StatsAsync())["namespaces"]!.AsArray());
    }

    private protected abstract Task OpenAsync();

    private protected abstract Task CloseAsync();

    /// <summary>Lets the work reach the store as it is found by the commands.</summary>
    private protected abstract Task WithStoreAsync(Func<string, Task> work);

    private Task<AgenticProcess.Result> RunAsync(params string[] arguments) => AgenticProcess.RunAsync(["cache", .. arguments, .. Location, "--data", Data]);

    private async Task<JsonNode> StatsAsync(params string[] arguments)
    {
        AgenticProcess.Result result = await RunAsync(["stats", "--json", .. arguments]);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        return JsonNode.Parse(result.Output)!;
    }

    private Task WriteAsync(StoredSequence[] sequences) => WithStoreAsync(async redis =>
    {
        await using var store = new RedisSequenceStore(new SequenceStoreOptions { Redis = redis });
        foreach (StoredSequence sequence in sequences)
            await store.AppendAsync(sequence, TestContext.Current.CancellationToken);
        await store.FlushAsync(TestContext.Current.CancellationToken);
    });

    private static async Task<List<StoredSequence>> ReadAsync(string redis, NamespaceKey key)
    {
        await using var store = new RedisSequenceStore(new SequenceStoreOptions { Redis = redis });
        return await store.ReplayAsync(key, TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);
    }

    private string Export(string name, StoredSequence[] sequences)
    {
        using FileStream stream = File.Create(_other[name]);
        using SequenceFileWriter writer = new(stream);
        foreach (StoredSequence sequence in sequences)
            writer.Add(sequence);
        writer.Complete();
        return _other[name];
    }

    private string Put(string name, byte[] bytes)
    {
        File.WriteAllBytes(_other[name], bytes);
        return _other[name];
    }

    private NamespaceKey Key(string tenant, string model) => NamespaceKey.Derive(_secret, tenant, model, "tokenizer");

    private static StoredSequence[] Some(NamespaceKey key, int seed, int count)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(i => new StoredSequence(key, Enumerable.Range(0, random.Next(5, 50)).Select(_ => random.Next(500)).ToArray())
        {
            Runs = [new TokenRun(SuffixCache.TokenKind.Prompt, 2), new TokenRun(SuffixCache.TokenKind.Output, 3)],
            Time = Start.AddSeconds((seed * 1000) + i),
        })];
    }

    private static string Text(StoredSequence sequence) => string.Create(CultureInfo.InvariantCulture,
        $"{sequence.Time.ToUnixTimeMilliseconds()} {string.Join(' ', sequence.Runs)} {string.Join(' ', sequence.Tokens.ToArray())}");
}

/// <summary>The server that uses the store is stopped.</summary>
public sealed class StoppedCacheCommandTests : CacheCommandTests
{
    private protected override string[] Location => [];

    [Fact]
    public async Task NoStore_IsOneLine()
    {
        using var empty = new TemporaryDirectory();
        (await AgenticProcess.RunAsync("cache", "stats", "--data", empty.Path)).AssertOneLine(empty.Path, "--data");
        (await AgenticProcess.RunAsync("cache", "purge", "--tenant", "x", "--yes", "--data", empty.Path)).AssertOneLine(empty.Path, "secret");
        (await AgenticProcess.RunAsync("cache", "stats", "--redis", "127.0.0.1:1", "--data", empty.Path)).AssertOneLine(
            "The sequence store 127.0.0.1:1 cannot be reached: Connection refused; start or mend it");
        (await AgenticProcess.RunAsync("cache", "stats", "--redis", "foo:bar:baz", "--data", empty.Path)).AssertOneLine("redis: 'foo:bar:baz'", "HOST:PORT");
        (await AgenticProcess.RunAsync("cache", "stats", "--namespace", "x", "--data", Data)).AssertOneLine("'x'");
        (await AgenticProcess.RunAsync("cache", "stats", "--frob")).AssertOneLine("agentic cache stats --help");
        Assert.Empty(Directory.EnumerateFileSystemEntries(empty.Path));
    }

    private protected override Task OpenAsync() => Task.CompletedTask;

    private protected override Task CloseAsync() => Task.CompletedTask;

    private protected override async Task WithStoreAsync(Func<string, Task> work)
    {
        using EmbeddedGarnet garnet = EmbeddedGarnet.Start(StoreDirectory);
        await work(garnet.ConnectionString);
    }
}

/// <summary>A server has the embedded store open.</summary>
public sealed class RunningCacheCommandTests : CacheCommandTests
{
    private EmbeddedGarnet? _garnet;

    private protected override string[] Location => [];

    private protected override Task OpenAsync()
    {
        _garnet = EmbeddedGarnet.Start(StoreDirectory);
        return Task.CompletedTask;
    }

    private protected override Task CloseAsync()
    {
        _garnet?.Dispose();
        return Task.CompletedTask;
    }

    private protected override Task WithStoreAsync(Func<string, Task> work) => work(_garnet!.ConnectionString);
}

/// <summary>The store is a Redis.</summary>
[Trait("Category", "Redis")]
public sealed class RedisCacheCommandTests : CacheCommandTests
{
    private readonly RedisServer _redis = new();

    private protected override string[] Location => ["--redis", _redis.Address];

    private protected override Task OpenAsync() => _redis.StartAsync();

    private protected override async Task CloseAsync() => await _redis.DisposeAsync();

    private protected override Task WithStoreAsync(Func<string, Task> work) => work(_redis.Address);
}
