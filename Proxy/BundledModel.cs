namespace Agentic.Proxy;

/// <summary>The checkpoint that ships with the server, so that it answers without any download.</summary>
internal static class BundledModel
{
    public const string Name = "agentic-tiny";

    /// <summary>Its directory: beside the executable where the server was published, in the repository where it was built; null if
    /// neither has it.</summary>
    public static string? Directory { get; } = Find(AppContext.BaseDirectory);

    /// <summary>The directory of the draft head that ships with it, if this is its directory and the head is there.</summary>
    public static string? DraftHeadOf(string modelDirectory) =>
        Directory is { } own && Path.GetFullPath(own) == Path.TrimEndingDirectorySeparator(Path.GetFullPath(modelDirectory))
        && File.Exists(Path.Combine(own + "-eagle3", "config.json")) ? own + "-eagle3" : null;

    internal static string? Find(string from)
    {
        for (DirectoryInfo? folder = new(from); folder is not null; folder = folder.Parent)
        {
            string candidate = Path.Combine(folder.FullName, "models", Name);
            if (File.Exists(Path.Combine(candidate, "config.json")))
                return candidate;
        }

        return null;
    }
}
