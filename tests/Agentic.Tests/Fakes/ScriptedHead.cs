using System.Runtime.InteropServices;
using Agentic.Kernels;
using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary>A draft head for <see cref="ScriptedModel"/> that knows what its state must be: every pair a row sees must join on to the one before,
/// so a wrong feature, a stale slot, a wrong mask or position throws. It guesses by the last two tokens, and so is often right.</summary>
internal sealed unsafe class ScriptedHead(int vocabularySize) : IDraftHead, IDisposable
{
    // Draft token i is the target's i + 2.
    private const int Missing = 2;

    private readonly List<(int Token, float State)> _seen = [];
    private (int Token, float State)[] _slots = [];
    private float* _logits;

    public int HiddenSize => 1;

    public int VocabularySize => vocabularySize - Missing;

    public int MaxPositions => 200;

    public int BlockSize => 4;

    public int TargetToken(int draftToken) => draftToken + Missing;

    public void AllocateKv(int blocks)
    {
        _slots = new (int, float)[blocks * BlockSize];
        Array.Fill(_slots, (-1, 0));
    }

    public void CopyKv(ReadOnlySpan<KvMove> moves)
    {
        foreach (KvMove move in moves)
            _slots[move.ToSlot] = _slots[move.FromSlot];
    }

    public void FuseStates(float* states, int rows, float* output) => new Span<float>(states, rows).CopyTo(new Span<float>(output, rows));

    /// <summary>Rows of each pass.</summary>
    public List<int> Passes { get; } = [];

    public StepLogits Forward(StepRows rows, float* hidden, float* output)
    {
        Passes.Add(rows.RowCount);
        for (int row = 0; row < rows.RowCount; row++)
            _slots[rows.Slots[row]] = (rows.TokenIds[row], hidden[row]);

        for (int scored = 0; scored < rows.LogitRows.Length; scored++)
            output[scored] = ScriptedModel.NextState(hidden[rows.LogitRows[scored]], rows.TokenIds[rows.LogitRows[scored]]);
        _logits = (float*)NativeMemory.Realloc(_logits, (nuint)(Math.Max(1, rows.LogitRows.Length) * vocabularySize * sizeof(float)));
        int at = 0;
        Span<float> all = stackalloc float[vocabularySize];
        foreach (StepRows.SequencePart part in rows.Sequences)
        {
            for (int row = 0; row < part.RowCount; row++)
            {
                See(rows, part, row);
                Assert.Equal(rows.Positions[part.RowStart + row], _seen.Count - 1);
                for (int i = 1; i < _seen.Count; i++)
                    Assert.Equal(ScriptedModel.NextState(_seen[i - 1].State, _seen[i - 1].Token), _seen[i].State);
                if (rows.LogitRows.IndexOf(part.RowStart + row) < 0)
                    continue;
                ScriptedModel.Score([.. _seen.Select(pair => pair.Token)], all);
                all[Missing..].CopyTo(new Span<float>(_logits + (at++ * VocabularySize), VocabularySize));
            }
        }

        return new StepLogits(_logits, at, VocabularySize);
    }

    public void Dispose() => NativeMemory.Free(_logits);

    private void See(StepRows rows, StepRows.SequencePart part, int row)
    {
        _seen.Clear();
        for (int i = 0; i < part.ContextLength; i++)
            _seen.Add(Slot(part, i));
        for (int i = 0; i <= part.EarlierRows + row; i++)
        {
            bool visible = part.AncestorStart < 0 ||
                (rows.Ancestors[part.AncestorStart + (row * part.AncestorWords) + (i / 32)] >> (i % 32) & 1) != 0;
            if (visible)
                _seen.Add(Slot(part, part.ContextLength + i));
        }
    }

    private (int Token, float State) Slot(StepRows.SequencePart part, int logical)
    {
        (int token, float state) = _slots[(part.BlockTable[logical / BlockSize] * BlockSize) + (logical % BlockSize)];
        return token >= 0 ? (token, state) : throw new InvalidOperationException($"Slot {logical} was never written.");
    }
}
