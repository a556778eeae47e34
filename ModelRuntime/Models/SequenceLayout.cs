using Agentic.Kernels;

namespace Agentic.ModelRuntime;

/// <summary>A step's sequences and the block tables they reach into, where kernels can follow pointers.</summary>
internal sealed unsafe class SequenceLayout : IDisposable
{
    private readonly NativeArray<SequenceRows> _sequences = new();
    private readonly NativeArray<int> _blockTables = new();

    /// <summary>[sequences] as they were laid last.</summary>
    public SequenceRows* Data => _sequences.Data;

    /// <summary>Copies them.</summary>
    /// <param name="rows">The step.</param>
    /// <param name="ancestors">Its masks, pinned as long as the layout is used.</param>
    /// <param name="blockSize">Positions of a block.</param>
    /// <param name="scoredOnly">Leaves out the rows of a chain that are not scored: no more than context of those that are.</param>
    /// <returns>Sequences laid.</returns>
    public int Lay(StepRows rows, uint* ancestors, int blockSize, bool scoredOnly = false)
    {
        int blocks = 0;
        foreach (StepRows.SequencePart part in rows.Sequences)
            blocks += BlocksOf(part, blockSize);
        int* table = _blockTables.Reserve(blocks);
        SequenceRows* next = _sequences.Reserve(rows.Sequences.Length);
        foreach (StepRows.SequencePart part in rows.Sequences)
        {
            int count = BlocksOf(part, blockSize), unscored = scoredOnly ? Unscored(rows, part) : 0;
            if (unscored == part.RowCount)
                continue;
            part.BlockTable.AsSpan(0, count).CopyTo(new Span<int>(table, count));
            *next++ = new SequenceRows
            {
                RowStart = part.RowStart + unscored,
                RowCount = part.RowCount - unscored,
                ContextLength = part.ContextLength + unscored,
                BlockTable = table,
                Ancestors = part.AncestorStart < 0 ? null : ancestors + part.AncestorStart,
                AncestorWords = part.AncestorWords,
                EarlierRows = part.EarlierRows,
            };
            table += count;
        }

        return (int)(next - Data);
    }

    public void Dispose()
    {
        _sequences.Dispose();
        _blockTables.Dispose();
    }

    /// <summary>A chain's rows before the first that is scored.</summary>
    private static int Unscored(StepRows rows, StepRows.SequencePart part)
    {
        if (part.AncestorStart >= 0)
            return 0;
        int at = rows.LogitRows.BinarySearch(part.RowStart);
        at = at < 0 ? ~at : at;
        return at < rows.LogitRows.Length && rows.LogitRows[at] < part.RowStart + part.RowCount ? rows.LogitRows[at] - part.RowStart : part.RowCount;
    }

    private static int BlocksOf(StepRows.SequencePart part, int blockSize) =>
        (part.ContextLength + part.EarlierRows + part.RowCount + blockSize - 1) / blockSize;
}
