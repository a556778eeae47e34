using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;

namespace Agentic.ModelRuntime;

/// <summary>What two neighbouring symbols become, and how early: the lowest rank merges first, the leftmost of equals.</summary>
internal readonly record struct Merge(int Rank, int Id);

/// <summary>What a byte-pair model does besides merging.</summary>
internal sealed record BytePairOptions
{
    /// <summary>Symbols start as the bytes of the piece in the byte-level alphabet, not as its characters.</summary>
    public bool ByteLevel { get; init; }

    /// <summary>A piece that is a token as it stands is that token.</summary>
    public bool IgnoreMerges { get; init; }

    /// <summary>A character without a token becomes its bytes, <c>&lt;0x00&gt;</c> to <c>&lt;0xFF&gt;</c>.</summary>
    public bool ByteFallback { get; init; }

    /// <summary>Stands for a character that is not in the vocabulary; without it the character vanishes.</summary>
    public int? Unknown { get; init; }

    /// <summary>A run of unknown characters is one unknown token.</summary>
    public bool FuseUnknown { get; init; }

    /// <summary>Put before every character but the first when it is looked up.</summary>
    public string ContinuingPrefix { get; init; } = "";

    /// <summary>Put behind the last character when it is looked up.</summary>
    public string EndSuffix { get; init; } = "";
}

/// <summary>Byte-pair encoding (Sennrich et al. 2016) by priority merge, as the tokenizers library and SentencePiece do it.</summary>
/// <remarks>
/// Where ▁ only ever begins a token, a piece can be cut before each ▁ without changing a merge: Llama's models, whose piece is the
/// whole text, then find most words in the cache (2.7 to 45 MB/s).
/// Ours, because Microsoft.ML.Tokenizers 2.0.1 could not serve. Measured on the golden set: without byte fallback 156 of 193 texts of a
/// Llama-2 vocabulary differ, its SentencePiece BPE differs on 10 of 193 (ties between overlapping pairs of spaces), and its BPE takes
/// 0.59 s for a word of 100,000 letters and 2.4 s for twice that, where this one is linear but for a logarithm.
/// </remarks>
internal sealed class BytePairModel : ITokenModel
{
    /// <summary>Below this, scanning for the lowest rank beats a queue.</summary>
    private const int ShortPiece = 48;

    private const char Mark = '▁';

    [ThreadStatic]
    private static List<int>? _scratch;

    private readonly Vocabulary _vocabulary;
    private readonly Dictionary<long, Merge> _merges;
    private readonly BytePairOptions _options;
    private readonly PieceCache _cache = new();
    private readonly int?[] _letterIds = new int?[256];
    private readonly int[]? _byteIds;
    private readonly bool _cutsAtMark;

    /// <param name="vocabulary">Every symbol and token.</param>
    /// <param name="merges">By <see cref="Pair"/>.</param>
    /// <param name="options">The rest of the model.</param>
    public BytePairModel(Vocabulary vocabulary, Dictionary<long, Merge> merges, BytePairOptions options)
    {
        _vocabulary = vocabulary;
        _merges = merges;
        _options = options;
        for (int value = 0; value < 256; value++)
            _letterIds[value] = vocabulary.Find([ByteAlphabet.Letter((byte)value)]);
        _cutsAtMark = vocabulary.Find([Mark]) is not null
            && options is { ByteLevel: false, IgnoreMerges: false, ContinuingPrefix: "", EndSuffix: "" }
            && !merges.Values.Any(merge => HasInnerMark(vocabulary[merge.Id]));
        _byteIds = options.ByteFallback ? [.. Enumerable.Range(0, 256).Select(value => vocabulary.Find($"<0x{value:X2}>") ?? -1)] : null;
    }

    public bool KeepsEveryByte => _options.ByteLevel ? _letterIds.All(id => id is not null) : _byteIds?.All(id => id >= 0) == true;

    public void Encode(ReadOnlySpan<char> piece, List<int> ids)
    {
        int end;
        for (; _cutsAtMark && (end = NextWord(piece)) < piece.Length; piece = piece[end..])
            EncodeWord(piece[..end], ids);
        EncodeWord(piece, ids);
    }

    public static long Pair(int left, int right) => ((long)left << 32) | (uint)right;

    private void EncodeWord(ReadOnlySpan<char> piece, List<int> ids)
    {
        if (_cache.TryGet(piece, out int[]? known))
        {
            ids.AddRange(known);
            return;
        }
        List<int> symbols = _scratch ??= [];
        symbols.Clear();
        if (_options.IgnoreMerges && _vocabulary.TryGetId(_options.ByteLevel ? ByteAlphabet.Spell(piece) : piece, out int whole))
        {
            symbols.Add(whole);
        }
        else
        {
            if (_options.ByteLevel)
                SpellBytes(piece, symbols);
            else
                SpellCharacters(piece, symbols);
            Span<int> span = CollectionsMarshal.AsSpan(symbols);
            int count = span.Length <= ShortPiece ? MergeShort(span) : MergeLong(span);
            CollectionsMarshal.SetCount(symbols, count);
        }
        ids.AddRange(symbols);
        _cache.Add(piece, symbols);
    }

    /// <summary>Where the next ▁ stands that follows another character.</summary>
    private static int NextWord(ReadOnlySpan<char> piece)
    {
        int start = piece.IndexOfAnyExcept(Mark);
        int mark = start < 0 ? -1 : piece[start..].IndexOf(Mark);
        return mark < 0 ? piece.Length : start + mark;
    }

    private static bool HasInnerMark(string? token) => token is not null && NextWord(token) < token.Length;

    private void SpellBytes(ReadOnlySpan<char> piece, List<int> symbols)
    {
        byte[] bytes = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(piece.Length));
        int count = Encoding.UTF8.GetBytes(piece, bytes);
        bool decorated = _options.ContinuingPrefix.Length + _options.EndSuffix.Length > 0;
        bool unknown = false;
        for (int i = 0; i < count; i++)
        {
            if (!decorated && _letterIds[bytes[i]] is int id)
                Known(id, symbols, ref unknown);
            else
                Look([ByteAlphabet.Letter(bytes[i])], i == 0, i == count - 1, symbols, ref unknown);
        }
        if (unknown)
            symbols.Add(_options.Unknown!.Value);
        ArrayPool<byte>.Shared.Return(bytes);
    }

    private void SpellCharacters(ReadOnlySpan<char> piece, List<int> symbols)
    {
        bool unknown = false;
        for (int i = 0, length; i < piece.Length; i += length)
        {
            length = char.IsHighSurrogate(piece[i]) && i + 1 < piece.Length ? 2 : 1;
            Look(piece.Slice(i, length), i == 0, i + length == piece.Length, symbols, ref unknown);
        }
        if (unknown)
            symbols.Add(_options.Unknown!.Value);
    }

    private void Known(int id, List<int> symbols, ref bool unknown)
    {
        if (unknown)
            symbols.Add(_options.Unknown!.Value);
        unknown = false;
        symbols.Add(id);
    }

    /// <summary>Adds the symbol of one character. An unknown one is held back, so that the next can fuse with it.</summary>
    private void Look(ReadOnlySpan<char> character, bool first, bool last, List<int> symbols, ref bool unknown)
    {
        if (!first && _options.ContinuingPrefix.Length > 0)
            character = string.Concat(_options.ContinuingPrefix, character);
        if (last && _options.EndSuffix.Length > 0)
            character = string.Concat(character, _options.EndSuffix);
        if (_vocabulary.TryGetId(character, out int id))
        {
            Known(id, symbols, ref unknown);
        }
        else if (!TryBytes(character, symbols) && _options.Unknown is int unknownId)
        {
            if (unknown && !_options.FuseUnknown)
                symbols.Add(unknownId);
            unknown = true;
        }
    }

    private bool TryBytes(ReadOnlySpan<char> character, List<int> symbols)
    {
        if (_byteIds is null)
            return false;
        Span<byte> few = stackalloc byte[16];
        Span<byte> bytes = Encoding.UTF8.GetByteCount(character) <= few.Length ? few : new byte[Encoding.UTF8.GetByteCount(character)];
        bytes = bytes[..Encoding.UTF8.GetBytes(character, bytes)];
        foreach (byte value in bytes)
        {
            if (_byteIds[value] < 0)
                return false;
        }
        foreach (byte value in bytes)
            symbols.Add(_byteIds[value]);
        return true;
    }

    private int MergeShort(Span<int> symbols)
    {
        Span<Merge> merges = stackalloc Merge[ShortPiece];
        int count = symbols.Length;
        for (int i = 0; i + 1 < count; i++)
            merges[i] = Find(symbols[i], symbols[i + 1]);
        while (true)
        {
            int best = -1;
            for (int i = 0, rank = int.MaxValue; i + 1 < count; i++)
            {
                if (merges[i].Rank < rank)
                    (best, rank) = (i, merges[i].Rank);
            }
            if (best < 0)
                return count;
            symbols[best] = merges[best].Id;
            symbols[(best + 2)..count].CopyTo(symbols[(best + 1)..]);
            merges[(best + 1)..(count - 1)].CopyTo(merges[best..]);
            count--;
            if (best > 0)
                merges[best - 1] = Find(symbols[best - 1], symbols[best]);
            if (best + 1 < count)
                merges[best] = Find(symbols[best], symbols[best + 1]);
        }
    }

    private int MergeLong(Span<int> symbols)
    {
        int count = symbols.Length;
        int[] links = ArrayPool<int>.Shared.Rent(2 * count);
        Span<int> next = links.AsSpan(0, count), previous = links.AsSpan(count, count);
        PriorityQueue<int, long> queue = new(); // the merged id, by rank and position
        for (int i = 0; i < count; i++)
        {
            (previous[i], next[i]) = (i - 1, i + 1);
            if (i + 1 < count)
                Enqueue(queue, symbols[i], symbols[i + 1], i);
        }
        while (queue.TryDequeue(out int id, out long priority))
        {
            int left = (int)(uint)priority;
            int right = symbols[left] < 0 ? count : next[left];
            if (right >= count || Find(symbols[left], symbols[right]).Id != id)
                continue; // one of the two has merged since
            symbols[left] = id;
            symbols[right] = -1;
            next[left] = next[right];
            if (next[left] < count)
            {
                previous[next[left]] = left;
                Enqueue(queue, id, symbols[next[left]], left);
            }
            if (previous[left] >= 0)
                Enqueue(queue, symbols[previous[left]], id, previous[left]);
        }
        int kept = 0;
        for (int i = 0; i < count; i = next[i])
            symbols[kept++] = symbols[i];
        ArrayPool<int>.Shared.Return(links);
        return kept;
    }

    private void Enqueue(PriorityQueue<int, long> queue, int left, int right, int position)
    {
        Merge merge = Find(left, right);
        if (merge.Rank != int.MaxValue)
            queue.Enqueue(merge.Id, ((long)merge.Rank << 32) | (uint)position);
    }

    private Merge Find(int left, int right) =>
        _merges.TryGetValue(Pair(left, right), out Merge merge) ? merge : new Merge(int.MaxValue, -1);
}
