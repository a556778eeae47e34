using Agentic.Kernels;
using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary>A draft head that keeps what each scored row saw, pair by pair, and what it said.</summary>
internal sealed unsafe class RecordingHead(EagleHead head) : IDraftHead
{
    private (int Token, float[] Hidden)[] _slots = [];

    public int HiddenSize => head.HiddenSize;

    public int VocabularySize => head.VocabularySize;

    public int MaxPositions => head.MaxPositions;

    public int BlockSize => head.BlockSize;

    public List<Row> Rows { get; } = [];

    public int TargetToken(int draftToken) => head.TargetToken(draftToken);

    public void AllocateKv(int blocks)
    {
        head.AllocateKv(blocks);
        _slots = new (int, float[])[blocks * BlockSize];
    }

    public void CopyKv(ReadOnlySpan<KvMove> moves)
    {
        head.CopyKv(moves);
        foreach (KvMove move in moves)
            _slots[move.ToSlot] = _slots[move.FromSlot];
    }

    public void FuseStates(float* states, int rows, float* output) => head.FuseStates(states, rows, output);

    public StepLogits Forward(StepRows rows, float* hidden, float* output)
    {
        for (int row = 0; row < rows.RowCount; row++)
            _slots[rows.Slots[row]] = (rows.TokenIds[row], new ReadOnlySpan<float>(hidden + ((long)row * HiddenSize), HiddenSize).ToArray());
        StepLogits logits = head.Forward(rows, hidden, output);
        int at = 0;
        foreach (StepRows.SequencePart part in rows.Sequences)
        {
            for (int row = 0; row < part.RowCount; row++)
            {
                if (rows.LogitRows.IndexOf(part.RowStart + row) >= 0)
                    Rows.Add(new Row(See(rows, part, row), logits[at++].ToArray(), part.AncestorStart < 0, part.ContextLength));
            }
        }

        return logits;
    }

    private List<(int Token, float[] Hidden)> See(StepRows rows, StepRows.SequencePart part, int row)
    {
        List<(int, float[])> seen = [];
        for (int i = 0; i < part.ContextLength + part.EarlierRows + part.RowCount; i++)
        {
            int node = i - part.ContextLength;
            bool visible = node < 0 || (part.AncestorStart < 0
                ? node <= row
                : (rows.Ancestors[part.AncestorStart + (row * part.AncestorWords) + (node / 32)] >> (node % 32) & 1) != 0);
            if (visible)
                seen.Add(_slots[(part.BlockTable[i / BlockSize] * BlockSize) + (i % BlockSize)]);
        }

        return seen;
    }

    /// <summary>Pairs that a row saw, its own the last; its logits; whether it is a true pair; and how many before it are, or were in the cache.</summary>
    public sealed record Row(List<(int Token, float[] Hidden)> Seen, float[] Logits, bool IsTrue, int Context)
    {
        public string Key => string.Join(' ', Seen.Select(pair => pair.Token));
    }
}
