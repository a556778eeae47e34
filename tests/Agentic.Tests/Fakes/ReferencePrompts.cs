using System.Text.Json;
using Agentic.Proxy;

namespace Agentic.Tests;

/// <summary>Prompts for the bundled model, with the reference's greedy tokens after each. They move with the weights.</summary>
internal static class ReferencePrompts
{
    public static IReadOnlyList<(int[] PromptIds, int[] OutputIds)> Greedy { get; } =
        [.. File.ReadLines(Path.Combine(BundledModel.Directory!, "greedy.jsonl")).Select(line => JsonDocument.Parse(line).RootElement).Select(
            entry => (Ids(entry, "prompt_ids"), Ids(entry, "output_ids")))];

    private static int[] Ids(JsonElement entry, string name) => [.. entry.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];
}
