using System.Diagnostics;
using System.Net;
using Agentic.SuffixCache;

namespace Agentic.Tests;

/// <summary>A real Redis behind a network that is slow or gone: whoever appends does not notice, and what was accepted arrives.</summary>
[Trait("Category", "Redis")]
public sealed class SlowStoreTests : StoreTesting
{
    private protected override StoreServer Server { get; } = new RedisServer();

    [Fact]
    public async Task SlowNetwork_DelaysNoCallerAndLosesNothing()
    {
        await using DelayingProxy network = new(IPEndPoint.Parse(Server.Address)) { Delay = TimeSpan.FromMilliseconds(100) };
        await using RedisSequenceStore far = Over(network, TimeSpan.FromSeconds(5)), near = Store();
        RecordingFollower ofFar = new(), ofNear = new();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Ended);
        Task[] following = [far.FollowAsync([One], ofFar, stop.Token), near.FollowAsync([One], ofNear, stop.Token)];
        StoredSequence[] fars = [.. Sequences(One, seed: 1, count: 300)], nears = [.. Sequences(One, seed: 2, count: 300)];

        var appending = Stopwatch.StartNew();
        Array.ForEach(fars, far.Append);
        Assert.InRange(appending.Elapsed, TimeSpan.Zero, TimeSpan.FromMilliseconds(50));   // half of one way of one command
        Array.ForEach(nears, near.Append);

        await UntilAsync(() => ofFar.Added.Count >= nears.Length && ofNear.Added.Count >= fars.Length);
        AssertSame(fars, ofNear.Added);
        AssertSame(nears, ofFar.Added);
        Assert.Equal((0, 0), (far.Statistics.Failures, far.Statistics.Dropped));
        await stop.CancelAsync();
        await Task.WhenAll(following);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task NetworkSlowerThanPatienceOrGone_CatchesUpAfterwards(bool gone)
    {
        await using DelayingProxy network = new(IPEndPoint.Parse(Server.Address));
        await using RedisSequenceStore far = Over(network, TimeSpan.FromMilliseconds(300)), near = Store();
        RecordingFollower ofFar = new();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Ended);
        Task following = far.FollowAsync([One], ofFar, stop.Token);
        StoredSequence[] fars = [.. Sequences(One, seed: 3, count: 90)], nears = [.. Sequences(One, seed: 4, count: 90)];
        await AppendAsync(far, near, fars.AsMemory(0, 30), nears.AsMemory(0, 30));
        await UntilAsync(() => ofFar.Added.Count >= 30 && far.Statistics.Queued == 0);

        (network.IsHole, network.Delay) = (gone, gone ? TimeSpan.Zero : TimeSpan.FromMilliseconds(800));
        await AppendAsync(far, near, fars.AsMemory(30, 30), nears.AsMemory(30, 30));
        await UntilAsync(() => far.Statistics.Failures > 1 && ofFar.TimesAway > 0);
        (network.IsHole, network.Delay) = (false, TimeSpan.Zero);
        await AppendAsync(far, near, fars.AsMemory(60, 30), nears.AsMemory(60, 30));

        await UntilAsync(() => far.Statistics.Queued == 0 && near.Statistics.Queued == 0 && ofFar.Added.Count >= nears.Length);
        AssertSame(nears, ofFar.Added);
        List<StoredSequence> replayed = await ReplayAsync(One);
        Assert.Equal(fars.Concat(nears).Select(Line).Order(StringComparer.Ordinal), replayed.Select(Line).Order(StringComparer.Ordinal));
        Assert.Equal(0, far.Statistics.Dropped);
        await stop.CancelAsync();
        await following;
    }

    private static RedisSequenceStore Over(DelayingProxy network, TimeSpan timeout) => new(new() { Redis = network.Address, Timeout = timeout });

    private static async Task AppendAsync(
        RedisSequenceStore far, RedisSequenceStore near, ReadOnlyMemory<StoredSequence> fars, ReadOnlyMemory<StoredSequence> nears)
    {
        for (int i = 0; i < fars.Length; i++)
        {
            far.Append(fars.Span[i]);
            near.Append(nears.Span[i]);
            await Task.Yield();
        }
    }
}
