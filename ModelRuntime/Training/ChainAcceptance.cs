namespace Agentic.ModelRuntime;

/// <summary>How far chains of a head's first choices go along a text that the target wrote.</summary>
/// <param name="Tried">[depths] chains that came so far, and had a token of the text to meet there.</param>
/// <param name="Accepted">[depths] those whose token at this depth is the text's.</param>
/// <param name="Steps">Passes that decoding the texts with these chains takes, each chain starting where the last one ended.</param>
/// <param name="Emitted">Tokens those passes bring.</param>
public sealed record ChainAcceptance(IReadOnlyList<long> Tried, IReadOnlyList<long> Accepted, long Steps, long Emitted)
{
    /// <summary>Tokens a pass brings, the target's own one included.</summary>
    public double Length => Steps == 0 ? 0 : (double)Emitted / Steps;

    /// <summary>[depths] share of the chains that came so far and went on.</summary>
    public IReadOnlyList<double> ByDepth => [.. Tried.Zip(Accepted, (tried, accepted) => tried == 0 ? 0 : (double)accepted / tried)];

    /// <summary>Of no texts.</summary>
    internal static ChainAcceptance None(int depths) => new(new long[depths], new long[depths], 0, 0);

    /// <summary>Of the texts of both.</summary>
    internal ChainAcceptance And(ChainAcceptance other) => new(
        [.. Tried.Zip(other.Tried, (a, b) => a + b)], [.. Accepted.Zip(other.Accepted, (a, b) => a + b)],
        Steps + other.Steps, Emitted + other.Emitted);
}
