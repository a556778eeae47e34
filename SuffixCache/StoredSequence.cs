namespace Agentic.SuffixCache;

/// <summary>A finished stretch of tokens as the store keeps it. Tokens are not copied: leave them as they are.</summary>
/// <param name="Namespace">Whose it is.</param>
/// <param name="Tokens">Token ids, none negative.</param>
public sealed record StoredSequence(NamespaceKey Namespace, ReadOnlyMemory<int> Tokens)
{
    /// <summary>Who wrote which stretches, in order; empty where nobody said. They sum to at most the tokens.</summary>
    public IReadOnlyList<TokenRun> Runs { get; init; } = [];

    /// <summary>When it was finished; the store keeps milliseconds.</summary>
    public DateTimeOffset Time { get; init; }
}

/// <summary>Consecutive tokens of one kind.</summary>
/// <param name="Kind">Who wrote them.</param>
/// <param name="Length">Tokens, at least one.</param>
public readonly record struct TokenRun(TokenKind Kind, int Length);

/// <summary>Who wrote a token. The numbers are stored.</summary>
public enum TokenKind : byte
{
    /// <summary>It was in the request, and nobody said whose it is: the template's own words, or a plain text.</summary>
    Prompt,

    /// <summary>The model wrote it.</summary>
    Output,

    /// <summary>In the request: a system or developer message.</summary>
    System,

    /// <summary>In the request: a user's message.</summary>
    User,

    /// <summary>In the request: a tool's result.</summary>
    Tool,

    /// <summary>In the request: an answer or call, perhaps written by another server.</summary>
    Assistant,
}
