namespace Agentic.ModelRuntime;

/// <summary>One draft tree for each decoding sequence of a step, in the step's order. Reused from step to step.</summary>
internal sealed class DraftForest
{
    private readonly List<(DraftTree Tree, DraftTree Proposed)> _trees = [];

    /// <summary>Trees in use.</summary>
    public int Count { get; private set; }

    public DraftTree this[int index] => _trees[index].Tree;

    /// <summary>A tree as it was before it was cut to what pays.</summary>
    public DraftTree Proposed(int index) => _trees[index].Proposed;

    /// <summary>Starts over with so many empty trees.</summary>
    public void Reset(int count)
    {
        while (_trees.Count < count)
            _trees.Add((new DraftTree(), new DraftTree()));
        Count = count;
        for (int i = 0; i < count; i++)
        {
            _trees[i].Tree.Clear();
            _trees[i].Proposed.Clear();
        }
    }
}
