namespace Agentic.ModelRuntime;

/// <summary>The rows of one forward pass: of each sequence a chain of prefill tokens, its last committed token with a draft tree below it, or both.</summary>
/// <remarks>A layer writes all rows' keys before any row attends, so a tree may have a chain of the same step as its context. Filled anew each step into buffers that only grow: the step path allocates nothing once warm.</remarks>
public sealed class StepRows
{
    private int[] _tokenIds = new int[64];
    private int[] _positions = new int[64];
    private int[] _slots = new int[64];
    private int[] _logitRows = new int[64];
    private uint[] _ancestors = new uint[64];
    private SequencePart[] _parts = new SequencePart[16];
    private int _rows, _logits, _ancestorWords, _partCount;

    /// <summary>One sequence's part of the step.</summary>
    /// <param name="RowStart">Its first row.</param>
    /// <param name="RowCount">Its rows.</param>
    /// <param name="ContextLength">Committed positions before them.</param>
    /// <param name="BlockTable">Block ids; row i has its key at logical slot ContextLength + EarlierRows + i.</param>
    /// <param name="AncestorStart">Where its masks start in <see cref="Ancestors"/>; −1 for a chain.</param>
    /// <param name="AncestorWords">Words of one mask.</param>
    /// <param name="EarlierRows">First nodes of its tree, which earlier passes ran.</param>
    public readonly record struct SequencePart(
        int RowStart, int RowCount, int ContextLength, int[] BlockTable, int AncestorStart, int AncestorWords, int EarlierRows = 0);

    /// <summary>[rows] token ids.</summary>
    public ReadOnlySpan<int> TokenIds => _tokenIds.AsSpan(0, _rows);

    /// <summary>[rows] absolute positions.</summary>
    public ReadOnlySpan<int> Positions => _positions.AsSpan(0, _rows);

    /// <summary>[rows] physical cache slots, distinct.</summary>
    public ReadOnlySpan<int> Slots => _slots.AsSpan(0, _rows);

    /// <summary>Rows whose logits are wanted, rising.</summary>
    public ReadOnlySpan<int> LogitRows => _logitRows.AsSpan(0, _logits);

    /// <summary>Ancestor masks of all trees, one after the other: bit j of row i's mask is set when row j of the sequence is i or its ancestor.</summary>
    public ReadOnlySpan<uint> Ancestors => _ancestors.AsSpan(0, _ancestorWords);

    /// <summary>The sequences.</summary>
    public ReadOnlySpan<SequencePart> Sequences => _parts.AsSpan(0, _partCount);

    /// <summary>Rows in all.</summary>
    public int RowCount => _rows;

    /// <summary>Forgets everything.</summary>
    public void Clear() => _rows = _logits = _ancestorWords = _partCount = 0;

    /// <summary>Adds consecutive tokens of one sequence.</summary>
    /// <param name="tokenIds">Tokens at positions contextLength … .</param>
    /// <param name="contextLength">Positions already in the cache.</param>
    /// <param name="blockTable">Blocks that cover the context and these tokens.</param>
    /// <param name="blockSize">Positions of a block.</param>
    /// <param name="scoreLast">Whether the last row's logits are wanted.</param>
    /// <param name="scoreAll">Whether every row's logits are wanted.</param>
    public void AddChain(
        ReadOnlySpan<int> tokenIds, int contextLength, int[] blockTable, int blockSize, bool scoreLast, bool scoreAll = false)
    {
        int start = AddRows(tokenIds.Length, contextLength, blockTable, blockSize);
        for (int i = 0; i < tokenIds.Length; i++)
        {
            _tokenIds[start + i] = tokenIds[i];
            _positions[start + i] = contextLength + i;
            if (scoreAll || (scoreLast && i == tokenIds.Length - 1))
                AddLogitRow(start + i);
        }

        AddPart(new SequencePart(start, tokenIds.Length, contextLength, blockTable, -1, 0));
    }

    /// <summary>Adds a sequence's last committed token (row 0, the root) and the nodes of its draft tree (rows 1 …); all are scored.</summary>
    /// <param name="rootTokenId">The last committed token, whose K and V are not in the cache yet.</param>
    /// <param name="tokenIds">[n] node tokens, parents before children.</param>
    /// <param name="parents">[n] node indices, −1 for a child of the root.</param>
    /// <param name="depths">[n] 1 for a child of the root.</param>
    /// <param name="contextLength">Positions in the cache; the root's own position.</param>
    /// <param name="blockTable">Blocks that cover contextLength + n + 1 slots.</param>
    /// <param name="blockSize">Positions of a block.</param>
    public void AddTree(
        int rootTokenId, ReadOnlySpan<int> tokenIds, ReadOnlySpan<int> parents, ReadOnlySpan<int> depths, int contextLength, int[] blockTable,
        int blockSize)
    {
        int count = tokenIds.Length + 1, words = (count + 31) / 32;
        int start = AddRows(count, contextLength, blockTable, blockSize), maskStart = _ancestorWords;
        Grow(ref _ancestors, _ancestorWords += count * words);
        Span<uint> masks = _ancestors.AsSpan(maskStart, count * words);
        masks.Clear();
        for (int row = 0; row < count; row++)
        {
            _tokenIds[start + row] = row == 0 ? rootTokenId : tokenIds[row - 1];
            _positions[start + row] = contextLength + (row == 0 ? 0 : depths[row - 1]);
            if (row > 0)
                masks.Slice((parents[row - 1] + 1) * words, words).CopyTo(masks[(row * words)..]);
            masks[(row * words) + (row / 32)] |= 1u << (row % 32);
            AddLogitRow(start + row);
        }

        AddPart(new SequencePart(start, count, contextLength, blockTable, maskStart, words));
    }

    /// <summary>Adds a further level of a tree whose earlier nodes were run in passes before; all are scored.</summary>
    /// <param name="tokenIds">[n] tokens.</param>
    /// <param name="ancestors">[n, words] masks over the nodes of the tree, the level's own behind the earlier ones.</param>
    /// <param name="depth">Positions from the context's end to these nodes.</param>
    /// <param name="earlierRows">Nodes run before.</param>
    /// <param name="contextLength">Positions in the cache.</param>
    /// <param name="blockTable">Blocks that cover contextLength + earlierRows + n slots.</param>
    /// <param name="blockSize">Positions of a block.</param>
    public void AddLevel(
        ReadOnlySpan<int> tokenIds, ReadOnlySpan<uint> ancestors, int depth, int earlierRows, int contextLength, int[] blockTable, int blockSize)
    {
        int count = tokenIds.Length, start = AddRows(count, contextLength + earlierRows, blockTable, blockSize), maskStart = _ancestorWords;
        Grow(ref _ancestors, _ancestorWords += ancestors.Length);
        ancestors.CopyTo(_ancestors.AsSpan(maskStart));
        for (int row = 0; row < count; row++)
        {
            (_tokenIds[start + row], _positions[start + row]) = (tokenIds[row], contextLength + depth);
            AddLogitRow(start + row);
        }

        AddPart(new SequencePart(start, count, contextLength, blockTable, maskStart, ancestors.Length / count, earlierRows));
    }

    private int AddRows(int count, int firstSlot, int[] blockTable, int blockSize)
    {
        int start = _rows;
        _rows += count;
        Grow(ref _tokenIds, _rows);
        Grow(ref _positions, _rows);
        Grow(ref _slots, _rows);
        for (int i = 0; i < count; i++)
            _slots[start + i] = (blockTable[(firstSlot + i) / blockSize] * blockSize) + ((firstSlot + i) % blockSize);
        return start;
    }

    private void AddLogitRow(int row)
    {
        Grow(ref _logitRows, _logits + 1);
        _logitRows[_logits++] = row;
    }

    private void AddPart(SequencePart part)
    {
        Grow(ref _parts, _partCount + 1);
        _parts[_partCount++] = part;
    }

    private static void Grow<T>(ref T[] array, int length)
    {
        if (array.Length < length)
            Array.Resize(ref array, Math.Max(length, array.Length * 2));
    }
}
