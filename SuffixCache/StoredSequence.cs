namespace Agentic.SuffixCache;

/// <summary>A finished stretch of tokens as the store keeps it. Tokens are not copied: leave them as they are.</summary>
/// <param name="Namespace">Whose it is.</param>
/// <param name="Tokens">Token ids, none negative.</param>
public sealed record StoredSequence(NamespaceKey Namespace, ReadOnlyMemory<int> Tokens)
{
    /// <summary>Which stretches are prompt and which output, in order; empty where nobody said. They sum to at most the tokens.</summary>
    public IReadOnlyList<TokenRun> Runs { get; init; } = [];

    /// <summary>When it was finished; the store keeps milliseconds.</summary>
    public DateTimeOffset Time { get; init; }
}

/// <summary>Consecutive tokens of one kind.</summary>
/// <param name="Kind">Who wrote them.</param>
/// <param name="Length">Tokens, at least one.</param>
public readonly record struct TokenRun(TokenKind Kind, int Length);

/// <summary>Who wrote a token.</summary>
public enum TokenKind : byte
{
    /// <summary>It was in the request.</summary>
    Prompt,

    /// <summary>The model wrote it.</summary>
    Output,
}
