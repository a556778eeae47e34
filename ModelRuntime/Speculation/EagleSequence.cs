namespace Agentic.ModelRuntime;

/// <summary>What a draft head knows of one sequence: a window of true pairs in its KV blocks, and the tree it drafts at the moment.</summary>
internal sealed class EagleSequence(EagleMemory memory) : IDisposable
{
    // A sequence's own gains weigh against what was expected of them as much as so many tokens.
    private const float PriorTokens = 2;
    private const float Forgetting = 0.98f;

    private readonly List<Candidate> _candidates = [];
    private readonly List<bool> _taken = [];
    private readonly List<int> _rowOfNode = [];
    private readonly List<int> _candidateOfNode = [];
    private float _gained, _expected;

    /// <summary>Blocks of the head's pool; null while it holds none.</summary>
    public int[]? Blocks { get; set; }

    /// <summary>Position of the first pair in them.</summary>
    public int Start { get; set; }

    /// <summary>Pairs in them, all of true states.</summary>
    public int Length { get; set; }

    /// <summary>The step in which it was last drafted for.</summary>
    public long LastUsed { get; set; }

    /// <summary>[1 + rows, hidden]: what the head put out for the last true pair, and for each row of its tree.</summary>
    public NativeArray<float> Hidden { get; } = new();

    /// <summary>Nodes of the tree that the head has run, in that order.</summary>
    public List<int> Rows { get; } = [];

    /// <summary>[rows, words] masks of their ancestors among them.</summary>
    public List<uint> Masks { get; } = [];

    /// <summary>Whether the last level ran a row of its tree.</summary>
    public bool IsGrowing { get; set; }

    /// <summary>First row of the last level.</summary>
    public int LevelStart { get; set; }

    public EagleMemory Memory => memory;

    /// <summary>How its gains compare with what was expected of them.</summary>
    public float GainFactor => (_gained + PriorTokens) / (_expected + PriorTokens);

    /// <summary>A new step: no tree yet.</summary>
    public void Clear()
    {
        Rows.Clear();
        Masks.Clear();
        _candidates.Clear();
        _rowOfNode.Clear();
        _candidateOfNode.Clear();
        (IsGrowing, LevelStart) = (false, 0);
    }

    /// <summary>The row that ran a node; −1 of the root, and of a node that was not run.</summary>
    public int RowOf(int node) => node >= 0 && node < _rowOfNode.Count ? _rowOfNode[node] : -1;

    public void AddRow(int node)
    {
        Set(_rowOfNode, node, Rows.Count);
        Rows.Add(node);
    }

    /// <summary>Takes note of a candidate.</summary>
    /// <param name="node">Its node of the tree.</param>
    /// <param name="parent">The node it follows, or −1.</param>
    /// <param name="tree">The tree.</param>
    /// <param name="kind">For the calibrator.</param>
    /// <param name="share">Among its siblings.</param>
    /// <param name="gainKind">For the gains.</param>
    /// <param name="gain">What was expected of it.</param>
    /// <param name="isNew">Whether no other source named it.</param>
    public void AddCandidate(int node, int parent, DraftTree tree, int kind, float share, int gainKind, float gain, bool isNew) =>
        Set(_candidateOfNode, node, Add(tree.TokenIds[node], Own(parent, tree), kind, share, gainKind, gain, isNew));

    /// <summary>Every candidate whose parent the target came to, and went on from, is a label, verified or not.</summary>
    public void Learn(ReadOnlySpan<int> committed)
    {
        _taken.Clear();
        foreach (Candidate candidate in _candidates)
        {
            bool known = (candidate.Parent < 0 || _taken[candidate.Parent]) && candidate.Depth <= committed.Length;
            bool taken = known && candidate.TokenId == committed[candidate.Depth - 1];
            _taken.Add(taken);
            if (!known || candidate.Kind < 0)
                continue;
            memory.Claims.Learn(candidate.Kind, candidate.Share, taken);
            memory.Gains.Learn(candidate.GainKind, 1, taken && candidate.IsNew);
            _gained = (Forgetting * _gained) + (taken && candidate.IsNew ? 1 : 0);
            _expected = (Forgetting * _expected) + candidate.Gain;
        }

        _candidates.Clear();
    }

    public void Dispose() => Hidden.Dispose();

    /// <summary>The candidate of a node, or a silent one for a node that only others named.</summary>
    private int Own(int node, DraftTree tree)
    {
        if (node < 0)
            return -1;
        if (node < _candidateOfNode.Count && _candidateOfNode[node] >= 0)
            return _candidateOfNode[node];
        int own = Add(tree.TokenIds[node], Own(tree.Parents[node], tree), -1, 0, 0, 0, false);
        Set(_candidateOfNode, node, own);
        return own;
    }

    private int Add(int tokenId, int parent, int kind, float share, int gainKind, float gain, bool isNew)
    {
        int depth = parent < 0 ? 1 : _candidates[parent].Depth + 1;
        _candidates.Add(new Candidate(tokenId, parent, depth, kind, share, gainKind, gain, isNew));
        return _candidates.Count - 1;
    }

    private static void Set(List<int> list, int at, int value)
    {
        while (list.Count <= at)
            list.Add(-1);
        list[at] = value;
    }

    private readonly record struct Candidate(
        int TokenId, int Parent, int Depth, int Kind, float Share, int GainKind, float Gain, bool IsNew);
}
