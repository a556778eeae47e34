namespace Agentic.ModelRuntime;

/// <summary>What a draft head knows of one sequence: a window of true pairs in its KV blocks, and the tree it drafts at the moment.</summary>
internal sealed class EagleSequence(EagleMemory memory)
{
    // How often a sequence's tokens were foreseen weighs against what was expected as much as so many tokens.
    private const float PriorTokens = 20;
    private const float Forgetting = 0.98f;

    /// <summary>Pairs that a step pays for itself. More are an investment: they serve later steps, and prompts that begin alike.</summary>
    public const int FewPairs = 16;

    private const int UsualPairs = 4;

    private readonly List<Candidate> _candidates = [];
    private readonly List<bool> _outcomes = [];
    private readonly List<int> _rowOfNode = [];
    private readonly List<int> _candidateOfNode = [];
    private float _taken, _expected, _savedPerToken;

    /// <summary>Blocks of the head's pool; null while it holds none.</summary>
    public int[]? Blocks { get; set; }

    /// <summary>Position of the first pair in them.</summary>
    public int Start { get; set; }

    /// <summary>Pairs in them, all of true states.</summary>
    public int Length { get; set; }

    /// <summary>The step in which it was last drafted for.</summary>
    public long LastUsed { get; set; }

    /// <summary>Nodes of the tree that the head has run, in that order.</summary>
    public List<int> Rows { get; } = [];

    /// <summary>[rows, words] masks of their ancestors among them.</summary>
    public List<uint> Masks { get; } = [];

    /// <summary>Whether the last level ran a row of its tree.</summary>
    public bool IsGrowing { get; set; }

    /// <summary>Whether the head was run for its tree.</summary>
    public bool HasRun { get; set; }

    /// <summary>First row of the last level.</summary>
    public int LevelStart { get; set; }

    public EagleMemory Memory => memory;

    /// <summary>Whether what ended sequences left was looked through.</summary>
    public bool HasLooked { get; set; }

    /// <summary>An ended sequence's window that it begins as, of which <see cref="Start"/> and <see cref="Length"/> speak until it is run: only then are
    /// the pairs copied.</summary>
    public HeadWindows.Ended? Found { get; set; }

    // How often the target took the head's first candidates, by how often that was expected.
    private float Fortune => (_taken + PriorTokens) / (_expected + PriorTokens);

    /// <summary>Pairs that a step is charged with; one that needs many is seen as one of those that they serve.</summary>
    public static int PairsCharged(int pairs) => pairs <= FewPairs ? pairs : UsualPairs;

    /// <summary>What asking the head about a node is likely to show.</summary>
    /// <param name="depth">Of the node's children.</param>
    /// <param name="rivalShare">As in <see cref="FrontierNode"/>.</param>
    public Foresight Foresee(int depth, float rivalShare)
    {
        Foresight foresight = memory.Foresee(depth, rivalShare);
        return foresight with { Agrees = Math.Min(1, foresight.Agrees * Fortune), Own = Math.Min(1, foresight.Own * Fortune) };
    }

    /// <summary>Whether the sequence is worth what it costs to catch up with it.</summary>
    /// <param name="sequence">The engine's.</param>
    /// <param name="pairs">That the head has not seen.</param>
    /// <param name="savedPerToken">Seconds that it would save a token of this step, if it had.</param>
    /// <param name="stepTokens">Tokens of this step.</param>
    /// <param name="cost">Knows what catching up costs.</param>
    public bool IsWorthCatchUp(Sequence sequence, int pairs, double savedPerToken, double stepTokens, LevelCost cost)
    {
        _savedPerToken = (float)savedPerToken;
        if (pairs <= FewPairs)
            return true;
        double later = Math.Max(0, Math.Min(memory.AnswerTokens, sequence.RemainingTokens) - stepTokens);

        // What is run now need not be run for the next prompt that begins alike: in the long run a catch-up costs what they cost lately.
        return (stepTokens * savedPerToken) + (later * memory.SavedPerToken) > cost.PairSeconds((int)Math.Min(pairs, memory.CatchUpPairs));
    }

    /// <summary>What the head turned out to save a token of this step, if it was run.</summary>
    public void Saved(double savedPerToken)
    {
        if (HasRun)
            _savedPerToken = (float)savedPerToken;
    }

    /// <summary>A new step: no tree yet.</summary>
    public void Clear()
    {
        Rows.Clear();
        Masks.Clear();
        _candidates.Clear();
        _rowOfNode.Clear();
        _candidateOfNode.Clear();
        (IsGrowing, HasRun, LevelStart, _savedPerToken) = (false, false, 0, 0);
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
    /// <param name="rank">0 for the first.</param>
    /// <param name="rival">The likeliest token that others name, −1 where they name none, and its chance.</param>
    /// <param name="expected">What was expected of the first.</param>
    /// <param name="isNew">Whether no other source named it.</param>
    public void AddCandidate(
        int node, int parent, DraftTree tree, int kind, float share, int rank, (int Token, float Share) rival, float expected, bool isNew) =>
        Set(_candidateOfNode, node, Add(tree.TokenIds[node], Own(parent, tree), kind, share, rank, rival, expected, isNew));

    /// <summary>Every candidate whose parent the target came to, and went on from, is a label, verified or not.</summary>
    public void Learn(ReadOnlySpan<int> committed)
    {
        memory.LearnSaved(_savedPerToken, committed.Length);
        _outcomes.Clear();
        foreach (Candidate candidate in _candidates)
        {
            bool known = (candidate.Parent < 0 || _outcomes[candidate.Parent]) && candidate.Depth <= committed.Length;
            int next = known ? committed[candidate.Depth - 1] : -1;
            bool taken = known && candidate.TokenId == next;
            _outcomes.Add(taken);
            if (!known || candidate.Kind < 0)
                continue;
            memory.Claims.Learn(candidate.Kind, candidate.Share, taken);
            if (candidate.Rank == 0)
            {
                memory.Learn(candidate.Depth, candidate.Rival.Share, candidate.TokenId == candidate.Rival.Token, taken, next == candidate.Rival.Token);
                _taken = (Forgetting * _taken) + (taken ? 1 : 0);
                _expected = (Forgetting * _expected) + candidate.Expected;
            }
            else if (candidate.IsNew)
            {
                memory.LearnFurther(candidate.Rank, candidate.Depth, candidate.Rival.Share, taken);
            }
        }

        _candidates.Clear();
    }

    /// <summary>The candidate of a node, or a silent one for a node that only others named.</summary>
    private int Own(int node, DraftTree tree)
    {
        if (node < 0)
            return -1;
        if (node < _candidateOfNode.Count && _candidateOfNode[node] >= 0)
            return _candidateOfNode[node];
        int own = Add(tree.TokenIds[node], Own(tree.Parents[node], tree), -1, 0, 0, (-1, 0), 0, false);
        Set(_candidateOfNode, node, own);
        return own;
    }

    private int Add(int tokenId, int parent, int kind, float share, int rank, (int Token, float Share) rival, float expected, bool isNew)
    {
        int depth = parent < 0 ? 1 : _candidates[parent].Depth + 1;
        _candidates.Add(new Candidate(tokenId, parent, depth, kind, share, rank, rival, expected, isNew));
        return _candidates.Count - 1;
    }

    private static void Set(List<int> list, int at, int value)
    {
        while (list.Count <= at)
            list.Add(-1);
        list[at] = value;
    }

    private readonly record struct Candidate(
        int TokenId, int Parent, int Depth, int Kind, float Share, int Rank, (int Token, float Share) Rival, float Expected, bool IsNew);
}
