using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary>Random trees over a scripted model, with the model's own likely path often among them.</summary>
internal sealed class GuessingDrafter(int seed, int vocabularySize) : IDrafter
{
    private readonly Random _random = new(seed);
    private readonly HashSet<Sequence> _begun = [];

    public DraftSource Source => DraftSource.Suffix;

    public void Begin(Sequence sequence) => Assert.True(_begun.Add(sequence));

    public void Propose(Sequence sequence, DraftTree tree, int maxNodes, int maxDepth)
    {
        Assert.Contains(sequence, _begun);
        int[] history = sequence.Tokens.ToArray();
        float[] logits = new float[vocabularySize];
        int parent = -1, depth = 0;
        for (int i = _random.Next(maxNodes + 1); i > 0; i--)
        {
            if (depth == maxDepth || _random.Next(5) == 0)
                (parent, depth, history) = (-1, 0, sequence.Tokens.ToArray());
            ScriptedModel.Score(history, logits);
            int token = _random.Next(4) == 0 ? _random.Next(vocabularySize) : Array.IndexOf(logits, logits.Max());
            parent = tree.Add(token, parent, 0.9f, DraftSource.Suffix);
            depth++;
            history = [.. history, token];
        }
    }

    public void Observe(Sequence sequence, DraftTree verified, ReadOnlySpan<int> committed)
    {
        Assert.Contains(sequence, _begun);
        Assert.True(sequence.Tokens.EndsWith(committed));
    }

    public void End(Sequence sequence) => Assert.True(_begun.Remove(sequence));

    public void AssertAllEnded() => Assert.Empty(_begun);
}
