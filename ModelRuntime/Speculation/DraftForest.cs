namespace Agentic.ModelRuntime;

/// <summary>One draft tree for each decoding sequence of a step, in the step's order. Reused from step to step.</summary>
internal sealed class DraftForest
{
    private readonly List<DraftTree> _trees = [];

    /// <summary>Trees in use.</summary>
    public int Count { get; private set; }

    public DraftTree this[int index] => _trees[index];

    /// <summary>Starts over with so many empty trees.</summary>
    public void Reset(int count)
    {
        while (_trees.Count < count)
            _trees.Add(new DraftTree());
        Count = count;
        for (int i = 0; i < count; i++)
            _trees[i].Clear();
    }
}
