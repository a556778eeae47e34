namespace Agentic.Tests;

/// <summary>Files of the repository that tests read.</summary>
internal static class TestFiles
{
    /// <summary>The repository's root.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>A path under tests/golden.</summary>
    public static string Golden(params ReadOnlySpan<string> parts) => Path.Combine([Root, "tests", "golden", .. parts]);

    private static string FindRoot()
    {
        DirectoryInfo? directory = new(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "Agentic.sln")))
            directory = directory.Parent;
        return directory?.FullName ?? throw new InvalidOperationException($"{AppContext.BaseDirectory} is in no clone of the repository.");
    }
}
