namespace Agentic.SuffixCache;

/// <summary>A stored sequence on its way into a log: what the log held before it, in place of what it repeats, and the tokens that are
/// new.</summary>
internal sealed class StoredPart
{
    /// <summary>Context, then what is new.</summary>
    public required int[] Tokens { get; init; }

    /// <summary>How many tokens are context only, or indexed since.</summary>
    public required int Start { get; set; }

    /// <summary>By how much a token's index here exceeds the one in the stored sequence.</summary>
    public required int Shift { get; init; }

    /// <summary>Whether the log ended in the context.</summary>
    public required bool Continues { get; set; }

    /// <summary>Tokens of the whole sequence before the first one here.</summary>
    public required int Offset { get; init; }

    /// <summary>Hash of the blocks up to <see cref="Chained"/>.</summary>
    public required uint Chain { get; set; }

    /// <summary>Where the first block not in the hash begins.</summary>
    public required int Chained { get; set; }
}
