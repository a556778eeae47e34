namespace Agentic.ModelRuntime;

/// <summary>A vocabulary as a tree of bytes, laid out in preorder: what a grammar forbids after a byte is skipped with all that begins
/// so.</summary>
public sealed class TokenTrie
{
    private readonly byte[] _bytes;
    private readonly int[] _offsets;

    /// <param name="vocabularySize">Token ids 0 … this − 1.</param>
    /// <param name="bytesOf">A token's bytes; none for a token that is never to be written, such as markup.</param>
    public TokenTrie(int vocabularySize, Func<int, byte[]> bytesOf)
    {
        ArgumentNullException.ThrowIfNull(bytesOf);
        VocabularySize = vocabularySize;
        byte[][] all = new byte[vocabularySize][];
        for (int id = 0; id < vocabularySize; id++)
            all[id] = bytesOf(id);
        _offsets = new int[vocabularySize + 1];
        for (int id = 0; id < vocabularySize; id++)
            _offsets[id + 1] = _offsets[id] + all[id].Length;
        _bytes = new byte[_offsets[^1]];
        for (int id = 0; id < vocabularySize; id++)
            all[id].CopyTo(_bytes, _offsets[id]);

        int[] sorted = [.. Enumerable.Range(0, vocabularySize).Where(id => all[id].Length > 0)];
        sorted.AsSpan().Sort((a, b) => all[a].AsSpan().SequenceCompareTo(all[b]) is not 0 and var order ? order : a - b);
        List<byte> labels = [0];
        List<int> depths = [0], ends = [0], firsts = [0];
        List<int> path = [0];   // nodes from the root to the last token
        for (int i = 0; i < sorted.Length; i++)
        {
            ReadOnlySpan<byte> token = all[sorted[i]];
            int shared = i == 0 ? 0 : token.CommonPrefixLength(all[sorted[i - 1]]);
            Close(shared);
            for (int depth = shared; depth < token.Length; depth++)
            {
                path.Add(labels.Count);
                labels.Add(token[depth]);
                depths.Add(depth + 1);
                ends.Add(0);
                firsts.Add(i);
            }

            LongestToken = Math.Max(LongestToken, token.Length);
        }

        Close(-1);
        firsts.Add(sorted.Length);
        (Labels, Depths, Ends, FirstTokens, Tokens) = ([.. labels], [.. depths], [.. ends], [.. firsts], sorted);
        Parents = new int[labels.Count];
        for (int node = 0; node < labels.Count; node++)
        {
            for (int child = node + 1; child < Ends[node]; child = Ends[child])
                Parents[child] = node;
        }

        NodesOf = [.. Enumerable.Range(1, labels.Count - 1).ToLookup(node => Labels[node]) is var byLabel
            ? Enumerable.Range(0, 256).Select(value => byLabel[(byte)value].ToArray()) : []];

        void Close(int depth)
        {
            for (; path.Count > depth + 1; path.RemoveAt(path.Count - 1))
                ends[path[^1]] = labels.Count;
        }
    }

    /// <summary>Token ids 0 … this − 1.</summary>
    public int VocabularySize { get; }

    /// <summary>Bytes of the longest token.</summary>
    internal int LongestToken { get; }

    /// <summary>The byte that leads to each node; the root is node 0.</summary>
    internal byte[] Labels { get; }

    /// <summary>Bytes from the root.</summary>
    internal int[] Depths { get; }

    /// <summary>The first node that is not below each.</summary>
    internal int[] Ends { get; }

    /// <summary>The node above each.</summary>
    internal int[] Parents { get; }

    /// <summary>The nodes that each byte leads to.</summary>
    internal int[][] NodesOf { get; }

    /// <summary>Where each node's tokens begin in <see cref="Tokens"/>; they end where the next node's begin.</summary>
    internal int[] FirstTokens { get; }

    /// <summary>Token ids in order of their bytes.</summary>
    internal int[] Tokens { get; }

    /// <summary>A token's bytes; none if it is never to be written.</summary>
    public ReadOnlySpan<byte> BytesOf(int id) =>
        (uint)id < (uint)VocabularySize ? _bytes.AsSpan(_offsets[id].._offsets[id + 1]) : default;
}
