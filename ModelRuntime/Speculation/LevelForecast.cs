namespace Agentic.ModelRuntime;

/// <summary>What a step would bring if the draft head were asked about some nodes of its trees, before it is.</summary>
/// <remarks>
/// Asking is worth more than the nodes it adds: where other sources are of two minds, the head tells which of theirs to follow. So two
/// outcomes are reckoned with. Either the head names the likeliest child that others named, and what they have below it is likelier by as
/// much; or it names another, theirs are less likely, and further levels may go on from its own. How often each happens, and who is right
/// then, was learned: <see cref="EagleMemory"/>.
/// </remarks>
internal sealed class LevelForecast(EagleDrafter drafter)
{
    // Levels beyond the next one that are reckoned with, along the likeliest path: the first may pay only by those it leads to.
    // Costs have steps, so a level that lowers the rate may be followed by one that raises it.
    private const int LookAhead = 7, MostDeclines = 2;

    private readonly List<(Sequence Sequence, int Depth, float Reach)> _chains = [];
    private float[] _reaches = new float[256];
    private float[] _factors = new float[64];
    private bool[] _ended = new bool[64];
    private int[] _asked = new int[64];
    private Foresight[] _foresights = new Foresight[16];
    private int _count;

    /// <summary>What a node promises if the head is asked about it: tokens more a step.</summary>
    public float Promise(Sequence sequence, FrontierNode node)
    {
        Foresight foresight = drafter.Of(sequence).Foresee(node.Depth, node.RivalShare);
        float agreed = Math.Max(0, foresight.Agreed - node.RivalShare), own = Math.Min(1, foresight.Own + foresight.Doubt);
        return node.Reach * ((foresight.Agrees * agreed) + ((1 - foresight.Agrees) * own));
    }

    /// <summary>The best rate with a level from these nodes, and as many further levels as are best.</summary>
    /// <param name="asked">The nodes.</param>
    /// <param name="step">Its sequences.</param>
    /// <param name="forest">Their trees.</param>
    /// <param name="policy">Knows the rate.</param>
    /// <param name="seconds">Of the level.</param>
    /// <param name="furtherSeconds">Of one that goes on from as many nodes.</param>
    public double Rate(
        ReadOnlySpan<FrontierNode> asked, Step step, DraftForest forest, SpeculationPolicy policy, double seconds, double furtherSeconds)
    {
        if (_foresights.Length < asked.Length)
            _foresights = new Foresight[2 * asked.Length];
        double agrees = 0, weight = 0;
        for (int i = 0; i < asked.Length; i++)
        {
            _foresights[i] = drafter.Of(step.Decoding[asked[i].Tree]).Foresee(asked[i].Depth, asked[i].RivalShare);
            agrees += asked[i].Reach * _foresights[i].Agrees;
            weight += asked[i].Reach;
        }

        agrees /= Math.Max(weight, 1e-9);
        double rate = (1 - agrees) * Rate(asked, agree: false, step, forest, policy, seconds, furtherSeconds);
        return agrees < 1e-3 ? rate : rate + (agrees * Rate(asked, agree: true, step, forest, policy, seconds, furtherSeconds));
    }

    private double Rate(
        ReadOnlySpan<FrontierNode> asked, bool agree, Step step, DraftForest forest, SpeculationPolicy policy, double seconds, double furtherSeconds)
    {
        _count = 0;
        _chains.Clear();
        for (int tree = 0; tree < forest.Count; tree++)
            AddTree(asked, agree, tree, step.Decoding[tree], forest[tree], policy.LeastReach);
        for (int i = 0; i < asked.Length; i++)
        {
            EagleMemory memory = drafter.Of(step.Decoding[asked[i].Tree]).Memory;
            for (int rank = 1; rank < drafter.Options.Children; rank++)
                Add(asked[i].Reach * memory.Further(rank, asked[i].Depth, asked[i].RivalShare), policy.LeastReach);
        }

        Sort();
        double best = policy.Rate(_reaches.AsSpan(0, _count), seconds);
        for (int ahead = 1, declines = 0; ahead <= LookAhead && declines < MostDeclines; ahead++)
        {
            int before = _count;
            for (int i = 0; i < _chains.Count; i++)
            {
                (Sequence sequence, int depth, float reach) = _chains[i];
                reach *= depth < Math.Min(drafter.Options.Depth, sequence.RemainingTokens - 1) ? drafter.Of(sequence).Foresee(depth + 1, 0).Own : 0;
                _chains[i] = (sequence, depth + 1, reach);
                Insert(reach, policy.LeastReach);
            }

            if (_count == before)
                break;
            seconds += furtherSeconds;
            double rate = policy.Rate(_reaches.AsSpan(0, _count), seconds);
            declines = rate > best ? 0 : declines + 1;
            best = Math.Max(best, rate);
        }

        return best;
    }

    /// <summary>Adds the nodes of a tree, as likely as they would be.</summary>
    private void AddTree(ReadOnlySpan<FrontierNode> asked, bool agree, int treeIndex, Sequence sequence, DraftTree tree, float least)
    {
        Reserve(tree.Count);
        Span<int> of = _asked.AsSpan(0, tree.Count + 1);   // of a node and, first, of the root
        of.Fill(-1);
        for (int i = 0; i < asked.Length; i++)
        {
            if (asked[i].Tree == treeIndex)
                of[asked[i].Node + 1] = i;
        }

        for (int node = 0; node < tree.Count; node++)
        {
            int parent = tree.Parents[node], i = of[parent + 1];
            _ended[node] = (parent >= 0 && _ended[parent]) || sequence.IsStop(tree.TokenIds[node]);
            _factors[node] = i < 0 ? (parent < 0 ? 1 : _factors[parent]) : FactorOf(node, asked[i], _foresights[i], agree);
            if (!_ended[node])
                Add(tree.Probabilities[node] * _factors[node], least);
        }

        for (int i = 0; i < asked.Length; i++)
        {
            if (asked[i].Tree != treeIndex)
                continue;
            if (!agree)
            {
                float own = asked[i].Reach * Math.Min(1, _foresights[i].Own + _foresights[i].Doubt);
                Add(own, least);
                _chains.Add((sequence, asked[i].Depth, own));
            }
            else if (asked[i].Rival is int rival and >= 0)
            {
                for (int below = rival; (below = LikeliestChild(tree, below)) >= 0;)
                    rival = below;
                if (!_ended[rival])
                    _chains.Add((sequence, tree.Depths[rival], tree.Probabilities[rival] * _factors[rival]));
            }
        }
    }

    private static float FactorOf(int node, FrontierNode asked, Foresight foresight, bool agree)
    {
        float rival = agree ? foresight.Agreed : foresight.Rival, others = 1 - rival - (agree ? 0 : foresight.Own);
        return node == asked.Rival ? rival / asked.RivalShare : Math.Clamp(others / Math.Max(1 - asked.RivalShare, 1e-3f), 0, 1);
    }

    private static int LikeliestChild(DraftTree tree, int node)
    {
        int best = -1;
        for (int child = tree.FirstChild(node); child >= 0; child = tree.NextSibling(child))
            best = best < 0 || tree.Probabilities[child] > tree.Probabilities[best] ? child : best;
        return best;
    }

    private void Add(float reach, float least)
    {
        if (reach < least)
            return;
        if (_count == _reaches.Length)
            Array.Resize(ref _reaches, 2 * _count);
        _reaches[_count++] = reach;
    }

    /// <summary>Adds to what is sorted already.</summary>
    private void Insert(float reach, float least)
    {
        int count = _count;
        Add(reach, least);
        if (_count == count)
            return;
        for (; count > 0 && _reaches[count - 1] < reach; count--)
            _reaches[count] = _reaches[count - 1];
        _reaches[count] = reach;
    }

    private void Sort()
    {
        Span<float> reaches = _reaches.AsSpan(0, _count);
        reaches.Sort();
        reaches.Reverse();
    }

    private void Reserve(int nodes)
    {
        if (_factors.Length > nodes)
            return;
        _factors = new float[2 * nodes];
        _ended = new bool[2 * nodes];
        _asked = new int[2 * nodes];
    }
}
