using System.Text.Json;

namespace Agentic.Tests;

/// <summary>The model that the project ships, found from wherever the tests run.</summary>
internal static class BundledModel
{
    public static string Directory { get; } = Path.Combine(RepositoryRoot(), "models", "agentic-tiny");

    /// <summary>Recorded prompts, with the reference's greedy tokens after each.</summary>
    public static IReadOnlyList<(int[] PromptIds, int[] OutputIds)> Greedy { get; } =
        [.. File.ReadLines(Path.Combine(Directory, "greedy.jsonl")).Select(line => JsonDocument.Parse(line).RootElement).Select(
            entry => (Ids(entry, "prompt_ids"), Ids(entry, "output_ids")))];

    private static int[] Ids(JsonElement entry, string name) => [.. entry.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];

    private static string RepositoryRoot()
    {
        string? directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "Agentic.sln")))
            directory = Path.GetDirectoryName(directory);
        return directory ?? throw new DirectoryNotFoundException("The tests run outside the repository.");
    }
}
