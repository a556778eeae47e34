namespace Agentic.Benchmarks;

/// <summary>The repository that the benchmarks were built in.</summary>
internal static class Clone
{
    public static string Root()
    {
        string? directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "Agentic.sln")))
            directory = Path.GetDirectoryName(directory);
        return directory ?? throw new InvalidOperationException("Run this inside a clone of the repository.");
    }
}
