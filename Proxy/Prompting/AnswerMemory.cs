using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary>The token ids of answers already given, found again by the message the client sends back. Least recently used ones go
/// first.</summary>
/// <param name="mostTokens">Tokens kept over all namespaces.</param>
internal sealed class AnswerMemory(int mostTokens)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, LinkedListNode<Answer>> _answers = [];
    private readonly LinkedList<Answer> _byUse = [];
    private int _tokens;

    /// <summary>An answer as it was generated.</summary>
    /// <param name="Key">Of namespace and message.</param>
    /// <param name="Text">As the model wrote it, call markers included.</param>
    /// <param name="Ids">Its tokens.</param>
    internal sealed record Answer(string Key, string Text, int[] Ids);

    /// <summary>Keeps what was generated for a message.</summary>
    public void Keep(NamespaceKey space, JsonObject message, string text, int[] ids)
    {
        if (ids.Length == 0 || ids.Length > mostTokens)
            return;
        Answer answer = new(KeyOf(space, message), text, ids);
        lock (_lock)
        {
            if (_answers.Remove(answer.Key, out LinkedListNode<Answer>? old))
                Drop(old);
            _answers[answer.Key] = _byUse.AddFirst(answer);
            _tokens += ids.Length;
            while (_tokens > mostTokens)
            {
                _answers.Remove(_byUse.Last!.Value.Key);
                Drop(_byUse.Last);
            }
        }
    }

    /// <summary>What was generated for a message, or null.</summary>
    public Answer? Find(NamespaceKey space, JsonObject message)
    {
        string key = KeyOf(space, message);
        lock (_lock)
        {
            if (!_answers.TryGetValue(key, out LinkedListNode<Answer>? node))
                return null;
            _byUse.Remove(node);
            _byUse.AddFirst(node);
            return node.Value;
        }
    }

    private void Drop(LinkedListNode<Answer> node)
    {
        _byUse.Remove(node);
        _tokens -= node.Value.Ids.Length;
    }

    /// <summary>Hash of what the answer says: its text and calls. Ids of calls are left out, since clients rewrite them.</summary>
    private static string KeyOf(NamespaceKey space, JsonObject message)
    {
        JsonArray said = [space.ToString(), ChatMessages.TextOf(message["content"]) ?? ""];
        foreach (JsonNode? call in message["tool_calls"] as JsonArray ?? [])
        {
            said.Add(call?["function"]?["name"]?.DeepClone());
            said.Add(call?["function"]?["arguments"]?.DeepClone());
        }

        return Convert.ToHexString(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(said, WireJson.Default.JsonArray)));
    }
}
