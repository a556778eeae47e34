namespace Agentic.Proxy;

/// <summary>The checkpoint that ships with the server, so that it answers without any download.</summary>
internal static class BundledModel
{
    public const string Name = "agentic-tiny";

    /// <summary>Its directory: beside the executable where the server was published, in the repository where it was built; null if
    /// neither has it.</summary>
    public static string? Directory { get; } = Find(AppContext.BaseDirectory);

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
