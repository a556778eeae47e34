namespace Agentic.SuffixCache;

/// <summary>What drafting has learned of one namespace, apart from its texts: how far to trust what.</summary>
public sealed class LearnedState
{
    internal LearnedState(NamespaceKey @namespace, long tokens, VoteWeights weights, Calibration calibration) =>
        (Namespace, Tokens, Weights, Calibration) = (@namespace, tokens, weights, calibration);

    /// <summary>Whose it is; nobody else's drafts may depend on it.</summary>
    public NamespaceKey Namespace { get; }

    /// <summary>Written tokens that it was learned from, by this process and those before it.</summary>
    public long Tokens { get; }

    internal VoteWeights Weights { get; }

    internal Calibration Calibration { get; }
}
