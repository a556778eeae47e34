using System.Numerics.Tensors;
using Agentic.Kernels;

namespace Agentic.ModelRuntime;

/// <summary>Measures a head as it is served: read from its files, computed by our kernels, on the target's true states.</summary>
internal sealed unsafe class ChainMeter : IDisposable
{
    private const int ChunkRows = 256;
    private readonly EagleHead _head;
    private readonly int _depths, _slots;
    private readonly NativeArray<float> _hidden = new(), _chunk = new();
    private readonly StepRows _rows = new();

    /// <param name="directory">The head's.</param>
    /// <param name="target">The model it drafts for.</param>
    /// <param name="kernels">Where it computes.</param>
    /// <param name="depths">Tokens of a chain.</param>
    /// <param name="longest">Most tokens of a sequence.</param>
    public ChainMeter(string directory, Transformer target, IKernels kernels, int depths, int longest)
    {
        _head = EagleHead.Load(directory, target, kernels, blockSize: 1);   // rows share their context slot by slot
        (_depths, _slots) = (depths, longest);
        _head.AllocateKv(longest * depths);
    }

    /// <summary>Chains from every written token of a sequence but the last of an answer.</summary>
    /// <param name="sequence">Written by the target.</param>
    /// <param name="states">The target's, read along the sequence.</param>
    public ChainAcceptance Measure(TrainingSequence sequence, TargetReader states)
    {
        bool[] written = sequence.Written;
        int[] starts = [.. TrainingRows.Of(sequence).Where(row => written[row + 1])];
        if (starts.Length == 0)
            return ChainAcceptance.None(_depths);
        int[] accepted = new int[sequence.Tokens.Length];
        long[] tried = new long[_depths], agreed = new long[_depths];
        float* hidden = _hidden.Reserve((long)sequence.Tokens.Length * _head.HiddenSize);
        _head.Fuse(states.StatePointers, sequence.Tokens.Length, hidden);

        List<int> living = [.. starts];
        for (int depth = 0; depth < _depths && living.Count > 0; depth++)
        {
            Dictionary<int, int> choices = depth == 0 ? FirstChoices(sequence, living, hidden) : NextChoices(sequence, living, depth);
            tried[depth] = living.Count;
            living.RemoveAll(row => choices[row] != sequence.Tokens[row + TrainingRows.Ahead + depth]);
            agreed[depth] = living.Count;
            foreach (int row in living)
                accepted[row] = depth + 1;
            int next = TrainingRows.Ahead + depth + 1;
            living.RemoveAll(row => row + next >= written.Length || !written[row + next]);
        }

        (long steps, long emitted) = Walk(written, accepted);
        return new ChainAcceptance(tried, agreed, steps, emitted);
    }

    public void Dispose()
    {
        _head.Dispose();
        _hidden.Dispose();
        _chunk.Dispose();
    }

    /// <summary>Runs the true pairs of the sequence, whose keys stay at slots 0 …, and keeps in the buffer what each row puts out.</summary>
    private Dictionary<int, int> FirstChoices(TrainingSequence sequence, List<int> living, float* hidden)
    {
        Dictionary<int, int> choices = [];
        HashSet<int> wanted = [.. living];
        int pairs = living[^1] + 1;
        int[] slots = [.. Enumerable.Range(0, pairs)];
        for (int start = 0; start < pairs;)
        {
            bool scores = wanted.Contains(start);
            int end = start + 1;
            while (end < pairs && end - start < ChunkRows && wanted.Contains(end) == scores)
                end++;
            _rows.Clear();
            _rows.AddChain(sequence.Tokens.AsSpan(start + 1, end - start), start, slots, 1, scoreLast: scores, scoreAll: scores);
            float* rows = hidden + ((long)start * _head.HiddenSize);
            StepLogits logits = _head.Forward(_rows, rows, rows);
            for (int i = 0; i < logits.Count; i++)
                choices[start + i] = Choice(logits[i]);
            start = end;
        }

        return choices;
    }

    /// <summary>Runs one more draft step of each living row, behind the true pairs up to it and its own steps.</summary>
    private Dictionary<int, int> NextChoices(TrainingSequence sequence, List<int> living, int depth)
    {
        Dictionary<int, int> choices = [];
        for (int first = 0; first < living.Count; first += ChunkRows)
        {
            List<int> part = living.GetRange(first, Math.Min(ChunkRows, living.Count - first));
            float* states = _chunk.Reserve((long)part.Count * _head.HiddenSize);
            _rows.Clear();
            for (int i = 0; i < part.Count; i++)
            {
                int row = part[i];
                int[] slots = [.. Enumerable.Range(0, row + 1), .. Enumerable.Range(1, depth).Select(own => (own * _slots) + row)];
                _rows.AddTree(sequence.Tokens[row + 1 + depth], [], [], [], row + depth, slots, 1);
                State(_hidden.Data, row).CopyTo(State(states, i));
            }

            StepLogits logits = _head.Forward(_rows, states, states);
            for (int i = 0; i < part.Count; i++)
            {
                choices[part[i]] = Choice(logits[i]);
                State(states, i).CopyTo(State(_hidden.Data, part[i]));
            }
        }

        return choices;
    }

    private Span<float> State(float* states, int row) => new(states + ((long)row * _head.HiddenSize), _head.HiddenSize);

    private int Choice(ReadOnlySpan<float> logits) => _head.TargetToken(TensorPrimitives.IndexOfMax(logits));

    /// <summary>Decodes each answer: its first token comes with the prompt, then a pass brings what its chain has right and one more.</summary>
    private static (long Steps, long Emitted) Walk(bool[] written, int[] accepted)
    {
        (long steps, long emitted) = (0, 0);
        for (int start = 1; start < written.Length; start++)
        {
            if (!written[start])
                continue;
            int end = start;
            while (end + 1 < written.Length && written[end + 1])
                end++;
            for (int root = start; root < end; steps++)
            {
                int next = Math.Min(root + accepted[root - 1] + 1, end);
                (emitted, root) = (emitted + next - root, next);
            }

            start = end;
        }

        return (steps, emitted);
    }
}
