using System.Diagnostics.Metrics;
using Agentic.Proxy;
using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed class CacheMetricsTests
{
    [Fact]
    public async Task EachMetricOfCacheAndStore_IsDocumented()
    {
        List<string> names = [];
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, _) =>
        {
            lock (names)
                names.Add(instrument.Meter.Name == "Agentic.SuffixCache" ? instrument.Name : "");
        };
        listener.Start();
        await using var store = new RecordingSequenceStore();
        using var history = new SuffixHistory(100, 1 << 20);
        using var ofCache = new CacheMetrics(history, _ => "");
        using var ofStore = new StoreMetrics(store);

        string text = await File.ReadAllTextAsync(Path.Combine(TestFiles.Root, "docs", "speculation.md"), TestContext.Current.CancellationToken);
        string[] published;
        lock (names)
            published = [.. names.Where(name => name.Length > 0).Distinct()];
        Assert.InRange(published.Length, 20, 100);
        Assert.All(published, name => Assert.Contains($"`{name}`", text, StringComparison.Ordinal));
    }
}
