using System.Runtime.InteropServices;
using Agentic.Kernels;
using Agentic.SuffixCache;

namespace Agentic.ModelRuntime;

/// <summary>A node of a tree that a draft head may go on from: its children are the next level.</summary>
/// <param name="Tree">Of the forest.</param>
/// <param name="Node">−1 for the root.</param>
/// <param name="Depth">Of its children, 1 below the root.</param>
/// <param name="Reach">Chance that the target comes to it.</param>
/// <param name="Rows">Rows that the head has to run for it: one, or all true pairs that it has not seen yet.</param>
/// <param name="Rival">The likeliest of its children so far, which others named; −1 where there is none.</param>
/// <param name="RivalShare">The chance that the target goes on to it.</param>
internal readonly record struct FrontierNode(int Tree, int Node, int Depth, float Reach, int Rows, int Rival, float RivalShare);

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
    private const double UsualAcceptance = 0.55;

    private readonly IDraftHead _head;
    private readonly StateCache _states;
    private readonly int _targetBlockSize, _window, _windowBlocks, _mostRows, _maskWords;
    private readonly EagleCandidates _candidates;
    private readonly NamespaceStates<EagleMemory> _memories;
    private readonly Dictionary<Sequence, EagleSequence> _sequences = [];
    private readonly HeadWindows _windows;
    private readonly StepRows _rows = new();
    private readonly NativeArray<float> _input = new(), _hidden = new();
    private readonly NativeArray<float> _hiddenOfTrees = new();   // [windows, 1 + rows, hidden]: put out for the last true pair, and for each row of a tree
    private readonly List<int> _level = [];
    private readonly List<KvMove> _moves = [];
    private uint[] _mask;
    private long _step;

    /// <param name="head">Stays the caller's; its KV pool is allocated here.</param>
    /// <param name="states">Of the target; the drafter's own from now on.</param>
    /// <param name="targetBlockSize">Positions of the target's KV blocks.</param>
    /// <param name="maxSequences">Sequences drafted for at once.</param>
    /// <param name="options">How trees grow.</param>
    /// <param name="acceptance">How often its first candidate is right, as far as that is known beforehand.</param>
    public EagleDrafter(
        IDraftHead head, StateCache states, int targetBlockSize, int maxSequences, EagleOptions options, double acceptance = UsualAcceptance)
    {
        _memories = new(MostNamespaces, () => new EagleMemory((float)acceptance));
        (_head, _states, _targetBlockSize, Options) = (head, states, targetBlockSize, options);
        _mostRows = options.Beam * options.Depth;
        _maskWords = (_mostRows + 31) / 32;
        _mask = new uint[_maskWords];
        _window = Math.Max(1, Math.Min(options.WindowTokens, head.MaxPositions - options.Depth));
        _candidates = new EagleCandidates(options.Children);
        int blocks = (_window + _mostRows + head.BlockSize - 1) / head.BlockSize;
        int windows = maxSequences + options.EndedWindows;
        _windows = new HeadWindows(windows, blocks);
        _windowBlocks = blocks;
        _hiddenOfTrees.Reserve((long)windows * (1 + _mostRows) * head.HiddenSize);
        head.AllocateKv(blocks * windows);
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
            _windows.Keep(sequence.Generation.Request.Namespace, sequence.Tokens[..(own.Start + own.Length + 1)], own.Blocks, own.Start);
        own.Memory.LearnAnswer(sequence.OutputCount);
    }

    public void Forget(Predicate<NamespaceKey> whose)
    {
        _memories.Forget(whose);
        _windows.Forget(whose);
    }

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
            frontier.Add(NodeOf(tree, treeIndex, -1, 1, rows));
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
            FrontierNode item = NodeOf(tree, treeIndex, node, depth + 1, 1);
            int at = first;
            while (at < frontier.Count && frontier[at].Reach >= item.Reach)
                at++;
            frontier.Insert(at, item);
            if (frontier.Count - first > Options.Beam)
                frontier.RemoveAt(frontier.Count - 1);
        }
    }

    /// <summary>What the head knows of a begun sequence.</summary>
    public EagleSequence Of(Sequence sequence) => _sequences[sequence];

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
        _input.Dispose();
        _hidden.Dispose();
        _hiddenOfTrees.Dispose();
        _states.Dispose();
    }

    /// <summary>True pairs that the head has yet to see before it can draft for the sequence; 0 when it cannot.</summary>
    private int Pending(Sequence sequence, EagleSequence own)
    {
        int last = sequence.Count - 1;   // pairs 0 … last − 1 exist once everything before the last token is run
        if (sequence.Pending != 1 || last < 1)
            return 0;
        if (own.Found is { IsThere: false })
            (own.Found, own.Length, own.HasLooked) = (null, 0, false);
        if (!own.HasLooked)
            Look(sequence, own);
        bool holds = (own.Blocks is not null || own.Found is not null) && own.Length > 0;
        int end = own.Start + own.Length;
        if (holds && end >= last)
            return StateOf(sequence, last - 1) == null ? 0 : 1;   // the last pair once more: that step did not take place, or an ended sequence knew it
        bool goesOn = holds && last - own.Start <= _window && last - end <= Options.CatchUpTokens;
        int most = goesOn ? last - end : Math.Min(Math.Min(last, _window), Options.CatchUpTokens), rows = 0;
        while (rows < most && StateOf(sequence, last - 1 - rows) != null)
            rows++;
        return rows;
    }

    /// <summary>Finds the pairs that an ended sequence has in common with this one.</summary>
    private void Look(Sequence sequence, EagleSequence own)
    {
        own.HasLooked = true;
        if (_windows.Find(sequence.Generation.Request.Namespace, sequence.Tokens, out int pairs) is HeadWindows.Ended found
            && sequence.Count - 1 - found.Start <= _window)
            (own.Found, own.Start, own.Length) = (found, found.Start, pairs);
    }

    /// <summary>Blocks of its own for a sequence that is run for the first time, with the pairs of an ended one that it begins as.</summary>
    private int[] Begin(Sequence sequence, EagleSequence own)
    {
        int[] blocks = TakeBlocks(sequence);
        if (own.Found is not HeadWindows.Ended found)
            return blocks;
        own.Found = null;
        if (blocks == found.Blocks)
            return blocks;   // the last that was left
        if (!found.IsThere)
            own.Length = 0;   // another sequence of this step took it
        _moves.Clear();
        for (int pair = 0; pair < own.Length; pair++)
        {
            (int block, int offset) = Math.DivRem(pair, _head.BlockSize);
            _moves.Add(new KvMove((found.Blocks[block] * _head.BlockSize) + offset, (blocks[block] * _head.BlockSize) + offset));
        }

        _head.CopyKv(CollectionsMarshal.AsSpan(_moves));
        return blocks;
    }

    private float* StateOf(Sequence sequence, int position) =>
        _states.Find((sequence.BlockTable[position / _targetBlockSize] * _targetBlockSize) + (position % _targetBlockSize));

    /// <summary>Adds the sequence's last true pairs. Those before them are kept where they join on; else the window begins anew.</summary>
    private void AddPairs(Sequence sequence, EagleSequence own, int rows, float* states)
    {
        int last = sequence.Count - 1, first = last - rows;
        own.Blocks ??= Begin(sequence, own);
        own.LastUsed = _step;
        if (rows - 1 > EagleSequence.FewPairs)
            own.Memory.LearnCatchUp(rows - 1);
        if (own.Length == 0 || first > own.Start + own.Length || first < own.Start || last - own.Start > _window)
            (own.Start, own.Length) = (first, 0);
        own.Length = first - own.Start;
        for (int i = 0; i < rows; i++)
            NativeMemory.Copy(StateOf(sequence, first + i), states + ((long)i * _states.StateSize), (nuint)_states.StateSize * sizeof(float));
        _rows.AddChain(sequence.Tokens.Slice(first + 1, rows), own.Length, own.Blocks, _head.BlockSize, scoreLast: true);
        own.Length += rows;
        (own.IsGrowing, own.HasRun) = (true, true);
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
        (int Token, float Share) rival = node.Rival < 0 ? (-1, 0) : (tree.TokenIds[node.Rival], node.RivalShare);
        Foresight foresight = own.Memory.Foresee(node.Depth, node.RivalShare);
        float expected = (foresight.Agrees * foresight.Agreed) + ((1 - foresight.Agrees) * foresight.Own);
        for (int rank = 0; rank < claims.Length; rank++)
        {
            int token = _head.TargetToken(_candidates.DraftTokens[rank]);
            if (constraint?.Allows(token) == false)
                continue;
            bool isNew = tree.ChildOf(node.Node, token) < 0;
            int child = tree.Add(token, node.Node, Math.Max(claims[rank] * scale, LeastClaim), Source);
            own.AddCandidate(child, node.Node, tree, _candidates.Kinds[rank], _candidates.Shares[rank], rank, rival, expected, isNew);
            LastProposed++;
        }
    }

    /// <summary>Blocks of the pool, if need be of the sequence that was drafted for longest ago.</summary>
    private int[] TakeBlocks(Sequence sequence)
    {
        if (_windows.Take() is int[] blocks)
            return blocks;
        EagleSequence idlest = _sequences.Where(entry => entry.Key != sequence && entry.Value.Blocks is not null).MinBy(entry => entry.Value.LastUsed).Value;
        blocks = idlest.Blocks!;
        (idlest.Blocks, idlest.Length) = (null, 0);
        return blocks;
    }

    private float* HiddenOf(EagleSequence own, int row) =>
        _hiddenOfTrees.Data + ((((long)own.Blocks![0] / _windowBlocks * (1 + _mostRows)) + row) * _head.HiddenSize);

    private static FrontierNode NodeOf(DraftTree tree, int treeIndex, int node, int depth, int rows)
    {
        int rival = -1;
        for (int child = tree.FirstChild(node); child >= 0; child = tree.NextSibling(child))
            rival = rival < 0 || tree.Probabilities[child] > tree.Probabilities[rival] ? child : rival;
        float reach = tree.Reach(node);
        return new FrontierNode(treeIndex, node, depth, reach, rows, rival, rival < 0 ? 0 : Math.Min(1, tree.Probabilities[rival] / Math.Max(reach, 1e-9f)));
    }
}
