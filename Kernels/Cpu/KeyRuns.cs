namespace Agentic.Kernels;

/// <summary>The keys a row sees at indices start … end − 1, as runs that lie next to each other in one block.</summary>
internal unsafe struct KeyRuns
{
    private readonly SequenceRows _sequence;
    private readonly AttentionRow _row;
    private readonly int _blockSize;
    private readonly int _end;
    private int _ancestor;

    public KeyRuns(in SequenceRows sequence, in AttentionRow row, int blockSize, int start, int end)
    {
        (_sequence, _row, _blockSize, _end, Index) = (sequence, row, blockSize, end, start);
        _ancestor = row.Identity - sequence.ContextLength - 1;
        for (int index = row.Identity; index < Math.Min(start, end); index++)
            _ancestor = AttentionRow.NextAncestor(sequence, row.Number, _ancestor);
    }

    /// <summary>Logical index of the run's first key.</summary>
    public int Index { get; private set; }

    /// <summary>Cache slot of the run's first key.</summary>
    public int Slot { get; private set; }

    /// <summary>Keys of the run.</summary>
    public int Count { get; private set; }

    /// <summary>Slot as far into the next block of the table as <see cref="Slot"/> is into its own; its own at the end.</summary>
    public int SlotAhead { get; private set; }

    public bool MoveNext()
    {
        Index += Count;
        if (Index >= _end)
            return false;
        int logicalSlot = Index;
        if (Index < _row.Identity)
        {
            Count = Math.Min(Math.Min(_row.Identity, _end) - Index, _blockSize - Index % _blockSize);
        }
        else
        {
            _ancestor = AttentionRow.NextAncestor(_sequence, _row.Number, _ancestor);
            logicalSlot = _sequence.ContextLength + _ancestor;
            for (Count = 1; Index + Count < _end && (logicalSlot + Count) % _blockSize != 0; Count++)
            {
                if (!_sequence.Sees(_row.Number, _ancestor + 1))
                    break;
                _ancestor++;
            }
        }
        Slot = _sequence.Slot(logicalSlot, _blockSize);
        SlotAhead = Index + _blockSize < Math.Min(_row.Identity, _end) ? _sequence.Slot(Index + _blockSize, _blockSize) : Slot;
        return true;
    }
}
