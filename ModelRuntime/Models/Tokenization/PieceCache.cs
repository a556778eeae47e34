using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace Agentic.ModelRuntime;

/// <summary>The ids of pieces met before: most words of a text are ones it has used already. Safe for concurrent use.</summary>
/// <remarks>Bounded: full, it starts over, which costs no more than meeting the words again.</remarks>
internal sealed class PieceCache
{
    private const int MaxPieces = 1 << 15;
    private const int MaxPieceLength = 64;

    private volatile Generation _current = new();

    public bool TryGet(ReadOnlySpan<char> piece, [NotNullWhen(true)] out int[]? ids)
    {
        ids = null;
        return piece.Length <= MaxPieceLength && _current.BySpan.TryGetValue(piece, out ids);
    }

    public void Add(ReadOnlySpan<char> piece, List<int> ids)
    {
        if (piece.Length > MaxPieceLength)
            return;
        Generation current = _current;
        if (Interlocked.Increment(ref current.Count) > MaxPieces)
            _current = current = new Generation();
        current.BySpan.TryAdd(piece, [.. ids]);
    }

    private sealed class Generation
    {
        public readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> BySpan =
            new ConcurrentDictionary<string, int[]>().GetAlternateLookup<ReadOnlySpan<char>>();

        public int Count;
    }
}
