using System.Text.Json;

namespace Agentic.Tests;

/// <summary>A prompt and the reference library's greedy output, from the bundled model's greedy.jsonl.</summary>
internal sealed record GreedyCase(int[] PromptIds, int[] OutputIds)
{
    public static List<GreedyCase> ReadAll(string directory) => [.. File.ReadLines(Path.Combine(directory, "greedy.jsonl")).Select(Parse)];

    private static GreedyCase Parse(string line)
    {
        using JsonDocument document = JsonDocument.Parse(line);
        return new GreedyCase(Ids("prompt_ids"), Ids("output_ids"));

        int[] Ids(string key) => [.. document.RootElement.GetProperty(key).EnumerateArray().Select(id => id.GetInt32())];
    }
}
