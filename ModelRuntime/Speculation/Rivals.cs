namespace Agentic.ModelRuntime;

/// <summary>What the sources asked before say about a node: one that they contradict is taken far less often than one that they also name.</summary>
internal static class Rivals
{
    /// <summary>Nobody speaks, they agree, they half agree, they say something else, they are sure of something else.</summary>
    public const int Kinds = 5;

    private const float Heard = 0.25f, Likely = 0.5f, Sure = 0.75f;

    public static int Kind(DraftTree tree, int parent, int token, DraftSource source)
    {
        float reached = parent < 0 ? 1 : tree.Probabilities[parent], same = 0, others = 0;
        for (int node = parent + 1; node < tree.Count; node++)
        {
            if (tree.Parents[node] != parent)
                continue;
            if (tree.TokenIds[node] == token)
                same = tree.Probabilities[node];
            else if (tree.Claim(node, source) == 0)
                others += tree.Probabilities[node];
        }

        if (same > 0)
            return same >= Likely * reached ? 1 : 2;
        return others >= Sure * reached ? 4 : others >= Heard * reached ? 3 : 0;
    }

    /// <summary>Priors of every kind beside each of a source's own classes.</summary>
    public static float[] Priors(ReadOnlySpan<float> own)
    {
        float[] priors = new float[own.Length * Kinds];
        for (int i = 0; i < own.Length; i++)
        {
            Span<float> kinds = priors.AsSpan(i * Kinds, Kinds);
            (kinds[0], kinds[1], kinds[2]) = (own[i], 1 - (0.3f * (1 - own[i])), own[i]);
            (kinds[3], kinds[4]) = (0.5f * own[i], 0.2f * own[i]);
        }

        return priors;
    }
}
