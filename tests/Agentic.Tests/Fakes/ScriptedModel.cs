using System.Runtime.InteropServices;
using Agentic.Kernels;
using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary>A target without weights: logits are a hash of the tokens a row can see. Its "cache" holds the token of each slot, so a wrong block,
/// a wrong mask, a stale slot or a wrong commit changes its words.</summary>
internal sealed unsafe class ScriptedModel(int vocabularySize = 32, int blockSize = 4, int maxPositions = 256) : ITargetModel, ITargetStates
{
    private int[] _slots = [];
    private float* _logits;
    private int _logitRows;
    private StepRows? _lastRows;

    public int VocabularySize => vocabularySize;

    public int MaxPositions => maxPositions;

    public int BlockSize => blockSize;

    public long KvBytesPerBlock => blockSize * sizeof(int);

    public string Fingerprint => "scripted";

    public int Steps { get; private set; }

    public int StateSize => 1;

    /// <summary>Makes the next forward pass throw.</summary>
    public bool FailNext { get; set; }

    public void AllocateKv(int blocks)
    {
        _slots = new int[blocks * blockSize];
        Array.Fill(_slots, -1);
    }

    public StepLogits Forward(StepRows rows)
    {
        if (FailNext)
        {
            FailNext = false;
            throw new InvalidOperationException("The scripted model was told to fail.");
        }

        Steps++;
        _lastRows = rows;
        for (int i = 0; i < rows.RowCount; i++)
            _slots[rows.Slots[i]] = rows.TokenIds[i];
        if (_logitRows < rows.LogitRows.Length)
        {
            _logitRows = rows.LogitRows.Length * 2;
            _logits = (float*)NativeMemory.Realloc(_logits, (nuint)(_logitRows * vocabularySize * sizeof(float)));
        }

        int at = 0;
        List<int> seen = [];
        foreach (StepRows.SequencePart part in rows.Sequences)
        {
            for (int row = 0; row < part.RowCount; row++)
            {
                if (rows.LogitRows.IndexOf(part.RowStart + row) < 0)
                    continue;
                See(rows, part, row, seen);
                Assert.Equal(rows.Positions[part.RowStart + row], seen.Count - 1);
                Score(CollectionsMarshal.AsSpan(seen), new Span<float>(_logits + (at++ * vocabularySize), vocabularySize));
            }
        }

        return new StepLogits(_logits, at, vocabularySize);
    }

    public void CommitKv(ReadOnlySpan<KvMove> moves)
    {
        foreach (KvMove move in moves)
            _slots[move.ToSlot] = _slots[move.FromSlot];
    }

    /// <summary>The state of a row is its history, in 24 bits.</summary>
    public void CopyState(int row, float* into)
    {
        foreach (StepRows.SequencePart part in _lastRows!.Sequences)
        {
            if (row < part.RowStart || row >= part.RowStart + part.RowCount)
                continue;
            List<int> seen = [];
            See(_lastRows, part, row - part.RowStart, seen);
            *into = 0;
            foreach (int token in seen)
                *into = NextState(*into, token);
        }
    }

    /// <summary>The state after another token.</summary>
    public static float NextState(float state, int token) => (uint)(Mix(((ulong)state << 20) ^ (ulong)(token + 1)) >> 40);

    public void Dispose() => NativeMemory.Free(_logits);

    /// <summary>Next-token logits after a history: what the last two tokens suggest, with a pinch of everything before.</summary>
    public static void Score(ReadOnlySpan<int> history, Span<float> logits)
    {
        ulong all = 0x9E3779B97F4A7C15;
        foreach (int token in history)
            all = Mix(all ^ (ulong)(token + 1));
        ulong near = Mix(history.Length < 2 ? 7 : (((ulong)history[^2] << 20) | (ulong)(uint)history[^1]) + 11);
        for (int token = 0; token < logits.Length; token++)
            logits[token] = (2 * Unit(Mix(near ^ (ulong)token))) + (0.7f * Unit(Mix(all ^ (ulong)token)));
        logits[(int)(near % (ulong)logits.Length)] += 4;
    }

    private void See(StepRows rows, StepRows.SequencePart part, int row, List<int> seen)
    {
        seen.Clear();
        for (int i = 0; i < part.ContextLength; i++)
            seen.Add(Slot(part, i));
        for (int i = 0; i <= row; i++)
        {
            bool visible = part.AncestorStart < 0 ||
                (rows.Ancestors[part.AncestorStart + (row * part.AncestorWords) + (i / 32)] >> (i % 32) & 1) != 0;
            if (visible)
                seen.Add(Slot(part, part.ContextLength + i));
        }
    }

    private int Slot(StepRows.SequencePart part, int logical)
    {
        int token = _slots[(part.BlockTable[logical / blockSize] * blockSize) + (logical % blockSize)];
        return token >= 0 ? token : throw new InvalidOperationException($"Slot {logical} was never written.");
    }

    private static ulong Mix(ulong x)
    {
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }

    private static float Unit(ulong x) => ((x >> 40) * (1f / (1 << 23))) - 1;
}
