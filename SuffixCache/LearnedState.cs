namespace Agentic.SuffixCache;

/// <summary>What drafting has learned of one namespace, apart from its texts: how far to trust what.</summary>
/// <remarks>One that comes from a store stays packed until somebody drafts from it: a start takes over those of all namespaces, a tenth as
/// large, and few are asked for soon.</remarks>
public sealed class LearnedState
{
    private readonly Lazy<(VoteWeights Weights, Calibration Calibration)> _content;

    internal LearnedState(NamespaceKey @namespace, long tokens, VoteWeights weights, Calibration calibration) =>
        (Namespace, Tokens, _content) = (@namespace, tokens, new((weights, calibration)));

    private LearnedState(NamespaceKey @namespace, long tokens, byte[] stored)
    {
        (Namespace, Tokens, Stored) = (@namespace, tokens, stored);
        _content = new(() =>
        {
            LearnedState state = LearnedCodec.Decode(@namespace, stored)!;
            return (state.Weights, state.Calibration);
        });
    }

    /// <summary>Whose it is; nobody else's drafts may depend on it.</summary>
    public NamespaceKey Namespace { get; }

    /// <summary>Written tokens that it was learned from, by this process and those before it.</summary>
    public long Tokens { get; }

    /// <summary>As <see cref="LearnedCodec"/> writes it, if it came so.</summary>
    internal byte[]? Stored { get; }

    internal VoteWeights Weights => _content.Value.Weights;

    internal Calibration Calibration => _content.Value.Calibration;

    /// <summary>Of its memory, until it is unpacked.</summary>
    internal long Bytes => Stored?.Length ?? Weights.Bytes;

    /// <summary>The same, unpacked again when its weights are first asked for.</summary>
    /// <param name="stored">What it was decoded from.</param>
    internal LearnedState Packed(byte[] stored) => new(Namespace, Tokens, stored);
}
