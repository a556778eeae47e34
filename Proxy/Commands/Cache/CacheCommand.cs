using System.CommandLine;

namespace Agentic.Proxy;

/// <summary><c>agentic cache</c>: what the suffix cache keeps, of a server that runs or one that is stopped.</summary>
internal static class CacheCommand
{
    public static Command Create() => new("cache", "Looks after what the suffix cache keeps, whether a server runs or not.")
    {
        CacheStats.Create(),
        CacheExport.Create(),
        CacheImport.Create(),
        CachePurge.Create(),
        CacheCheck.Create(),
    };
}
