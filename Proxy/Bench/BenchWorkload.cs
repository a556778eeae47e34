using System.Text.Json.Nodes;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>Calls that are measured together.</summary>
/// <param name="Name">Shown in the results.</param>
/// <param name="Calls">In order: earlier ones are history to later ones.</param>
/// <param name="Skipped">Which calls were left out, and why.</param>
/// <param name="Temperature">Instead of the run's.</param>
/// <param name="Tokens">Tokens of every answer, instead of the run's most and the model's own end.</param>
internal sealed record BenchWorkload(
    string Name, IReadOnlyList<BenchCall> Calls, IReadOnlyList<string> Skipped, float? Temperature = null, int? Tokens = null)
{
    /// <summary>Name of the workload in which nothing repeats.</summary>
    public const string Control = "novel";

    /// <summary>Name of the workload of calls of all kinds in turn.</summary>
    public const string Mixture = "mixed";

    private const float NovelTemperature = 2;
    private const int NovelTokens = 64;

    /// <summary>Reads conversation files into one workload for each kind that they name.</summary>
    /// <param name="modelDirectory">Whose template and tokenizer lay them out.</param>
    /// <param name="files">JSON lines, plain or gzip.</param>
    /// <param name="forced">Whether the recorded answers are kept.</param>
    /// <param name="context">Longest prompt and answer together.</param>
    /// <param name="maxCalls">Calls of one workload; the rest is left out.</param>
    public static List<BenchWorkload> Read(string modelDirectory, IEnumerable<string> files, bool forced, int context, int maxCalls)
    {
        Tokenizer tokenizer = Tokenizer.Load(modelDirectory);
        ChatTemplate template = ChatTemplate.Load(modelDirectory);
        var codec = new TokenizerCodec(tokenizer);
        var encoder = new PromptEncoder(codec, template, mostRememberedTokens: 0);
        Dictionary<string, (List<BenchCall> Calls, List<string> Skipped)> workloads = [];
        foreach (ConversationFile.Call call in files.SelectMany(ConversationFile.Read))
        {
            if (!workloads.TryGetValue(call.Workload, out (List<BenchCall> Calls, List<string> Skipped) workload))
                workloads[call.Workload] = workload = ([], []);
            if (workload.Calls.Count == maxCalls)
                continue;
            BenchCall? encoded = Encode(call, forced);
            int tokens = encoded is null ? 0 : encoded.PromptIds.Length + (encoded.OutputIds?.Length ?? 1);
            string? reason = encoded is null ? "the template does not lay it out"
                : encoded.OutputIds is [] ? "its answer is empty"
                : tokens >= context ? $"{tokens} tokens, {context - 1} fit"
                : null;
            if (reason is null)
                workload.Calls.Add(encoded!);
            else
                workload.Skipped.Add($"call {workload.Calls.Count + workload.Skipped.Count + 1} ({reason})");
        }

        return [.. workloads.Select(entry => new BenchWorkload(entry.Key, entry.Value.Calls, entry.Value.Skipped))];

        BenchCall? Encode(ConversationFile.Call call, bool withAnswer)
        {
            try
            {
                string prompt = template.Render(call.Prompt);
                int[]? answer = null;
                if (withAnswer)
                {
                    string whole = template.Render(call.WithAnswer);
                    if (!whole.StartsWith(prompt, StringComparison.Ordinal))
                        return null;
                    answer = tokenizer.Encode(whole[prompt.Length..], addSpecialTokens: false);
                }

                int[] ids = tokenizer.Encode(prompt, addSpecialTokens: false);
                return new BenchCall(call.Workload, ids, answer)
                {
                    PromptRuns = PromptRoles.Runs(codec, prompt, ids, [.. call.Prompt["messages"]!.AsArray().Select(message => message!.AsObject())]),
                    CallSkeletons = call.Prompt["tools"] is JsonArray tools ? encoder.CallSkeletons(default, tools) : [],
                };
            }
            catch (ChatTemplateException)
            {
                // A conversation that the template refuses cannot be sent to this model: it counts among the skipped.
                return null;
            }
        }
    }

    /// <summary>A line for each workload that lost calls, naming the first of them.</summary>
    public static string TellSkipped(IEnumerable<BenchWorkload> workloads)
    {
        const int Most = 8;
        return string.Concat(workloads.Where(workload => workload.Skipped.Count > 0).Select(workload =>
            $"{workload.Name}: left out {string.Join(", ", workload.Skipped.Take(Most))}" +
            $"{(workload.Skipped.Count > Most ? $" and {workload.Skipped.Count - Most} more" : "")}{Environment.NewLine}"));
    }

    /// <summary>Calls of all workloads in turn, as a server gets them from many agents.</summary>
    public static BenchWorkload Mixed(IReadOnlyList<BenchWorkload> workloads, int maxCalls)
    {
        IEnumerable<BenchCall> calls = workloads.SelectMany(workload => workload.Calls.Select((call, at) => (call, At: (at + 0.5) / workload.Calls.Count)))
            .OrderBy(entry => entry.At).Select(entry => entry.call with { Workload = Mixture });
        return new(Mixture, [.. calls.Take(maxCalls)], []);
    }

    /// <summary>A control in which nothing repeats: random prompts, at a temperature where the model improvises.</summary>
    public static BenchWorkload Novel(int vocabularySize, int calls)
    {
        const int PromptTokens = 64;
        var random = new Random(1);
        int[] Prompt() => [.. Enumerable.Range(0, PromptTokens).Select(_ => random.Next(vocabularySize))];
        return new(Control, [.. Enumerable.Range(0, calls).Select(_ => new BenchCall(Control, Prompt(), null))], [], NovelTemperature, NovelTokens);
    }
}
