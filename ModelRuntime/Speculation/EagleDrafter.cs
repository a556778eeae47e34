using System.Runtime.InteropServices;
using Agentic.SuffixCache;

namespace Agentic.ModelRuntime;

/// <summary>A node of a tree that a draft head may go on from: its children are the next level.</summary>
/// <param name="Tree">Of the forest.</param>
/// <param name="Node">−1 for the root.</param>
/// <param name="Depth">Of its children, 1 below the root.</param>
/// <param name="Reach">Chance that the target comes to it.</param>
/// <param name="Rows">Rows that the head has to run for it: one, or all true pairs that it has not seen yet.</param>
/// <param name="Covered">What share of the next token's probability the tree accounts for already.</param>
internal readonly record struct FrontierNode(int Tree, int Node, int Depth, float Reach, int Rows, float Covered);

/// <summary>Drafts from an EAGLE head: for all sequences of a step together, a level of every tree at a time (EAGLE-2, arXiv 2406.16858).</summary>
/// <remarks>
/// The head's own keys and values hold true pairs only: the target's state at i with the token at i + 1, for a window of the sequence's last
/// positions, in which positions are counted from its start. A tree's are written behind them and overwritten by the next true pairs. A sequence
/// that is not drafted for costs nothing: its states wait in the <see cref="StateCache"/>, and are caught up with when it is. It then holds pairs
/// for all but the last token. Who decides whether a level is run is <see cref="LevelGrowth"/>.
/// </remarks>
internal sealed unsafe class EagleDrafter : IDraftSource, IDisposable
{
    private const int MostNamespaces = 1024;
    private const float LeastClaim = 1e-4f;

    private readonly IDraftHead _head;
    private readonly StateCache _states;
    private readonly int _targetBlockSize, _window, _mostRows, _maskWords;
    private readonly EagleCandidates _candidates;
    private readonly NamespaceStates<EagleMemory> _memories = new(MostNamespaces, () => new EagleMemory());
    private readonly Dictionary<Sequence, EagleSequence> _sequences = [];
    private readonly Stack<int[]> _free = new();
    private readonly StepRows _rows = new();
    private readonly NativeArray<float> _input = new(), _hidden = new();
    private readonly List<int> _level = [];
    private uint[] _mask;
    private long _step;

    /// <param name="head">Stays the caller's; its KV pool is allocated here.</param>
    /// <param name="states">Of the target; the drafter's own from now on.</param>
    /// <param name="targetBlockSize">Positions of the target's KV blocks.</param>
    /// <param name="maxSequences">Sequences drafted for at once.</param>
    /// <param name="options">How trees grow.</param>
    public EagleDrafter(IDraftHead head, StateCache states, int targetBlockSize, int maxSequences, EagleOptions options)
    {
        (_head, _states, _targetBlockSize, Options) = (head, states, targetBlockSize, options);
        _mostRows = options.Beam * options.Depth;
        _maskWords = (_mostRows + 31) / 32;
        _mask = new uint[_maskWords];
        _window = Math.Max(1, Math.Min(options.WindowTokens, head.MaxPositions - options.Depth));
        _candidates = new EagleCandidates(options.Children);
        int blocks = (_window + _mostRows + head.BlockSize - 1) / head.BlockSize;
        for (int sequence = maxSequences - 1; sequence >= 0; sequence--)
            _free.Push([.. Enumerable.Range(sequence * blocks, blocks)]);
        head.AllocateKv(blocks * maxSequences);
    }

    public EagleOptions Options { get; }

    /// <summary>Of the target.</summary>
    public StateCache States => _states;

    public DraftSource Source => DraftSource.Eagle;

    /// <summary>Candidates of the last level.</summary>
    public int LastProposed { get; private set; }

    /// <summary>Highest entropy over the last level's rows, nats; 0 unless <see cref="DraftStop.Entropy"/> asks for it.</summary>
    public float LastEntropy { get; private set; }

    public void Begin(Sequence sequence)
    {
        if (sequence.Generation.Request.Speculation)
            _sequences.Add(sequence, new EagleSequence(_memories.Of(sequence.Generation.Request.Namespace)));
    }

    public void Observe(Sequence sequence, DraftTree verified, ReadOnlySpan<int> committed)
    {
        if (_sequences.TryGetValue(sequence, out EagleSequence? own))
            own.Learn(committed);
    }

    public void End(Sequence sequence)
    {
        if (!_sequences.Remove(sequence, out EagleSequence? own))
            return;
        if (own.Blocks is not null)
            _free.Push(own.Blocks);
        own.Dispose();
    }

    public void Forget(Predicate<NamespaceKey> whose) => _memories.Forget(whose);

    /// <summary>A new step: no tree has a level of the head's yet.</summary>
    public void BeginStep(List<Sequence> sequences)
    {
        _step++;
        foreach (Sequence sequence in sequences)
        {
            if (_sequences.TryGetValue(sequence, out EagleSequence? own))
                own.Clear();
        }
    }

    /// <summary>The root, where the head can draft for the sequence.</summary>
    public void AddRoot(Sequence sequence, DraftTree tree, int treeIndex, List<FrontierNode> frontier)
    {
        if (_sequences.TryGetValue(sequence, out EagleSequence? own) && Pending(sequence, own) is int rows and > 0)
            frontier.Add(new FrontierNode(treeIndex, -1, 1, 1, rows, Covered(tree, -1)));
    }

    /// <summary>The likeliest nodes below those that the last level went on from; none of a tree whose root was not among them.</summary>
    public void AddFrontier(Sequence sequence, DraftTree tree, int treeIndex, int maxDepth, List<FrontierNode> frontier)
    {
        if (!_sequences.TryGetValue(sequence, out EagleSequence? own) || !own.IsGrowing)
            return;
        own.IsGrowing = false;
        int first = frontier.Count;
        for (int node = 0; node < tree.Count; node++)
        {
            int parent = tree.Parents[node], depth = tree.Depths[node];
            bool isNext = parent < 0 ? own.Rows.Count == 0 : own.RowOf(parent) >= own.LevelStart;
            if (!isNext || depth >= Math.Min(maxDepth, Options.Depth) || sequence.IsStop(tree.TokenIds[node]))
                continue;
            var item = new FrontierNode(treeIndex, node, depth + 1, tree.Probabilities[node], 1, Covered(tree, node));
            int at = first;
            while (at < frontier.Count && frontier[at].Reach >= item.Reach)
                at++;
            frontier.Insert(at, item);
            if (frontier.Count - first > Options.Beam)
                frontier.RemoveAt(frontier.Count - 1);
        }
    }

    /// <summary>How likely the target is to take a candidate that no other source named.</summary>
    /// <param name="sequence">Whose tree it is.</param>
    /// <param name="rank">Of the candidate.</param>
    /// <param name="depth">Of the candidate.</param>
    /// <param name="covered">As in <see cref="FrontierNode"/>.</param>
    /// <returns>Given that it comes to the node.</returns>
    public float Gain(Sequence sequence, int rank, int depth, float covered)
    {
        EagleSequence own = _sequences[sequence];
        return Math.Min(1 - covered, own.Memory.Gains.Probability(EagleMemory.GainKind(rank, depth, covered), 1) * own.GainFactor);
    }

    /// <summary>The same as it may turn out: what was tried little may be better than it seems, and is only found out by trying.</summary>
    public float Promise(Sequence sequence, int rank, int depth, float covered)
    {
        float doubt = rank > 0 ? 0 : _sequences[sequence].Memory.Gains.Doubt(EagleMemory.GainKind(rank, depth, covered));
        return Math.Min(1 - covered, Gain(sequence, rank, depth, covered) + doubt);
    }

    /// <summary>Runs the head on a part of the frontier, in one pass, and adds the candidates to their trees.</summary>
    /// <param name="frontier">Roots only or none, those of a tree side by side.</param>
    /// <param name="sequences">Of the step.</param>
    /// <param name="forest">Their trees.</param>
    /// <returns>Keys attended over all scored rows.</returns>
    public long Run(ReadOnlySpan<FrontierNode> frontier, IReadOnlyList<Sequence> sequences, DraftForest forest)
    {
        _rows.Clear();
        (LastProposed, LastEntropy) = (0, 0);
        long attended = 0;
        int total = 0;
        foreach (FrontierNode node in frontier)
            total += node.Rows;
        float* input = _input.Reserve((long)total * Math.Max(_states.StateSize, _head.HiddenSize)), next = input;
        bool isRoot = frontier[0].Node < 0;
        int width = isRoot ? _states.StateSize : _head.HiddenSize;
        for (int at = 0; at < frontier.Length;)
        {
            int tree = frontier[at].Tree, count = 1;
            while (at + count < frontier.Length && frontier[at + count].Tree == tree)
                count++;
            Sequence sequence = sequences[tree];
            EagleSequence own = _sequences[sequence];
            int rows = _rows.RowCount;
            if (isRoot)
                AddPairs(sequence, own, frontier[at].Rows, next);
            else
                AddNodes(own, forest[tree], frontier.Slice(at, count), next);
            rows = _rows.RowCount - rows;
            attended += (long)count * (own.Length + own.Rows.Count);
            next += (long)rows * width;
            at += count;
        }

        float* hidden = _hidden.Reserve((long)total * _head.HiddenSize);
        if (isRoot)
            _head.FuseStates(input, total, hidden);
        StepLogits logits = _head.Forward(_rows, isRoot ? hidden : input, hidden);
        for (int at = 0; at < frontier.Length; at++)
        {
            FrontierNode node = frontier[at];
            EagleSequence own = _sequences[sequences[node.Tree]];
            int ownRow = own.RowOf(node.Node) + 1;
            NativeMemory.Copy(hidden + ((long)at * _head.HiddenSize), HiddenOf(own, ownRow), (nuint)_head.HiddenSize * sizeof(float));
            AddChildren(sequences[node.Tree], own, forest[node.Tree], node, logits[at]);
        }

        return attended;
    }

    public void Dispose()
    {
        foreach (EagleSequence own in _sequences.Values)
            own.Dispose();
        _input.Dispose();
        _hidden.Dispose();
        _states.Dispose();
    }

    /// <summary>True pairs that the head has yet to see before it can draft for the sequence; 0 when it cannot.</summary>
    private int Pending(Sequence sequence, EagleSequence own)
    {
        int last = sequence.Count - 1;   // pairs 0 … last − 1 exist once everything before the last token is run
        if (sequence.Pending != 1 || last < 1)
            return 0;
        int end = own.Start + own.Length;
        if (own.Blocks is not null && own.Length > 0 && end >= last)
            return 1;   // drafted for a step that did not take place: the last pair once more
        bool goesOn = own.Blocks is not null && own.Length > 0 && last - own.Start <= _window && last - end <= Options.CatchUpTokens;
        int most = goesOn ? last - end : Math.Min(Math.Min(last, _window), Options.CatchUpTokens), rows = 0;
        while (rows < most && StateOf(sequence, last - 1 - rows) != null)
            rows++;
        return rows;
    }

    private float* StateOf(Sequence sequence, int position) =>
        _states.Find((sequence.BlockTable[position / _targetBlockSize] * _targetBlockSize) + (position % _targetBlockSize));

    /// <summary>Adds the sequence's last true pairs. Those before them are kept where they join on; else the window begins anew.</summary>
    private void AddPairs(Sequence sequence, EagleSequence own, int rows, float* states)
    {
        int last = sequence.Count - 1, first = last - rows;
        own.Blocks ??= TakeBlocks(sequence);
        own.LastUsed = _step;
        if (own.Length == 0 || first > own.Start + own.Length || first < own.Start || last - own.Start > _window)
            (own.Start, own.Length) = (first, 0);
        own.Length = first - own.Start;
        for (int i = 0; i < rows; i++)
            NativeMemory.Copy(StateOf(sequence, first + i), states + ((long)i * _states.StateSize), (nuint)_states.StateSize * sizeof(float));
        _rows.AddChain(sequence.Tokens.Slice(first + 1, rows), own.Length, own.Blocks, _head.BlockSize, scoreLast: true);
        own.Length += rows;
        own.IsGrowing = true;
        own.Hidden.Reserve((long)(1 + _mostRows) * _head.HiddenSize);
    }

    private void AddNodes(EagleSequence own, DraftTree tree, ReadOnlySpan<FrontierNode> nodes, float* inputs)
    {
        int earlier = own.Rows.Count;
        (own.LevelStart, own.IsGrowing) = (earlier, true);
        _level.Clear();
        foreach (FrontierNode node in nodes)
        {
            int parentRow = own.RowOf(tree.Parents[node.Node]);
            NativeMemory.Copy(HiddenOf(own, parentRow + 1), inputs, (nuint)_head.HiddenSize * sizeof(float));
            inputs += _head.HiddenSize;
            if (parentRow < 0)
                Array.Clear(_mask);
            else
                CollectionsMarshal.AsSpan(own.Masks).Slice(parentRow * _maskWords, _maskWords).CopyTo(_mask);
            int row = own.Rows.Count;
            _mask[row / 32] |= 1u << (row % 32);
            own.Masks.AddRange(_mask);
            own.AddRow(node.Node);
            _level.Add(tree.TokenIds[node.Node]);
        }

        _rows.AddLevel(
            CollectionsMarshal.AsSpan(_level), CollectionsMarshal.AsSpan(own.Masks)[(earlier * _maskWords)..], nodes[0].Depth - 2, earlier, own.Length,
            own.Blocks!, _head.BlockSize);
    }

    private void AddChildren(Sequence sequence, EagleSequence own, DraftTree tree, FrontierNode node, ReadOnlySpan<float> logits)
    {
        bool wantsEntropy = Options.Stop == DraftStop.Entropy;
        _candidates.Choose(logits, _head, sequence.Sampler, node.Depth, Options.Coupled, wantsEntropy);
        LastEntropy = wantsEntropy ? Math.Max(LastEntropy, _candidates.Entropy) : 0;
        ITokenConstraint? constraint = node.Node < 0 && sequence.Sampler.Constraint is { IsActive: true } active ? active : null;
        Span<float> claims = stackalloc float[_candidates.Count];
        float sum = 0;
        for (int rank = 0; rank < claims.Length; rank++)
            sum += claims[rank] = own.Memory.Claims.Probability(_candidates.Kinds[rank], _candidates.Shares[rank]);
        float scale = sum > 1 ? 1 / sum : 1;
        for (int rank = 0; rank < claims.Length; rank++)
        {
            int token = _head.TargetToken(_candidates.DraftTokens[rank]);
            if (constraint?.Allows(token) == false)
                continue;
            float gain = Gain(sequence, rank, node.Depth, node.Covered);
            bool isNew = tree.ChildOf(node.Node, token) < 0;
            int child = tree.Add(token, node.Node, Math.Max(claims[rank] * scale, LeastClaim), Source);
            own.AddCandidate(
                child, node.Node, tree, _candidates.Kinds[rank], _candidates.Shares[rank], EagleMemory.GainKind(rank, node.Depth, node.Covered), gain,
                isNew);
            LastProposed++;
        }
    }

    /// <summary>Blocks of the pool, if need be of the sequence that was drafted for longest ago.</summary>
    private int[] TakeBlocks(Sequence sequence)
    {
        if (_free.TryPop(out int[]? blocks))
            return blocks;
        EagleSequence idlest = _sequences.Where(entry => entry.Key != sequence && entry.Value.Blocks is not null).MinBy(entry => entry.Value.LastUsed).Value;
        blocks = idlest.Blocks!;
        (idlest.Blocks, idlest.Length) = (null, 0);
        return blocks;
    }

    private float* HiddenOf(EagleSequence own, int row) => own.Hidden.Data + ((long)row * _head.HiddenSize);

    private static float Covered(DraftTree tree, int parent)
    {
        float reach = tree.Reach(parent), sum = 0;
        for (int node = parent + 1; node < tree.Count; node++)
            sum += tree.Parents[node] == parent ? tree.Probabilities[node] : 0;
        return Math.Min(1, sum / reach);
    }
}
