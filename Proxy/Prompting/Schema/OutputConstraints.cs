using System.Text;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>What answers must look like: JSON of a schema, calls of functions with arguments of theirs, or text in which calls are whole.</summary>
/// <remarks>Agents send the same tools with every turn: the newest grammars are kept, and with them the masks they have been asked for.</remarks>
internal sealed class OutputConstraints(ServedModel model)
{
    private const int MostKept = 32;
    private const int MostCalls = 128;

    private readonly Lazy<TokenTrie> _text = new(() => TrieOf(model.Codec, markers: false));
    private readonly Lazy<TokenTrie> _withCalls = new(() => TrieOf(model.Codec, markers: true));
    private readonly Dictionary<string, LinkedListNode<Kept>> _kept = [];
    private readonly LinkedList<Kept> _newest = [];

    /// <summary>The rule for a request's answers, or null if anything goes.</summary>
    /// <exception cref="ApiException">400: a schema cannot be kept.</exception>
    public ITokenConstraint? For(ChatCompletionRequest request)
    {
        ToolUse tools = request.ToolUse;
        bool mustCall = tools.Forced is not null, mustKeep = tools.MayCall && tools.Functions.Any(function => function.Strict);
        if (request.ResponseFormat is null && !mustCall && !mustKeep)
            return null;
        if (model.EndTokenIds.Count == 0)
            throw ApiException.Invalid("The model has no token that ends a text, and so cannot end a constrained answer.", "response_format");
        ResponseFormat? format = mustCall ? null : request.ResponseFormat;
        FunctionTool[] functions =
            [.. tools.MayCall ? tools.Functions.Where(function => tools.Forced is null || tools.Forced.Contains(function.Name)) : []];
        string key = $"{format?.Schema?.ToJsonString()} {format?.Lenient} {mustCall} {tools.MostCalls} "
            + string.Concat(functions.Select(function => $"{function.Name} {function.Strict} {function.Parameters?.ToJsonString()} "));
        TokenMasks masks = Keep(key, () => new TokenMasks(
            Compile(format, functions, mustCall, tools.MostCalls), (functions.Length > 0 ? _withCalls : _text).Value));
        return new GrammarConstraint(masks, [.. model.EndTokenIds.Concat(request.StopTokenIds ?? []).Distinct()]);
    }

    /// <summary>What is kept under a key, now the newest. It is made outside the lock: one request's large schema makes no other wait.</summary>
    private TokenMasks Keep(string key, Func<TokenMasks> make)
    {
        LinkedListNode<Kept>? node;
        lock (_kept)
        {
            if (_kept.TryGetValue(key, out node))
                _newest.Remove(node);
            else
                _kept[key] = node = new(new(key, new(make)));
            _newest.AddFirst(node);
            if (_newest.Count > MostKept)
            {
                _kept.Remove(_newest.Last!.Value.Key);
                _newest.RemoveLast();
            }
        }

        try
        {
            return node.Value.Masks.Value;
        }
        catch (ApiException)
        {
            Drop(node);   // nothing worth a place
            throw;
        }
    }

    private void Drop(LinkedListNode<Kept> node)
    {
        lock (_kept)
        {
            if (node.List is null)
                return;
            _newest.Remove(node);
            _kept.Remove(node.Value.Key);
        }
    }

    private sealed record Kept(string Key, Lazy<TokenMasks> Masks);

    private static TokenTrie TrieOf(ITextCodec codec, bool markers)
    {
        byte[] open = Encoding.UTF8.GetBytes(ToolCallParser.OpenMarker), close = Encoding.UTF8.GetBytes(ToolCallParser.CloseMarker);
        return new TokenTrie(codec.VocabularySize, id =>
        {
            ReadOnlySpan<byte> bytes = codec.TokenBytes(id);
            bool isText = !codec.IsSpecial(id) || (markers && (bytes.SequenceEqual(open) || bytes.SequenceEqual(close)));
            return isText ? bytes.ToArray() : [];
        });
    }

    private static Grammar Compile(ResponseFormat? format, FunctionTool[] functions, bool mustCall, int mostCalls)
    {
        Grammar grammar = new();
        JsonGrammar json = new(grammar);
        Language call = grammar.Choice([.. functions.Select(function => Call(json, function))]);
        Language calls = grammar.Sequence(
            json.Text(ToolCallParser.OpenMarker), call,
            grammar.Repeat(grammar.Sequence(json.Space, json.Text(ToolCallParser.OpenMarker), call), 0, Math.Min(mostCalls, MostCalls) - 1));
        if (mustCall)
            grammar.Start = calls;
        else if (format is not null)
            grammar.Start = grammar.Choice(format.Compile(json), calls);
        else
            grammar.Start = grammar.Free = TextWith(json, call);
        return grammar;
    }

    /// <summary>What comes after a call's first marker.</summary>
    private static Language Call(JsonGrammar json, FunctionTool function)
    {
        Grammar grammar = json.Grammar;
        Language name = json.Member(json.Name("name"), json.Name(function.Name));
        Language arguments = json.Member(json.Name("arguments"), function.Compile(json));
        return grammar.Sequence(
            json.Space, json.Brackets("{", grammar.Sequence(name, json.Comma, arguments), mayBeEmpty: false, "}"),
            json.Space, json.Text(ToolCallParser.CloseMarker));
    }

    /// <summary>Any text in which every call's marker is followed by a call: an automaton over how much of the marker has just come.</summary>
    private static GrammarRule TextWith(JsonGrammar json, Language call)
    {
        Grammar grammar = json.Grammar;
        string marker = ToolCallParser.OpenMarker;
        GrammarRule[] matched = [.. marker.Select(_ => grammar.Rule())];
        for (int i = 0; i < marker.Length; i++)
        {
            ByteSet next = ByteSet.Of((byte)marker[i]), first = ByteSet.Of((byte)marker[0]);
            Language more = i + 1 < marker.Length ? matched[i + 1] : grammar.Sequence(call, matched[0]);
            matched[i].Body = grammar.Choice(
                grammar.Empty,
                grammar.Sequence(grammar.Bytes(next), more),
                i == 0 ? grammar.Nothing : grammar.Sequence(grammar.Bytes(first), matched[1]),   // the marker's first byte comes in it once
                grammar.Sequence(grammar.Bytes(~(next | first)), matched[0]));
        }

        return matched[0];
    }
}
