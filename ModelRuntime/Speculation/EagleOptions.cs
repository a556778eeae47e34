namespace Agentic.ModelRuntime;

/// <summary>When a draft head stops growing a tree.</summary>
public enum DraftStop
{
    /// <summary>When the next level would not raise the expected tokens a second.</summary>
    Rate,

    /// <summary>When the entropy of its own distribution is high: √(0.15 · H) above 0.3 (SVIP, arXiv 2411.18462).</summary>
    Entropy,

    /// <summary>When what its beam holds is unlikely as a whole: below 0.4 (after DDD, arXiv 2409.00142).</summary>
    Beam,

    /// <summary>Never before its greatest depth (EAGLE-2, arXiv 2406.16858).</summary>
    Depth,
}

/// <summary>How a draft head grows its trees.</summary>
public sealed record EagleOptions
{
    /// <summary>Most children of a node.</summary>
    public int Children { get; init; } = 4;

    /// <summary>Most nodes of a tree that one level goes on from.</summary>
    public int Beam { get; init; } = 4;

    /// <summary>Most levels. The rate mostly stops before: of a good head, and where rows are cheap, twice as many as 8 bring 9 % more tokens a second.</summary>
    public int Depth { get; init; } = 16;

    /// <summary>When to stop before.</summary>
    public DraftStop Stop { get; init; } = DraftStop.Rate;

    /// <summary>Whether candidates of a sampled sequence are chosen with the very noise that the target will draw with. The tokens are the same.</summary>
    public bool Coupled { get; init; } = true;

    /// <summary>Pairs a head sees at most, counted from where it began or began again.</summary>
    public int WindowTokens { get; init; } = 1024;

    /// <summary>Pairs it begins with where it was not asked for a while.</summary>
    public int CatchUpTokens { get; init; } = 128;

    /// <summary>Ended sequences whose pairs are kept for those that begin as they did.</summary>
    public int EndedWindows { get; init; } = 16;

    /// <summary>Memory for the target's states.</summary>
    public long StateBytes { get; init; } = 256 << 20;
}
