using System.CommandLine;
using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary><c>agentic cache purge</c>: erases what a tenant, a namespace or everybody left, from the store and from running servers.</summary>
internal static class CachePurge
{
    private static readonly Option<bool>
        All = new("--all") { Description = "Everything of everybody." },
        Yes = new("--yes", "-y") { Description = "Do not ask." };

    public static Command Create()
    {
        var command = new Command("purge", "Erases what was kept, from the store and from the memory of servers that use it.") { All, Yes };
        NamespaceFilter.AddOptions(command);
        CacheStore.AddOptions(command);
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var location = StoreLocation.Read(parsed);
        var filter = NamespaceFilter.Read(parsed, location);
        if (filter.IsAll != parsed.GetValue(All))
            throw new CommandException("purge: say what to erase: --tenant NAME, --namespace ID, or --all alone");
        await using CacheStore store = CacheStore.Open(location);
        List<StoredNamespace> found = await store.FindAsync(filter, cancellation, empty: true);
        string what = $"{found.Count} {(found.Count == 1 ? "namespace" : "namespaces")}, {ByteSize.Format(found.Sum(one => one.Bytes))}, of {store.Name}";
        if (found.Count == 0)
        {
            Console.WriteLine($"Nothing to erase: {store.Name} holds nothing of it.");
            return 0;
        }

        if (!parsed.GetValue(Yes) && !IsConfirmed(what))
            throw new CommandException("nothing was erased");
        foreach (StoredNamespace one in found)
            await store.Sequences.DeleteAsync(one.Key, cancellation);
        Console.WriteLine($"Erased {what}. Servers that use it forget it within seconds.");
        return 0;
    }

    private static bool IsConfirmed(string what)
    {
        if (Console.IsInputRedirected)
            throw new CommandException($"nothing was erased; add --yes to erase {what}");
        Console.Write($"Erase {what}? It cannot be undone. [y/N] ");
        return Console.ReadLine()?.Trim() is "y" or "Y" or "yes";
    }
}
