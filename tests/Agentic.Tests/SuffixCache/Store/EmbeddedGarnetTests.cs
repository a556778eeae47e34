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
        string below = Path.Combine(file, "store");
        InvalidOperationException refused = Assert.Throws<InvalidOperationException>(() => EmbeddedGarnet.Start(below));
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
        const int Entries = 6000, Tokens = 40_000;   // 83 KB an entry: 500 MB through a log of 8 MB
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

        Assert.InRange(largest, 1, 256L << 20);
        using var again = EmbeddedGarnet.Start(directory.Path);
        await using var reopened = new RedisSequenceStore(new() { Redis = again.ConnectionString });
        List<StoredSequence> replayed = await reopened.ReplayAsync(@namespace, TestContext.Current.CancellationToken)
            .ToListAsync(TestContext.Current.CancellationToken);
        Assert.Equal(Enumerable.Range(Entries - replayed.Count, replayed.Count), replayed.Select(sequence => sequence.Tokens.Span[0]));
        Assert.InRange(replayed.Count, 50, 200);
    }

    [Theory]
    [InlineData(0.0, false)]
    [InlineData(0.5, false)]
    [InlineData(0.5, true)]
    public async Task DamagedFile_StartsOrSaysWhatToDo(double at, bool cut)
    {
        using var directory = new TemporaryDirectory();
        var @namespace = NamespaceKey.Derive([1], "tenant", "m", "t");
        using (var garnet = EmbeddedGarnet.Start(directory.Path))
        {
            await using var store = new RedisSequenceStore(new() { Redis = garnet.ConnectionString });
            for (int i = 0; i < 200; i++)
            {
                store.Append(new StoredSequence(@namespace, new[] { i, 1, 2, 3 }));
                while (store.Statistics.Queued > 0)
                {
                    await Task.Delay(1, TestContext.Current.CancellationToken);
                }
            }
        }

        string log = Directory.GetFiles(Path.Combine(directory.Path, "AOF"), "aof.log*").Single();
        byte[] bytes = await File.ReadAllBytesAsync(log, TestContext.Current.CancellationToken);
        int place = (int)(at * Array.FindLastIndex(bytes, b => b != 0));
        bytes = cut ? bytes[..place] : [.. bytes[..place], .. new byte[64], .. bytes[(place + 64)..]];
        await File.WriteAllBytesAsync(log, bytes, TestContext.Current.CancellationToken);

        try
        {
            using var again = EmbeddedGarnet.Start(directory.Path);
            await using var reopened = new RedisSequenceStore(new() { Redis = again.ConnectionString });
            int[] replayed = [.. await reopened.ReplayAsync(@namespace, TestContext.Current.CancellationToken)
                .Select(sequence => sequence.Tokens.Span[0]).ToListAsync(TestContext.Current.CancellationToken)];
            Assert.Equal(replayed.Order(), replayed);   // what is left is whole
        }
        catch (InvalidOperationException refused)
        {
            Assert.Contains("Move the directory away", refused.Message, StringComparison.Ordinal);
        }
    }

    private static long Disk(string directory) =>
        new DirectoryInfo(directory).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Exists ? file.Length : 0);
}
