using System.CommandLine;
using System.Globalization;
using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary><c>agentic cache export</c>: all that is kept, or some namespaces of it, into one file.</summary>
internal static class CacheExport
{
    private static readonly Argument<string> FileName = new("FILE")
    {
        Description = "Written anew; what was there stays until the new one is whole. - is standard output.",
    };

    public static Command Create()
    {
        var command = new Command("export", "Writes what is kept into one file, which \"agentic cache import\" reads.") { FileName };
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
        if (found.Count == 0 && !filter.IsAll)
            throw new CommandException($"nothing was exported: {store.Name} holds nothing of what was named");

        long sequences = 0, tokens = 0;
        await using NewFile file = new("FILE", parsed.GetRequiredValue(FileName));
        await Progress.RunAsync("export", found.Sum(one => (double)one.Bytes), async report =>
        {
            using SequenceFileWriter writer = new(file.Stream);
            foreach (StoredNamespace one in found)
            {
                await foreach (StoredSequence sequence in store.Sequences.ReplayAsync(one.Key, cancellation))
                {
                    writer.Add(sequence);
                    (sequences, tokens) = (sequences + 1, tokens + sequence.Tokens.Length);
                }

                report(one.Bytes);
            }

            writer.Complete();
        });
        string size = await file.CompleteAsync() is long bytes ? $" in {ByteSize.Format(bytes)}" : "";
        (file.IsStandard ? Console.Error : Console.Out).WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{sequences:N0} sequences, {tokens:N0} tokens of {found.Count} {(found.Count == 1 ? "namespace" : "namespaces")}{size}"));
        if (store.Sequences.Statistics.Damaged is > 0 and long damaged)
            Console.Error.WriteLine($"agentic: {damaged} entries of the store are damaged or foreign, and were left out");
        return 0;
    }
}
