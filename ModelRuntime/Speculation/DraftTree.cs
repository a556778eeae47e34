using System.Diagnostics;

namespace Agentic.ModelRuntime;

/// <summary>Tokens that may follow a sequence's last committed token, as a trie. The root is that token and is not a node; an empty tree is plain decoding.</summary>
/// <remarks>Parents come before children, and siblings carry distinct tokens: that is all losslessness asks for.</remarks>
internal sealed class DraftTree
{
    // Strictly less likely than its parent, so that the n most probable nodes always form a tree.
    private const float BelowParent = 1 - 1e-6f;
    private static readonly int Sources = Enum.GetValues<DraftSource>().Length;

    private int[] _tokenIds = new int[32];
    private int[] _parents = new int[32];
    private int[] _depths = new int[32];
    private float[] _probabilities = new float[32];
    private float[] _claims = new float[32 * Sources];

    public int Count { get; private set; }

    /// <summary>[n].</summary>
    public ReadOnlySpan<int> TokenIds => _tokenIds.AsSpan(0, Count);

    /// <summary>[n] node indices, −1 below the root.</summary>
    public ReadOnlySpan<int> Parents => _parents.AsSpan(0, Count);

    /// <summary>[n] 1 below the root.</summary>
    public ReadOnlySpan<int> Depths => _depths.AsSpan(0, Count);

    /// <summary>[n] chance that the target reaches the node from the root: falls along every path.</summary>
    public ReadOnlySpan<float> Probabilities => _probabilities.AsSpan(0, Count);

    /// <summary>The highest probability of a node that was not kept; 0 when all were.</summary>
    public float BestDropped { get; private set; }

    /// <summary>The probability that a source gave a node; 0 where it did not propose it.</summary>
    public float Claim(int node, DraftSource source) => _claims[(node * Sources) + (int)source];

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

    public void Clear() => (Count, BestDropped) = (0, 0);

    /// <summary>Adds a node, or raises the probability of the one that is already there.</summary>
    /// <returns>Its index.</returns>
    public int Add(int tokenId, int parent, float probability, DraftSource source)
    {
        Debug.Assert(parent < Count, "Parents come before children.");
        float claim = probability;
        if (parent >= 0)
            probability = Math.Min(probability, _probabilities[parent] * BelowParent);
        int node = ChildOf(parent, tokenId);
        if (node >= 0)
        {
            _probabilities[node] = Math.Max(_probabilities[node], probability);
            _claims[(node * Sources) + (int)source] = claim;
            return node;
        }

        if (Count == _tokenIds.Length)
            Grow();
        node = Count++;
        (_tokenIds[node], _parents[node], _probabilities[node]) = (tokenId, parent, probability);
        Claims(node).Clear();
        _claims[(node * Sources) + (int)source] = claim;
        _depths[node] = parent < 0 ? 1 : _depths[parent] + 1;
        return node;
    }

    /// <summary>The child of a node (−1: of the root) that carries a token, or −1.</summary>
    public int ChildOf(int node, int tokenId)
    {
        for (int i = node + 1; i < Count; i++)
        {
            if (_parents[i] == node && _tokenIds[i] == tokenId)
                return i;
        }

        return -1;
    }

    /// <summary>Keeps the marked nodes; a node whose parent goes, goes too.</summary>
    public void Keep(ReadOnlySpan<bool> marked)
    {
        const int Gone = -2;
        Span<int> moved = stackalloc int[Count];
        int kept = 0;
        for (int i = 0; i < Count; i++)
        {
            int parent = _parents[i] < 0 ? -1 : moved[_parents[i]];
            moved[i] = Gone;
            if (!marked[i] || parent == Gone)
            {
                BestDropped = Math.Max(BestDropped, _probabilities[i]);
                continue;
            }

            moved[i] = kept;
            (_tokenIds[kept], _parents[kept], _depths[kept]) = (_tokenIds[i], parent, _depths[i]);
            _probabilities[kept] = _probabilities[i];
            Claims(i).CopyTo(Claims(kept));
            kept++;
        }

        Count = kept;
    }

    private Span<float> Claims(int node) => _claims.AsSpan(node * Sources, Sources);

    private void Grow()
    {
        int length = _tokenIds.Length * 2;
        Array.Resize(ref _tokenIds, length);
        Array.Resize(ref _parents, length);
        Array.Resize(ref _depths, length);
        Array.Resize(ref _probabilities, length);
        Array.Resize(ref _claims, length * Sources);
    }
}
