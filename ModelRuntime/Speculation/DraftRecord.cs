namespace Agentic.ModelRuntime;

/// <summary>How the drafts of one request have fared: a source that its namespace knows as good may be poor at this text, and the other way
/// round.</summary>
internal sealed class DraftRecord
{
    // What the namespace knows weighs as much as so many verified nodes: eagle.md §6.3.
    private const float PriorNodes = 20;
    private const float Forgetting = 0.98f;

    private readonly float[] _expected = new float[DraftTree.Sources];
    private readonly float[] _taken = new float[DraftTree.Sources];

    /// <summary>Taken by expected, over the sources that name a node, drawn towards 1 while little was seen.</summary>
    /// <param name="claims">[sources], 0 of those that do not name it.</param>
    public float Fortune(ReadOnlySpan<float> claims)
    {
        float expected = PriorNodes, taken = PriorNodes;
        for (int source = 0; source < claims.Length; source++)
        {
            if (claims[source] > 0)
                (expected, taken) = (expected + _expected[source], taken + _taken[source]);
        }

        return taken / expected;
    }

    /// <summary>A tree was verified.</summary>
    /// <param name="verified">The tree.</param>
    /// <param name="path">Accepted nodes.</param>
    /// <param name="committed">Tokens that became final: nodes beyond them were not looked at.</param>
    public void Learn(DraftTree verified, IReadOnlyList<int> path, int committed)
    {
        for (int node = 0, accepted = 0; node < verified.Count; node++)
        {
            bool taken = accepted < path.Count && path[accepted] == node;
            accepted += taken ? 1 : 0;
            int parent = verified.Parents[node], depth = verified.Depths[node];
            bool visited = depth <= committed && (depth == 1 || (depth - 2 < path.Count && path[depth - 2] == parent));
            if (!visited)
                continue;
            float conditional = verified.Probabilities[node] / verified.Reach(parent);
            ReadOnlySpan<float> claims = verified.Claims(node);
            for (int source = 0; source < claims.Length; source++)
            {
                if (claims[source] == 0)
                    continue;
                _expected[source] = (Forgetting * _expected[source]) + conditional;
                _taken[source] = (Forgetting * _taken[source]) + (taken ? 1 : 0);
            }
        }
    }
}
