namespace Agentic.ModelRuntime;

/// <summary>How often the target takes a node once it has come to the node's parent, by classes of nodes that a source tells apart.</summary>
/// <remarks>Online, and for one namespace: what one tenant's texts are like does not show in another's drafts.</remarks>
internal sealed class EdgeCalibrator
{
    // Counts halve here, so that the last few hundred nodes of a class decide.
    private const float MostNodes = 500;

    private readonly float[] _priors;
    private readonly float[] _asked;
    private readonly float[] _taken;

    private readonly float _priorNodes;

    /// <param name="priors">[classes] what is believed of each before anything was seen, between 0 and 1.</param>
    /// <param name="priorNodes">A prior weighs as much as so many nodes seen.</param>
    public EdgeCalibrator(ReadOnlySpan<float> priors, float priorNodes = 4)
    {
        _priorNodes = priorNodes;
        _priors = priors.ToArray();
        _asked = new float[priors.Length];
        _taken = new float[priors.Length];
    }

    /// <summary>Of a node to which the source itself gives such a share among its siblings.</summary>
    /// <param name="kind">Its class.</param>
    /// <param name="share">Among its siblings.</param>
    /// <param name="trust">In the class's prior, 1 for as much as was believed.</param>
    public float Probability(int kind, float share, float trust = 1) =>
        Math.Min(1, share * (_taken[kind] + (_priorNodes * trust * _priors[kind])) / (_asked[kind] + _priorNodes));

    /// <summary>What was believed of a class before anything was seen.</summary>
    public float Prior(int kind) => _priors[kind];

    /// <summary>How far a probability of the class may well be off: half of 1 / √nodes seen.</summary>
    public float Doubt(int kind) => 0.5f / MathF.Sqrt(_asked[kind] + _priorNodes);

    /// <summary>The target came to a node's parent, and went on.</summary>
    /// <param name="kind">Of the node.</param>
    /// <param name="share">Among its siblings.</param>
    /// <param name="taken">Whether to the node.</param>
    /// <param name="weight">Of one that counts less than others: below 1.</param>
    public void Learn(int kind, float share, bool taken, float weight = 1)
    {
        _asked[kind] += weight * share;
        _taken[kind] += taken ? weight : 0;
        if (_asked[kind] <= MostNodes)
            return;
        _asked[kind] /= 2;
        _taken[kind] /= 2;
    }
}
