namespace Agentic.SuffixCache;

/// <summary>What may follow a sequence: a trie of tokens below its last one, most probable nodes first, so that any first n of them form a
/// tree.</summary>
/// <remarks>Memory is allocated once; a draft overwrites the one before.</remarks>
public sealed class Continuation
{
    /// <summary>Most nodes of any continuation.</summary>
    public const int MostNodes = 1024;

    private readonly int[] _tokenIds;
    private readonly int[] _parents;
    private readonly int[] _depths;
    private readonly float[] _probabilities;
    private readonly float[] _voted;
    private readonly int[] _matchLengths;

    /// <param name="capacity">Most nodes it can hold, 1 to <see cref="MostNodes"/>.</param>
    public Continuation(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, MostNodes);
        _tokenIds = new int[capacity];
        _parents = new int[capacity];
        _depths = new int[capacity];
        _probabilities = new float[capacity];
        _voted = new float[capacity];
        _matchLengths = new int[capacity];
    }

    /// <summary>Most nodes it can hold.</summary>
    public int Capacity => _tokenIds.Length;

    /// <summary>Nodes, n.</summary>
    public int Count { get; private set; }

    /// <summary>[n] ids below the vocabulary's size; siblings differ.</summary>
    public ReadOnlySpan<int> TokenIds => _tokenIds.AsSpan(0, Count);

    /// <summary>[n] indices of earlier nodes, −1 below the sequence's last token.</summary>
    public ReadOnlySpan<int> Parents => _parents.AsSpan(0, Count);

    /// <summary>[n] 1 below the sequence's last token.</summary>
    public ReadOnlySpan<int> Depths => _depths.AsSpan(0, Count);

    /// <summary>[n] chance that the target writes all tokens down to the node: calibrated, and falling along a path.</summary>
    public ReadOnlySpan<float> Probabilities => _probabilities.AsSpan(0, Count);

    /// <summary>[n] tokens of the longest match that voted for the node, those of its path included; 0 past an edit.</summary>
    public ReadOnlySpan<int> MatchLengths => _matchLengths.AsSpan(0, Count);

    /// <summary>[n] probabilities before calibration.</summary>
    internal ReadOnlySpan<float> Voted => _voted.AsSpan(0, Count);

    internal void Clear() => Count = 0;

    internal int Add(int tokenId, int parent, int depth, float probability, float voted, int matchLength)
    {
        int node = Count++;
        (_tokenIds[node], _parents[node], _depths[node]) = (tokenId, parent, depth);
        (_probabilities[node], _voted[node], _matchLengths[node]) = (probability, voted, matchLength);
        return node;
    }

    internal void CopyTo(Continuation other)
    {
        other.Count = Count;
        TokenIds.CopyTo(other._tokenIds);
        Parents.CopyTo(other._parents);
        Depths.CopyTo(other._depths);
        Probabilities.CopyTo(other._probabilities);
        Voted.CopyTo(other._voted);
        MatchLengths.CopyTo(other._matchLengths);
    }
}
