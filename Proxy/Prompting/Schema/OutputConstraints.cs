using System.Text;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>The rules that answers must keep, each made once: agents send the same tools with every turn, so the newest grammars are kept,
/// and with them the masks they have been asked for.</summary>
internal sealed class OutputConstraints(ServedModel model)
{
    private const int MostKept = 32;

    private readonly Lazy<TokenTrie> _text = new(() => TrieOf(model.Codec, _ => false));
    private readonly Dictionary<string, LinkedListNode<Kept>> _kept = [];
    private readonly LinkedList<Kept> _newest = [];
    private readonly Lock _building = new();
    private TokenTrie? _withMarkers;

    /// <summary>The rule for a request's answers, or null if anything goes.</summary>
    /// <param name="request">What is asked.</param>
    /// <param name="format">How the model writes calls; the same each time.</param>
    /// <param name="opensThought">Null for a model that does not think; else whether the prompt ends within its thought.</param>
    /// <exception cref="ApiException">400: a schema cannot be kept.</exception>
    public ITokenConstraint? For(ChatCompletionRequest request, CallFormat format, bool? opensThought = null)
    {
        ToolUse tools = request.ToolUse;
        bool mustCall = tools.Forced is not null, mustKeep = tools.MayCall && tools.Functions.Any(function => function.Strict);
        if (request.ResponseFormat is null && !mustCall && !mustKeep)
            return null;
        if (model.EndTokenIds.Count == 0)
            throw ApiException.Invalid("The model has no token that ends a text, and so cannot end a constrained answer.",
                "response_format");
        ResponseFormat? shape = mustCall ? null : request.ResponseFormat;
        FunctionTool[] functions =
            [.. tools.MayCall ? tools.Functions.Where(function => tools.Forced is null || tools.Forced.Contains(function.Name)) : []];
        string key = $"{shape?.Schema?.ToJsonString()} {shape?.Lenient} {mustCall} {tools.MostCalls} {opensThought} "
            + string.Concat(functions.Select(function => $"{function.Name} {function.Strict} {function.Parameters?.ToJsonString()} "));
        TokenMasks masks = Keep(key, () => new TokenMasks(
            AnswerGrammar.Of(shape, functions, mustCall, tools.MostCalls, format, opensThought),
            functions.Length > 0 || opensThought is not null ? WithMarkers(format, opensThought is not null) : _text.Value));
        return new GrammarConstraint(masks, [.. model.EndTokenIds.Concat(request.StopTokenIds ?? []).Distinct()]);
    }

    /// <summary>What is kept under a key, now the newest. It is made outside the lock: one request's large schema makes no other
    /// wait.</summary>
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

    private TokenTrie WithMarkers(CallFormat format, bool thinks)
    {
        lock (_building)
            return _withMarkers ??= TrieOf(model.Codec, markup => format.IsMarker(markup) || (thinks && ReasoningParser.IsMarker(markup)));
    }

    /// <summary>The tokens that are text, and such markup as a rule speaks of.</summary>
    private static TokenTrie TrieOf(ITextCodec codec, Predicate<string> isMarker) => new(codec.VocabularySize, id =>
    {
        ReadOnlySpan<byte> bytes = codec.TokenBytes(id);
        return !codec.IsSpecial(id) || isMarker(Encoding.UTF8.GetString(bytes)) ? bytes.ToArray() : [];
    });

    private sealed record Kept(string Key, Lazy<TokenMasks> Masks);
}
