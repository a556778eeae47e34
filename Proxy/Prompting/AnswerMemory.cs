using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary>The token ids of answers already given, found again by their place: what the client sends back, after all that came before
/// it. Two answers of the same words in one conversation may be spelled in other tokens. Least recently used ones go first.</summary>
/// <param name="mostTokens">Tokens kept over all namespaces.</param>
internal sealed class AnswerMemory(int mostTokens)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, LinkedListNode<Answer>> _answers = [];
    private readonly LinkedList<Answer> _byUse = [];
    private int _tokens;

    /// <summary>An answer as it was generated.</summary>
    /// <param name="Space">Whose it is.</param>
    /// <param name="Place">Of the conversation's namespace and messages, up to the answer's own.</param>
    /// <param name="Text">As the model wrote it, call markers included.</param>
    /// <param name="Ids">Its tokens.</param>
    internal sealed record Answer(NamespaceKey Space, string Place, string Text, int[] Ids);

    /// <summary>Keeps what was generated at a place.</summary>
    public void Keep(NamespaceKey space, string place, string text, int[] ids)
    {
        if (ids.Length == 0 || ids.Length > mostTokens)
            return;
        Answer answer = new(space, place, text, ids);
        lock (_lock)
        {
            if (_answers.Remove(place, out LinkedListNode<Answer>? old))
                Drop(old);
            _answers[place] = _byUse.AddFirst(answer);
            _tokens += ids.Length;
            while (_tokens > mostTokens)
            {
                _answers.Remove(_byUse.Last!.Value.Place);
                Drop(_byUse.Last);
            }
        }
    }

    /// <summary>What was generated at a place, or null.</summary>
    public Answer? Find(string place)
    {
        lock (_lock)
        {
            if (!_answers.TryGetValue(place, out LinkedListNode<Answer>? node))
                return null;
            _byUse.Remove(node);
            _byUse.AddFirst(node);
            return node.Value;
        }
    }

    /// <summary>Forgets what was generated in these namespaces.</summary>
    public void Forget(Predicate<NamespaceKey> whose)
    {
        lock (_lock)
        {
            foreach (LinkedListNode<Answer> node in _answers.Values.Where(node => whose(node.Value.Space)).ToArray())
            {
                _answers.Remove(node.Value.Place);
                Drop(node);
            }
        }
    }

    private void Drop(LinkedListNode<Answer> node)
    {
        _byUse.Remove(node);
        _tokens -= node.Value.Ids.Length;
    }

    /// <summary>Where a namespace's conversations begin.</summary>
    public static string Start(NamespaceKey space) => space.ToString();

    /// <summary>The place after one more message: hash of what it says, its text and calls. Ids of calls are left out, since clients
    /// rewrite them.</summary>
    public static string After(string place, JsonObject message)
    {
        JsonArray said = [place, message["role"]?.DeepClone(), ChatMessages.TextOf(message["content"]) ?? ""];
        foreach (JsonNode? call in message["tool_calls"] as JsonArray ?? [])
        {
            said.Add(call?["function"]?["name"]?.DeepClone());
            said.Add(call?["function"]?["arguments"]?.DeepClone());
        }

        return Convert.ToHexString(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(said, WireJson.Default.JsonArray)));
    }
}
