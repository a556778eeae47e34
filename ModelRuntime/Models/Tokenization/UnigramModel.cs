using System.Buffers;
using System.Text;

namespace Agentic.ModelRuntime;

/// <summary>A unigram language model (Kudo 2018): of all ways to cut a text into tokens the likeliest, found by Viterbi's algorithm as
/// SentencePiece and the tokenizers library do it. Time is linear in the text.</summary>
/// <remarks>Ours, because the one of Microsoft.ML.Tokenizers 2.0.1 gives wrong ids to unknown characters and their bytes; where a text has none, the
/// tests take it as a second opinion.</remarks>
internal sealed class UnigramModel : ITokenModel
{
    /// <summary>How much less likely than the least likely token a character without one is, as SentencePiece has it.</summary>
    private const double UnknownPenalty = 10;

    private const int None = -1;

    private readonly Dictionary<long, int> _children = [];   // of a node of the trie by a UTF-16 unit
    private readonly List<int> _tokens = [None];             // that end in a node
    private readonly List<double> _scores = [0];             // of these
    private readonly double _unknownScore;
    private readonly int? _unknown;
    private readonly int[]? _byteIds;
    private readonly bool _singlePrecision;

    /// <param name="tokens">Those that text is cut into, and their logarithms of probability.</param>
    /// <param name="leastScore">Of a token.</param>
    /// <param name="unknown">Stands for a run of characters without a token; without it they vanish.</param>
    /// <param name="byteIds">[256] tokens of the bytes that such characters become instead, or null.</param>
    /// <param name="singlePrecision">Whether scores are added in float32, as SentencePiece does: that decides between equals.</param>
    public UnigramModel(
        IEnumerable<(string Text, int Id, double Score)> tokens, double leastScore, int? unknown, int[]? byteIds, bool singlePrecision)
    {
        (_unknown, _byteIds, _singlePrecision) = (unknown, byteIds, singlePrecision);
        _unknownScore = Sum(leastScore, -UnknownPenalty);
        foreach ((string text, int id, double score) in tokens.Where(token => token.Text.Length > 0))
        {
            int node = 0;
            foreach (char c in text)
            {
                if (!_children.TryGetValue(Edge(node, c), out int child))
                {
                    child = _tokens.Count;
                    _children.Add(Edge(node, c), child);
                    _tokens.Add(None);
                    _scores.Add(0);
                }

                node = child;
            }

            (_tokens[node], _scores[node]) = (id, score);
        }
    }

    /// <summary>[256] the tokens <c>&lt;0x00&gt;</c> to <c>&lt;0xFF&gt;</c>; null where one is missing.</summary>
    public static int[]? ByteTokens(Vocabulary vocabulary)
    {
        int?[] ids = [.. Enumerable.Range(0, 256).Select(value => vocabulary.Find($"<0x{value:X2}>"))];
        return Array.TrueForAll(ids, id => id is not null) ? [.. ids.Select(id => id!.Value)] : null;
    }

    public bool KeepsEveryByte => _byteIds is not null;

    public void Encode(ReadOnlySpan<char> piece, List<int> ids)
    {
        Best[] best = ArrayPool<Best>.Shared.Rent(piece.Length + 1);
        Array.Fill(best, new Best(0, None, None), 0, piece.Length + 1);
        for (int start = 0, length; start < piece.Length; start += length)
        {
            length = char.IsHighSurrogate(piece[start]) && start + 1 < piece.Length ? 2 : 1;
            double before = best[start].Score;
            bool alone = false;   // whether the first character is a token by itself
            for (int end = start, node = 0; end < piece.Length && _children.TryGetValue(Edge(node, piece[end]), out node);)
            {
                end++;
                if (_tokens[node] == None)
                    continue;
                Offer(ref best[end], new(Sum(before, _scores[node]), start, _tokens[node]));
                alone |= end - start == length;
            }

            if (!alone)
                Offer(ref best[start + length], new(Sum(before, _unknownScore), start, None));
        }

        int first = ids.Count;
        bool unknown = false;
        for (int end = piece.Length; end > 0; end = best[end].Start)
        {
            bool run = unknown;
            unknown = best[end].Token == None;
            if (unknown)
                AddUnknown(piece[best[end].Start..end], run, ids);
            else
                ids.Add(best[end].Token);
        }

        ids.Reverse(first, ids.Count - first);
        ArrayPool<Best>.Shared.Return(best);
    }

    private double Sum(double a, double b) => _singlePrecision ? (float)(a + b) : a + b;

    private static long Edge(int node, char c) => ((long)node << 16) | c;

    private static void Offer(ref Best best, Best other)
    {
        if (best.Start == None || other.Score > best.Score)
            best = other;
    }

    /// <summary>Adds what stands for a character without a token, backwards as all the rest.</summary>
    private void AddUnknown(ReadOnlySpan<char> character, bool isRun, List<int> ids)
    {
        Span<byte> bytes = stackalloc byte[4];
        bytes = bytes[..Encoding.UTF8.GetBytes(character, bytes)];
        if (_byteIds is not null)
        {
            for (int i = bytes.Length - 1; i >= 0; i--)
                ids.Add(_byteIds[bytes[i]]);
        }
        else if (_unknown is int unknown && !isRun)
        {
            ids.Add(unknown);
        }
    }

    /// <summary>The likeliest way to a place in the text.</summary>
    /// <param name="Score">Logarithm of its probability.</param>
    /// <param name="Start">Where its last token begins.</param>
    /// <param name="Token">That token; <see cref="None"/> for a character without one.</param>
    private readonly record struct Best(double Score, int Start, int Token);
}
