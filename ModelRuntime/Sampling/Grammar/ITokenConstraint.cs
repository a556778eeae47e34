namespace Agentic.ModelRuntime;

/// <summary>A rule over which tokens may come next: the seam of grammars and forced tool calls.</summary>
/// <remarks>Stateful and fed only tokens that are final, in order, so it needs no way back: a draft never advances it.</remarks>
public interface ITokenConstraint
{
    /// <summary>Whether the rule still forbids anything.</summary>
    bool IsActive { get; }

    /// <summary>Sets the logits of tokens that may not come next to −∞; leaves at least one.</summary>
    /// <param name="logits">[vocabulary].</param>
    void Mask(Span<float> logits);

    /// <summary>Whether the token may come next: drafts that may not are not worth verifying.</summary>
    bool Allows(int tokenId);

    /// <summary>Takes note of the token that came.</summary>
    void Advance(int tokenId);

    /// <summary>A copy in its first state, for another choice of the same request.</summary>
    ITokenConstraint Restart();
}
