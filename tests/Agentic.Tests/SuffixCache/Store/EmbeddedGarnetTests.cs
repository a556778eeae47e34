using Agentic.Proxy;
using Agentic.SuffixCache;
using StackExchange.Redis;

namespace Agentic.Tests;

public sealed class EmbeddedGarnetTests
{
    [Fact]
    public void DirectoryInUse_SaysSo()
    {
        using var directory = new TemporaryDirectory();
        using var first = EmbeddedGarnet.Start(directory.Path);
        InvalidOperationException refused = Assert.Throws<InvalidOperationException>(() => EmbeddedGarnet.Start(directory.Path));
        Assert.Contains(directory.Path, refused.Message, StringComparison.Ordinal);
        Assert.Contains("Stop the other server", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }

    [Fact]
    public void DirectoryNotWritable_SaysSo()
    {
        using var directory = new TemporaryDirectory();
        string file = directory["file"];
        File.WriteAllText(file, "");
        InvalidOperationException refused = Assert.Throws<InvalidOperationException>(() => EmbeddedGarnet.Start(Path.Combine(file, "store")));
        Assert.Contains("choose another directory", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Disposed_KeepsEverythingAndLeavesNoSocket()
    {
        using var directory = new TemporaryDirectory();
        string socket;
        using (var garnet = EmbeddedGarnet.Start(directory.Path))
        {
            socket = garnet.ConnectionString[1..];
            Assert.True(OperatingSystem.IsWindows() || File.GetUnixFileMode(socket) == (UnixFileMode.UserRead | UnixFileMode.UserWrite));
            await using ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync(garnet.ConnectionString);
            await connection.GetDatabase().StringSetAsync("key", "value");
        }

        Assert.False(Directory.Exists(Path.GetDirectoryName(socket)));
        using var again = EmbeddedGarnet.Start(directory.Path);
        await using ConnectionMultiplexer second = await ConnectionMultiplexer.ConnectAsync(again.ConnectionString);
        Assert.Equal("value", await second.GetDatabase().StringGetAsync("key"));
    }

    [Fact]
    public async Task ManyTimesItsRetention_DiskStaysBoundedAndTheNewestReplays()
    {
        const int Entries = 6000, Tokens = 40_000;   // 100 KB an entry: 600 MB through a log of 8 MB
        using var directory = new TemporaryDirectory();
        var @namespace = NamespaceKey.Derive([1], "tenant", "m", "t");
        int[] tokens = new int[Tokens];
        var random = new Random(1);
        long largest = 0;
        using (var garnet = EmbeddedGarnet.Start(directory.Path))
        {
            await using var store = new RedisSequenceStore(new() { Redis = garnet.ConnectionString, RetentionBytes = 8 << 20 });
            for (int i = 0; i < Entries; i++)
            {
                int[] sequence = [.. tokens.Select(_ => random.Next(100_000))];
                sequence[0] = i;
                store.Append(new StoredSequence(@namespace, sequence));
                while (store.Statistics.QueuedBytes > 16 << 20)
                {
                    await Task.Delay(1, TestContext.Current.CancellationToken);
                }

                if (i % 100 == 0)
                {
                    largest = Math.Max(largest, Disk(directory.Path));
                }
            }
        }

        Assert.InRange(largest, 1, 512L << 20);
        using var again = EmbeddedGarnet.Start(directory.Path);
        await using var reopened = new RedisSequenceStore(new() { Redis = again.ConnectionString });
        List<StoredSequence> replayed = await reopened.ReplayAsync(@namespace, TestContext.Current.CancellationToken)
            .ToListAsync(TestContext.Current.CancellationToken);
        Assert.Equal(Enumerable.Range(Entries - replayed.Count, replayed.Count), replayed.Select(sequence => sequence.Tokens.Span[0]));
        Assert.InRange(replayed.Count, 50, 200);
    }

    private static long Disk(string directory) =>
        new DirectoryInfo(directory).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Exists ? file.Length : 0);
}
