using System.Text.Json.Nodes;
using Agentic.Proxy;
using Agentic.SuffixCache;

namespace Agentic.Tests;

/// <summary>Commands on a Redis that is there and refuses: they say so, and end.</summary>
[Trait("Category", "Redis")]
public sealed class RefusingStoreTests : IAsyncLifetime
{
    private readonly RedisServer _redis = new();
    private readonly TemporaryDirectory _data = new();
    private NamespaceKey _key;

    private static CancellationToken Ended => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await _redis.StartAsync();
        _key = NamespaceKey.Derive(ServerSecret.Load(_data.Path), Tenants.Default, "model", "tokenizer");
        await using var store = new RedisSequenceStore(new SequenceStoreOptions { Redis = _redis.Address });
        store.Append(new StoredSequence(_key, new[] { 1, 2, 3 }) { Time = DateTimeOffset.UnixEpoch.AddDays(20_000) });
        await store.FlushAsync(Ended);
    }

    public async ValueTask DisposeAsync()
    {
        await _redis.DisposeAsync();
        _data.Dispose();
    }

    [Fact]
    public async Task Replica_IsReadAndNotWrittenTo()
    {
        await using var replica = new RedisServer("--replicaof", "127.0.0.1", $"{_redis.Port}");
        await replica.StartAsync();
        while (!(await replica.AskAsync("DBSIZE")).StartsWith(":3", StringComparison.Ordinal))
            await Task.Delay(20, Ended);
        string file = Path.Combine(_data.Path, "file");

        JsonNode stats = JsonNode.Parse((await RunAsync(replica.Address, "stats", "--json")).Output)!;
        AgenticProcess.Result exported = await RunAsync(replica.Address, "export", file);
        Assert.Equal(1, (int)stats["sequences"]!);
        Assert.StartsWith("1 sequences, 3 tokens", exported.Output, StringComparison.Ordinal);
        (await RunAsync(replica.Address, "purge", "--all", "--yes")).AssertOneLine("It is a replica");
        (await RunAsync(replica.Address, "import", file, "--into", new string('a', 64))).AssertOneLine("It is a replica", replica.Address);
    }

    [Fact]
    public async Task WrongPassword_IsSaidAndNotShown()
    {
        await _redis.AskAsync("CONFIG SET requirepass sesame");
        (await RunAsync($"{_redis.Address},password=geheim", "stats")).AssertOneLine("NOAUTH", "mend it");
        AgenticProcess.Result right = await RunAsync($"{_redis.Address},password=sesame", "stats");
        Assert.StartsWith($"{_redis.Address},password=*****: 1 namespace", right.Output, StringComparison.Ordinal);
        AgenticProcess.Result[] others =
        [
            await RunAsync($"{_redis.Address},password=geheim", "purge", "--all", "--yes"),
            await RunAsync($"{_redis.Address}:x,password=geheim", "stats"),
            await AgenticProcess.RunAsync("doctor", "--port", "0", "--data", _data.Path, "--redis", $"{_redis.Address},password=geheim"),
        ];
        Assert.All(others, result => Assert.DoesNotContain("geheim", result.Output + result.Error, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("CONFIG SET maxmemory 1", "", "OOM")]
    [InlineData("ACL SETUSER reader on >pw ~agentic:* &* +@read +@connection", ",user=reader,password=pw", "NOPERM")]
    [InlineData("PING", ",defaultDatabase=99", "database does not exist")]
    public async Task Refusal_EndsTheImportAndIsWhatDoctorFinds(string command, string options, string why)
    {
        string file = Path.Combine(_data.Path, "file");
        await RunAsync(_redis.Address, "export", file);
        await _redis.AskAsync(command);

        AgenticProcess.Result import = await RunAsync(_redis.Address + options, "import", file, "--into", new string('a', 64));
        AgenticProcess.Result doctor = await AgenticProcess.RunAsync(
            "doctor", "--json", "--port", "0", "--data", _data.Path, "--redis", _redis.Address + options);
        import.AssertOneLine(why);
        Assert.Contains(
            why, (string)JsonNode.Parse(doctor.Output)!.AsArray().Single(finding => (string)finding!["name"]! == "store")!["found"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FullStore_CanBePurged()
    {
        await using (var store = new RedisSequenceStore(new SequenceStoreOptions { Redis = _redis.Address }))
        {
            Random random = new(1);
            for (int i = 0; i < 40; i++)
                await store.AppendAsync(new StoredSequence(_key, Enumerable.Range(0, 20_000).Select(_ => random.Next()).ToArray()), Ended);
            await store.FlushAsync(Ended);
        }

        await _redis.AskAsync("CONFIG SET maxmemory 3mb");
        Assert.StartsWith("-OOM", await _redis.AskAsync("SET x y"), StringComparison.Ordinal);
        AgenticProcess.Result purged = await RunAsync(_redis.Address, "purge", "--tenant", "default", "--yes");
        Assert.Equal((0, ""), (purged.ExitCode, purged.Error));
        Assert.Equal(0, (int)JsonNode.Parse((await RunAsync(_redis.Address, "stats", "--json")).Output)!["bytes"]!);
        Assert.StartsWith(":1", await _redis.AskAsync("DBSIZE"), StringComparison.Ordinal);
    }

    private Task<AgenticProcess.Result> RunAsync(string redis, params string[] arguments) =>
        AgenticProcess.RunAsync(["cache", .. arguments, "--redis", redis, "--data", _data.Path]);
}
