using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Agentic.SuffixCache;
using Spectre.Console;

namespace Agentic.Proxy;

/// <summary><c>agentic cache stats</c>: what the store holds of each namespace.</summary>
internal static class CacheStats
{
    private const int WidthOfFiles = 200;
    private static readonly Option<bool> Json = new("--json") { Description = "Write the figures as JSON." };

    public static Command Create()
    {
        var command = new Command("stats", "Says what is kept of each namespace.") { Json };
        NamespaceFilter.AddOptions(command);
        CacheStore.AddOptions(command);
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var location = StoreLocation.Read(parsed);
        var filter = NamespaceFilter.Read(parsed, location);
        await using CacheStore store = CacheStore.Open(location);
        List<StoredNamespace> found = await store.FindAsync(filter, cancellation);
        List<NamespaceStats> rows = [];
        await Progress.RunAsync("reading", found.Sum(one => (double)one.Bytes), async report =>
        {
            foreach (StoredNamespace one in found)
            {
                rows.Add(await CountAsync(store.Sequences, one, filter, cancellation));
                report(one.Bytes);
            }
        });
        var stats = new StoreStats(
            store.Name, rows, rows.Sum(row => row.Sequences), rows.Sum(row => row.Tokens), rows.Sum(row => row.Bytes),
            store.Sequences.Statistics.Damaged);
        if (parsed.GetValue(Json))
            Console.WriteLine(JsonSerializer.Serialize(stats, CacheJson.Default.StoreStats));
        else
            Draw(stats);
        return 0;
    }

    private static async Task<NamespaceStats> CountAsync(
        RedisSequenceStore store, StoredNamespace one, NamespaceFilter filter, CancellationToken cancellation)
    {
        long sequences = 0, tokens = 0;
        DateTimeOffset? oldest = null, newest = null;
        await foreach (StoredSequence sequence in store.ReplayAsync(one.Key, cancellation))
        {
            sequences++;
            tokens += sequence.Tokens.Length;
            oldest = oldest < sequence.Time ? oldest : sequence.Time;
            newest = newest > sequence.Time ? newest : sequence.Time;
        }

        return new NamespaceStats(one.Key.ToString(), filter.TenantOf(one.Key), sequences, tokens, one.Bytes, oldest, newest);
    }

    private static void Draw(StoreStats stats)
    {
        if (Console.IsOutputRedirected)
            AnsiConsole.Profile.Width = WidthOfFiles;
        Table table = new Table().Border(TableBorder.Simple).AddColumns("namespace", "tenant")
            .AddColumns(Right("sequences"), Right("tokens"), Right("size"), Right("bytes/token")).AddColumns("oldest", "newest");
        foreach (NamespaceStats row in stats.Namespaces)
        {
            table.AddRow(
                NamespaceFilter.Short(NamespaceKey.Parse(row.Id)), Markup.Escape(row.Tenant ?? ""), Number(row.Sequences), Number(row.Tokens),
                ByteSize.Format(row.Bytes), Ratio(row.Bytes, row.Tokens), Time(row.Oldest), Time(row.Newest));
        }

        if (stats.Namespaces.Count > 1)
            table.AddRow("all", "", Number(stats.Sequences), Number(stats.Tokens), ByteSize.Format(stats.Bytes), Ratio(stats.Bytes, stats.Tokens), "", "");
        AnsiConsole.WriteLine($"{stats.Store}: {stats.Namespaces.Count} {(stats.Namespaces.Count == 1 ? "namespace" : "namespaces")}");
        if (stats.Namespaces.Count > 0)
            AnsiConsole.Write(table);
        if (stats.Damaged > 0)
            AnsiConsole.WriteLine($"{stats.Damaged} entries are damaged or foreign; servers skip them");
    }

    private static TableColumn Right(string header) => new TableColumn(header).RightAligned();

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Ratio(long bytes, long tokens) => tokens == 0 ? "" : ((double)bytes / tokens).ToString("N2", CultureInfo.InvariantCulture);

    private static string Time(DateTimeOffset? time) => time?.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) ?? "";
}

/// <summary>What a store holds.</summary>
/// <param name="Store">Where it is.</param>
/// <param name="Namespaces">Those asked for, the largest first.</param>
/// <param name="Sequences">In all of them.</param>
/// <param name="Tokens">In all of them.</param>
/// <param name="Bytes">Of their entries, as they are stored.</param>
/// <param name="Damaged">Entries that could not be read.</param>
internal sealed record StoreStats(
    string Store, IReadOnlyList<NamespaceStats> Namespaces, long Sequences, long Tokens, long Bytes, long Damaged);

/// <summary>What it holds of one.</summary>
/// <param name="Id">64 hexadecimal digits; the first half is the same for all namespaces of a tenant.</param>
/// <param name="Tenant">Its name, if it is among the configured ones or those asked for.</param>
/// <param name="Sequences">Kept.</param>
/// <param name="Tokens">In them.</param>
/// <param name="Bytes">Of their entries, as they are stored.</param>
/// <param name="Oldest">When the oldest of them was finished.</param>
/// <param name="Newest">When the newest of them was finished.</param>
internal sealed record NamespaceStats(
    string Id, string? Tenant, long Sequences, long Tokens, long Bytes, DateTimeOffset? Oldest, DateTimeOffset? Newest);

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(StoreStats))]
[JsonSerializable(typeof(CheckReport))]
internal sealed partial class CacheJson : JsonSerializerContext;
