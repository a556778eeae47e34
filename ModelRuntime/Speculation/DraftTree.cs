using System.Diagnostics;

namespace Agentic.ModelRuntime;

/// <summary>Tokens that may follow a sequence's last committed token, as a trie. The root is that token and is not a node; an empty tree is plain decoding.</summary>
/// <remarks>Parents come before children, and siblings carry distinct tokens: that is all losslessness asks for.</remarks>
internal sealed class DraftTree
{
    /// <summary>Number of sources that there may be.</summary>
    public static readonly int Sources = Enum.GetValues<DraftSource>().Length;

    // Strictly less likely than its parent, so that the n most probable nodes always form a tree.
    private const float BelowParent = 1 - 1e-6f;
    private const int None = -1;

    private Node[] _nodes = new Node[32];
    private int[] _tokenIds = new int[32];
    private int[] _parents = new int[32];
    private int[] _depths = new int[32];
    private float[] _conditionals = new float[32];
    private float[] _probabilities = new float[32];
    private float[] _claims = new float[32 * Sources];
    private int _firstOfRoot = None, _lastOfRoot = None;

    public int Count { get; private set; }

    /// <summary>[n].</summary>
    public ReadOnlySpan<int> TokenIds => _tokenIds.AsSpan(0, Count);

    /// <summary>[n] node indices, −1 below the root.</summary>
    public ReadOnlySpan<int> Parents => _parents.AsSpan(0, Count);

    /// <summary>[n] 1 below the root.</summary>
    public ReadOnlySpan<int> Depths => _depths.AsSpan(0, Count);

    /// <summary>[n] chance that the target reaches the node from the root: falls along every path.</summary>
    public ReadOnlySpan<float> Probabilities => _probabilities.AsSpan(0, Count);

    /// <summary>Index that a node had among those that were proposed.</summary>
    public int Origin(int node) => _nodes[node].Origin;

    /// <summary>The chance that a source gave a node, once the target came to its parent; 0 where it did not propose it.</summary>
    public float Claim(int node, DraftSource source) => _claims[(node * Sources) + (int)source];

    /// <summary>[sources] the same of all sources.</summary>
    public ReadOnlySpan<float> Claims(int node) => _claims.AsSpan(node * Sources, Sources);

    /// <summary>Whether no other source proposed the node.</summary>
    public bool IsOnly(int node, DraftSource source)
    {
        for (int other = 0; other < Sources; other++)
        {
            if (other != (int)source && _claims[(node * Sources) + other] > 0)
                return false;
        }

        return true;
    }

    public void Clear() => (Count, _firstOfRoot, _lastOfRoot) = (0, None, None);

    /// <summary>Adds a node, or a source's word for the one that is already there.</summary>
    /// <param name="tokenId">Its token.</param>
    /// <param name="parent">Its parent, −1 for the root.</param>
    /// <param name="claim">The chance that the target goes on from the parent to it, above 0.</param>
    /// <param name="source">Who says so.</param>
    /// <returns>Its index.</returns>
    public int Add(int tokenId, int parent, float claim, DraftSource source)
    {
        Debug.Assert(parent < Count && claim > 0, "Parents come before children, and what cannot be is not proposed.");
        int node = ChildOf(parent, tokenId);
        if (node < 0)
        {
            node = Append(tokenId, parent, Count);
            Claim(node).Clear();
            _conditionals[node] = 0;
        }

        _claims[(node * Sources) + (int)source] = claim;
        SetConditional(node, Math.Max(_conditionals[node], claim));
        return node;
    }

    /// <summary>Chance that the target comes to a node, or to the root.</summary>
    public float Reach(int node) => node < 0 ? 1 : _probabilities[node];

    /// <summary>Sets the chance that the target goes on to a node from its parent, whose own is right already.</summary>
    public void SetConditional(int node, float conditional)
    {
        _conditionals[node] = Math.Min(conditional, BelowParent);
        _probabilities[node] = Reach(_parents[node]) * _conditionals[node];
    }

    /// <summary>Sets the chance that the target reaches each node by those of going on to it and to those above it.</summary>
    public void Refresh()
    {
        for (int node = 0; node < Count; node++)
            _probabilities[node] = Reach(_parents[node]) * _conditionals[node];
    }

    /// <summary>The first child of a node (−1: of the root), or −1.</summary>
    public int FirstChild(int node) => node < 0 ? _firstOfRoot : _nodes[node].FirstChild;

    /// <summary>The next child of the same parent, or −1.</summary>
    public int NextSibling(int node) => _nodes[node].NextSibling;

    /// <summary>The child of a node (−1: of the root) that carries a token, or −1.</summary>
    public int ChildOf(int node, int tokenId)
    {
        int child = FirstChild(node);
        while (child >= 0 && _tokenIds[child] != tokenId)
            child = _nodes[child].NextSibling;
        return child;
    }

    /// <summary>Keeps the marked nodes; a node whose parent goes, goes too.</summary>
    public void Keep(ReadOnlySpan<bool> marked)
    {
        const int Gone = -2;
        Span<int> moved = stackalloc int[Count];
        int count = Count;
        Clear();
        for (int i = 0; i < count; i++)
        {
            int parent = _parents[i] < 0 ? -1 : moved[_parents[i]];
            moved[i] = Gone;
            if (!marked[i] || parent == Gone)
                continue;
            (float conditional, float probability) = (_conditionals[i], _probabilities[i]);
            int kept = moved[i] = Append(_tokenIds[i], parent, _nodes[i].Origin);
            (_conditionals[kept], _probabilities[kept]) = (conditional, probability);
            Claim(i).CopyTo(Claim(kept));
        }
    }

    /// <summary>Becomes a copy of another tree.</summary>
    public void CopyFrom(DraftTree other)
    {
        Clear();
        for (int i = 0; i < other.Count; i++)
        {
            Append(other._tokenIds[i], other._parents[i], other._nodes[i].Origin);
            (_conditionals[i], _probabilities[i]) = (other._conditionals[i], other._probabilities[i]);
            other.Claim(i).CopyTo(Claim(i));
        }
    }

    private int Append(int tokenId, int parent, int origin)
    {
        if (Count == _tokenIds.Length)
            Grow();
        int node = Count++;
        (_tokenIds[node], _parents[node], _depths[node]) = (tokenId, parent, parent < 0 ? 1 : _depths[parent] + 1);
        _nodes[node] = new Node { Origin = origin, FirstChild = None, LastChild = None, NextSibling = None };
        int last = parent < 0 ? _lastOfRoot : _nodes[parent].LastChild;
        if (last >= 0)
            _nodes[last].NextSibling = node;
        else if (parent < 0)
            _firstOfRoot = node;
        else
            _nodes[parent].FirstChild = node;
        if (parent < 0)
            _lastOfRoot = node;
        else
            _nodes[parent].LastChild = node;
        return node;
    }

    private Span<float> Claim(int node) => _claims.AsSpan(node * Sources, Sources);

    private void Grow()
    {
        int length = _tokenIds.Length * 2;
        Array.Resize(ref _nodes, length);
        Array.Resize(ref _tokenIds, length);
        Array.Resize(ref _parents, length);
        Array.Resize(ref _depths, length);
        Array.Resize(ref _conditionals, length);
        Array.Resize(ref _probabilities, length);
        Array.Resize(ref _claims, length * Sources);
    }

    private struct Node
    {
        public int Origin, FirstChild, LastChild, NextSibling;
    }
}
