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
    public void Lay(StepRows rows, uint* ancestors, int blockSize)
    {
        int blocks = 0;
        foreach (StepRows.SequencePart part in rows.Sequences)
            blocks += BlocksOf(part, blockSize);
        int* table = _blockTables.Reserve(blocks);
        SequenceRows* next = _sequences.Reserve(rows.Sequences.Length);
        foreach (StepRows.SequencePart part in rows.Sequences)
        {
            int count = BlocksOf(part, blockSize);
            part.BlockTable.AsSpan(0, count).CopyTo(new Span<int>(table, count));
            *next++ = new SequenceRows
            {
                RowStart = part.RowStart,
                RowCount = part.RowCount,
                ContextLength = part.ContextLength,
                BlockTable = table,
                Ancestors = part.AncestorStart < 0 ? null : ancestors + part.AncestorStart,
                AncestorWords = part.AncestorWords,
                EarlierRows = part.EarlierRows,
            };
            table += count;
        }
    }

    public void Dispose()
    {
        _sequences.Dispose();
        _blockTables.Dispose();
    }

    private static int BlocksOf(StepRows.SequencePart part, int blockSize) =>
        (part.ContextLength + part.EarlierRows + part.RowCount + blockSize - 1) / blockSize;
}
