namespace Agentic.Proxy;

/// <summary>Writes an answer's events as chunks. Id, time, model and fingerprint are the same in all of them.</summary>
internal sealed class ChatChunks(
    EventStream stream, string id, long created, string model, string fingerprint, bool withUsage, Logprobs? logprobs, bool legacy)
{
    private const string ObjectName = "chat.completion.chunk";
    private readonly HashSet<int> _begun = [];
    private readonly Dictionary<int, List<ScoredToken>> _unsent = [];

    /// <summary>What one token of a choice brought.</summary>
    public void Write(int index, ChoiceReader choice, OutputEvents events, List<ScoredToken> scores, string? finishReason)
    {
        List<ScoredToken>? pending = Pending(index);
        pending?.AddRange(scores);
        if (choice.IsUndecided)
            return;   // the first chunk says whether there is content
        if (_begun.Add(index))
            WriteDelta(index, new RoleDelta("assistant", choice.BeginsWithCall ? null : "", null), logprobs?.Chat([]), null);
        foreach (OutputEvent next in events)
            WriteDelta(index, DeltaOf(next), TakeLogprobs(pending), null);
        if (finishReason is null)
            return;
        if (pending is { Count: > 0 })   // of tokens that showed nothing, such as a call's end
            WriteDelta(index, new LastDelta(), TakeLogprobs(pending), null);
        WriteDelta(index, new LastDelta(), null, finishReason);
    }

    /// <summary>The chunk after all choices, if it was asked for, and the end.</summary>
    public void WriteEnd(Usage usage)
    {
        if (withUsage)
            stream.Write(new ChatCompletionUsageChunk(id, ObjectName, created, model, Wire.ServiceTier, fingerprint, [], usage),
                WireJson.Wire.ChatCompletionUsageChunk);
        stream.WriteDone();
    }

    private List<ScoredToken>? Pending(int index) =>
        logprobs is null ? null : _unsent.TryGetValue(index, out List<ScoredToken>? pending) ? pending : _unsent[index] = [];

    private ChatLogprobs? TakeLogprobs(List<ScoredToken>? pending)
    {
        if (pending is null)
            return null;
        ChatLogprobs taken = logprobs!.Chat(pending);
        pending.Clear();
        return taken;
    }

    private Delta DeltaOf(OutputEvent next) => next.Kind switch
    {
        OutputEventKind.Text => new ContentDelta(next.Text),
        OutputEventKind.Reasoning => new ReasoningDelta(next.Text, next.Text),
        OutputEventKind.CallStart when legacy => new FunctionCallDelta(new FunctionDelta(next.Text, "")),
        OutputEventKind.CallStart =>
            new ToolCallsDelta([new ToolCallDelta(next.Call, next.CallId, "function", new FunctionDelta(next.Text, ""))]),
        _ when legacy => new FunctionCallDelta(new FunctionDelta(null, next.Text)),
        _ => new ToolCallsDelta([new ToolCallDelta(next.Call, null, null, new FunctionDelta(null, next.Text))]),
    };

    private void WriteDelta(int index, Delta delta, ChatLogprobs? scores, string? finishReason)
    {
        ChatChunkChoice[] choices = [new(index, delta, scores, finishReason)];
        if (withUsage)
            stream.Write(new ChatCompletionUsageChunk(id, ObjectName, created, model, Wire.ServiceTier, fingerprint, choices, null),
                WireJson.Wire.ChatCompletionUsageChunk);
        else
            stream.Write(new ChatCompletionChunk(id, ObjectName, created, model, Wire.ServiceTier, fingerprint, choices),
                WireJson.Wire.ChatCompletionChunk);
    }
}
