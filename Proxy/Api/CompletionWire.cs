using System.Text.Json.Serialization;

namespace Agentic.Proxy;

/// <summary>An answer of <c>/v1/completions</c>, or a piece of a streamed one.</summary>
internal record Completion(string Id, string Object, long Created, string Model, IReadOnlyList<CompletionChoice> Choices,
    string SystemFingerprint);

/// <summary>An answer with token counts, or a piece of a stream that was asked for them; they are null in all but its last.</summary>
internal sealed record CompletionWithUsage(
    string Id, string Object, long Created, string Model, IReadOnlyList<CompletionChoice> Choices, string SystemFingerprint,
    [property: JsonPropertyOrder(1)] Usage? Usage)
    : Completion(Id, Object, Created, Model, Choices, SystemFingerprint);

/// <summary>One text, or a piece of it.</summary>
/// <param name="FinishReason">stop or length; null before the end.</param>
internal sealed record CompletionChoice(string Text, int Index, CompletionLogprobs? Logprobs, string? FinishReason);

/// <summary>Log-probabilities in the older form: parallel lists.</summary>
/// <param name="TextOffset">Where each token begins, in characters of the choice's text.</param>
internal sealed record CompletionLogprobs(
    IReadOnlyList<string> Tokens, IReadOnlyList<float?> TokenLogprobs, IReadOnlyList<IReadOnlyDictionary<string, float>?> TopLogprobs,
    IReadOnlyList<int> TextOffset);
