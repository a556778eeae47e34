using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Agentic.ModelRuntime;
using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary>Writes calls of a request's tools as the chat template writes them, cut where a value is the model's to choose.</summary>
/// <remarks>The template itself lays them out, so any format is met. Kept per namespace and tool: an agent sends the same tools on each
/// turn.</remarks>
internal sealed class CallLayouts(ITextCodec codec, IChatTemplate template, TemplateTraits traits)
{
    private const int MostRememberedTools = 4096;
    private const int MostPromptTokens = 4;
    private const string TextInstead = "value", ValueInstead = "1";

    private static readonly JsonSerializerOptions Compact = new() { Encoder = WireJson.Encoder };

    private readonly Lock _lock = new();
    private readonly Dictionary<(NamespaceKey Space, string Tool), List<CallSkeleton>> _tools = [];

    /// <summary>What the template can take.</summary>
    public TemplateTraits Traits => traits;

    /// <summary>Tools laid out and kept.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _tools.Count;
        }
    }

    /// <summary>Layouts of each tool, the tools numbered in their order.</summary>
    public IReadOnlyList<CallSkeleton> Of(NamespaceKey space, JsonArray tools)
    {
        List<CallSkeleton> skeletons = [];
        for (int tool = 0; tool < tools.Count; tool++)
        {
            (NamespaceKey, string) key = (space, tools[tool]!.ToJsonString());
            List<CallSkeleton>? layouts;
            lock (_lock)
                _tools.TryGetValue(key, out layouts);
            if (layouts is null)
            {
                layouts = [.. LayOut(tools[tool]!["function"]!)];
                lock (_lock)
                {
                    if (_tools.Count == MostRememberedTools)
                        _tools.Clear();   // rather than keep an order of use for what takes 0.1 ms to make again
                    _tools[key] = layouts;
                }
            }

            skeletons.AddRange(layouts.Select(layout => layout with { Tool = tool }));
        }

        return skeletons;
    }

    /// <summary>Forgets the tools seen in these namespaces.</summary>
    public void Forget(Predicate<NamespaceKey> whose)
    {
        lock (_lock)
        {
            foreach ((NamespaceKey Space, string Tool) key in _tools.Keys.Where(key => whose(key.Space)).ToArray())
                _tools.Remove(key);
        }
    }

    private IEnumerable<CallSkeleton> LayOut(JsonNode function)
    {
        string name = function["name"]!.GetValue<string>();
        foreach (JsonObject arguments in ArgumentSkeleton.Variants(function["parameters"]))
        {
            // A template that prints arguments as they come leaves the spacing to the model: without spaces, or with them as Python has it.
            JsonNode[] styles = traits.StringArguments
                ? [arguments.ToJsonString(Compact),
                    PyJson.Dump(PyJson.From(arguments), ensureAscii: false, null, null, null, sortKeys: false)]
                : [arguments];
            for (int style = 0; style < styles.Length; style++)
            {
                if (Render(name, styles[style]) is (string text, int prompt) && Cut(text, prompt, style) is { } skeleton)
                    yield return skeleton;
            }
        }
    }

    /// <summary>What is put before an answer, so many characters, and what comes after it; null where the template does not write calls
    /// there.</summary>
    private (string Text, int PromptLength)? Render(string name, JsonNode arguments)
    {
        try
        {
            string text = template.Render(new JsonObject
            {
                ["messages"] = new JsonArray(
                    new JsonObject { ["role"] = "user", ["content"] = "q" },
                    new JsonObject
                    {
                        ["role"] = "assistant",
                        ["content"] = traits.WantsText ? "" : null,
                        ["tool_calls"] = new JsonArray(new JsonObject
                        {
                            ["id"] = "call00000",
                            ["type"] = "function",
                            ["function"] = new JsonObject { ["name"] = name, ["arguments"] = arguments.DeepClone() },
                        }),
                    }),
                ["tools"] = null,
                ["documents"] = null,
                ["add_generation_prompt"] = false,
            });
            if (!text.Contains(name, StringComparison.Ordinal))
                return null;
            foreach (string start in (string[])[traits.GenerationPrompt, traits.AnswerStart])
            {
                if (start.Length > 0 && text.LastIndexOf(start, StringComparison.Ordinal) is var at and >= 0)
                    return (text[at..], start.Length);
            }

            return null;
        }
        catch (JinjaException)
        {
            return null;   // a template without calls: there is nothing to draft
        }
    }

    /// <summary>Encodes the text with likely values in the marks' places, and leaves out the tokens that touch them.</summary>
    private CallSkeleton? Cut(string text, int promptLength, int style)
    {
        List<(int Start, int End)> pieces = [];
        var filled = new StringBuilder();
        int bytes = 0;
        foreach ((string piece, string value) in Pieces(text))
        {
            int length = Encoding.UTF8.GetByteCount(piece);
            pieces.Add((bytes, bytes + length));
            filled.Append(piece).Append(value);
            bytes += length + value.Length;
        }

        int[] ids = codec.Encode(filled.ToString(), addSpecialTokens: false);
        int prompt = Encoding.UTF8.GetByteCount(text.AsSpan(0, promptLength)), promptTokens = 0, at = 0, next = 0;
        List<int>[] tokens = [.. pieces.Select(_ => new List<int>())];
        foreach (int id in ids)
        {
            int end = at + codec.TokenBytes(id).Length;
            while (next < pieces.Count && pieces[next].End <= at)
                next++;
            if (next < pieces.Count && pieces[next].Start <= at && end <= pieces[next].End)
                tokens[next].Add(id);
            promptTokens += end <= prompt ? 1 : 0;
            at = end;
        }

        if (at != bytes || tokens[0].Count <= promptTokens)
            return null;   // the tokens do not spell the text, as under a tokenizer that normalises
        tokens[0].RemoveRange(0, Math.Max(0, promptTokens - MostPromptTokens));
        return new CallSkeleton(0, style, [.. tokens.Where(piece => piece.Count > 0).Select(piece => piece.ToArray())],
            Math.Min(promptTokens, MostPromptTokens));
    }

    private static IEnumerable<(string Piece, string Value)> Pieces(string text)
    {
        string value = ArgumentSkeleton.ValueMark.ToString(System.Globalization.CultureInfo.InvariantCulture);
        for (int start = 0; ;)
        {
            int free = text.IndexOf(ArgumentSkeleton.TextMark, start, StringComparison.Ordinal),
                other = text.IndexOf(value, start, StringComparison.Ordinal);
            bool isText = free >= 0 && (other < 0 || free < other);
            int at = isText ? free : other;
            yield return at < 0 ? (text[start..], "") : (text[start..at], isText ? TextInstead : ValueInstead);
            if (at < 0)
                yield break;
            start = at + (isText ? ArgumentSkeleton.TextMark.Length : value.Length);
        }
    }
}
