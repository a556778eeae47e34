using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary>Proposes what followed earlier occurrences of the last token in the sequence itself, with a wrong sibling beside each node.</summary>
internal sealed class EchoDrafter(int vocabularySize) : IDrafter
{
    public DraftSource Source => DraftSource.Suffix;

    public void Begin(Sequence sequence)
    {
    }

    public void Propose(Sequence sequence, DraftTree tree, int maxNodes, int maxDepth)
    {
        ReadOnlySpan<int> tokens = sequence.Tokens;
        for (int at = tokens.Length - 2; at >= 0 && tree.Count < maxNodes; at--)
        {
            if (tokens[at] != tokens[^1])
                continue;
            for (int parent = -1, depth = 1; depth <= maxDepth && at + depth < tokens.Length && tree.Count < maxNodes; depth++)
            {
                tree.Add((tokens[at + depth] + 1) % vocabularySize, parent, 0.3f, DraftSource.Suffix);
                parent = tree.Add(tokens[at + depth], parent, 0.9f, DraftSource.Suffix);
            }
        }
    }

    public void Observe(Sequence sequence, DraftTree verified, ReadOnlySpan<int> committed)
    {
    }

    public void End(Sequence sequence)
    {
    }
}
