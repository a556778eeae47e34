using System.Text.Json.Serialization;

namespace Agentic.Proxy;

/// <summary>A whole answer of <c>/v1/chat/completions</c>.</summary>
internal sealed record ChatCompletion(
    string Id, string Object, long Created, string Model, IReadOnlyList<ChatChoice> Choices, Usage Usage, string ServiceTier,
    string SystemFingerprint);

/// <summary>One answer.</summary>
/// <param name="FinishReason">stop, length, tool_calls or function_call.</param>
internal sealed record ChatChoice(int Index, AssistantMessage Message, ChatLogprobs? Logprobs, string FinishReason);

/// <summary>What the model said.</summary>
/// <param name="Content">Null where there are only calls.</param>
internal sealed record AssistantMessage(
    string Role, string? Content,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<ToolCall>? ToolCalls,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] FunctionCall? FunctionCall,
    string? Refusal, IReadOnlyList<string> Annotations)
{
    /// <summary>Extension, under the name most servers give it: what the model thought. Absent where it thought nothing.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ReasoningContent { get; init; }

    /// <summary>The same under vLLM's newer name.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Reasoning => ReasoningContent;
}

/// <summary>A call the model wants made.</summary>
internal sealed record ToolCall(string Id, string Type, FunctionCall Function);

/// <summary>Which function, with what.</summary>
/// <param name="Arguments">JSON as the model wrote it.</param>
internal sealed record FunctionCall(string Name, string Arguments);

/// <summary>Log-probabilities of the answer's tokens.</summary>
internal sealed record ChatLogprobs(IReadOnlyList<TokenLogprob> Content, string? Refusal);

/// <summary>One token's.</summary>
/// <param name="Token">Its text; bytes that are no text are written \xhh.</param>
/// <param name="Bytes">Its bytes; those of all tokens together are the answer.</param>
/// <param name="TopLogprobs">The most likely tokens, falling, with this one.</param>
internal sealed record TokenLogprob(string Token, float Logprob, IReadOnlyList<int> Bytes, IReadOnlyList<TopLogprob> TopLogprobs);

/// <summary>A token that might have stood there.</summary>
internal sealed record TopLogprob(string Token, float Logprob, IReadOnlyList<int> Bytes);

/// <summary>A piece of a streamed answer.</summary>
internal record ChatCompletionChunk(
    string Id, string Object, long Created, string Model, string ServiceTier, string SystemFingerprint,
    IReadOnlyList<ChatChunkChoice> Choices);

/// <summary>A piece of a stream that was asked for token counts; they are null in all but the last.</summary>
internal sealed record ChatCompletionUsageChunk(
    string Id, string Object, long Created, string Model, string ServiceTier, string SystemFingerprint,
    IReadOnlyList<ChatChunkChoice> Choices,
    [property: JsonPropertyOrder(1)] Usage? Usage)
    : ChatCompletionChunk(Id, Object, Created, Model, ServiceTier, SystemFingerprint, Choices);

/// <summary>A piece of one answer.</summary>
/// <param name="FinishReason">Set on the last.</param>
internal sealed record ChatChunkChoice(int Index, Delta Delta, ChatLogprobs? Logprobs, string? FinishReason);

/// <summary>What is added to the message.</summary>
[JsonDerivedType(typeof(RoleDelta))]
[JsonDerivedType(typeof(ContentDelta))]
[JsonDerivedType(typeof(ReasoningDelta))]
[JsonDerivedType(typeof(ToolCallsDelta))]
[JsonDerivedType(typeof(FunctionCallDelta))]
[JsonDerivedType(typeof(LastDelta))]
internal abstract record Delta;

/// <summary>The first.</summary>
internal sealed record RoleDelta(string Role, string? Content, string? Refusal) : Delta;

/// <summary>More text.</summary>
internal sealed record ContentDelta(string Content) : Delta;

/// <summary>More of what the model thinks, under both names that clients look for.</summary>
internal sealed record ReasoningDelta(string ReasoningContent, string Reasoning) : Delta;

/// <summary>A call, or more of one.</summary>
internal sealed record ToolCallsDelta(IReadOnlyList<ToolCallDelta> ToolCalls) : Delta;

/// <summary>The call, or more of it, for a client that sent <c>functions</c>.</summary>
internal sealed record FunctionCallDelta(FunctionDelta FunctionCall) : Delta;

/// <summary>Nothing more.</summary>
internal sealed record LastDelta : Delta;

/// <summary>Id, type and name stand in a call's first piece only.</summary>
internal sealed record ToolCallDelta(
    int Index,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Id,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Type,
    FunctionDelta Function);

/// <summary>Name stands in a call's first piece only.</summary>
internal sealed record FunctionDelta(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Name, string Arguments);
