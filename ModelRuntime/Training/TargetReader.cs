using System.Numerics.Tensors;
using Agentic.Kernels;

namespace Agentic.ModelRuntime;

/// <summary>What the target computes along a sequence, in our own kernels: every model that is served can be learned from.</summary>
/// <remarks>One sequence at a time; what is read is valid until the next.</remarks>
internal sealed unsafe class TargetReader : IDisposable
{
    private const int ChunkRows = 256;
    private readonly Transformer _target;
    private readonly IKernels _kernels;
    private readonly int[] _vocabulary, _blocks;
    private readonly bool[] _proposed;
    private readonly NativeArray<float>[] _states;
    private readonly NativeArray<float> _embeddings = new(), _logits = new();
    private readonly StepRows _rows = new();
    private int[] _scoreOf = [];

    /// <param name="target">Its KV pool is allocated, and nobody else uses it meanwhile.</param>
    /// <param name="kernels">Where it computes.</param>
    /// <param name="boundaries">Where its states are taken.</param>
    /// <param name="vocabulary">Tokens whose logits are kept.</param>
    /// <param name="longest">Most tokens of a sequence.</param>
    public TargetReader(Transformer target, IKernels kernels, int[] boundaries, DraftVocabulary vocabulary, int longest)
    {
        (_target, _kernels, _vocabulary) = (target, kernels, [.. vocabulary.Tokens]);
        _proposed = new bool[target.VocabularySize];
        foreach (int token in _vocabulary)
            _proposed[token] = true;
        _blocks = [.. Enumerable.Range(0, BlocksFor(target, longest))];
        _states = [.. boundaries.Select(_ => new NativeArray<float>())];
        target.CaptureBoundaries(boundaries);
    }

    /// <summary>KV blocks that a sequence of this length needs.</summary>
    public static int BlocksFor(Transformer target, int tokens) => (tokens + target.BlockSize - 1) / target.BlockSize;

    /// <summary>Tokens of the sequence read last.</summary>
    public int Length { get; private set; }

    /// <summary>Rows whose logits are kept: those before a written token.</summary>
    public int Scored { get; private set; }

    /// <summary>[tokens, hidden] at a boundary.</summary>
    public ReadOnlySpan<float> States(int boundary) => new(_states[boundary].Data, Length * _target.Config.HiddenSize);

    /// <summary>Pointers to the same, as <see cref="EagleHead.Fuse"/> takes them.</summary>
    public nint[] StatePointers => [.. _states.Select(states => (nint)states.Data)];

    /// <summary>[tokens, hidden] of the target's embedding table.</summary>
    public ReadOnlySpan<float> Embeddings => new(_embeddings.Data, Length * _target.Config.HiddenSize);

    /// <summary>[scored, draft vocabulary] logits.</summary>
    public ReadOnlySpan<float> Logits => new(_logits.Data, Scored * _vocabulary.Length);

    /// <summary>Index among the scored of the target's row at a position; −1 where no written token follows, or where the target's own choice is
    /// a token that the head cannot propose: nothing is to be learned there.</summary>
    public int ScoreOf(int position) => position < Length ? _scoreOf[position] : -1;

    /// <summary>Runs the target over a sequence.</summary>
    /// <param name="sequence">No longer than was said.</param>
    /// <param name="statesOnly">Whether logits and embeddings are not wanted.</param>
    public void Read(TrainingSequence sequence, bool statesOnly = false)
    {
        int[] tokens = sequence.Tokens;
        int hidden = _target.Config.HiddenSize;
        Length = tokens.Length;
        _scoreOf = new int[Length];
        Array.Fill(_scoreOf, -1);
        foreach (NativeArray<float> states in _states)
            states.Reserve((long)Length * hidden);
        Scored = statesOnly ? 0 : sequence.Written.Skip(1).Count(written => written);
        _logits.Reserve((long)Scored * _vocabulary.Length);
        int scored = 0;
        for (int start = 0; start < Length;)
        {
            bool scores = !statesOnly && FollowedByWritten(sequence, start);
            int end = start + 1;
            while (end < Length && end - start < ChunkRows && (statesOnly || FollowedByWritten(sequence, end) == scores))
                end++;
            _rows.Clear();
            _rows.AddChain(tokens.AsSpan(start, end - start), start, _blocks, _target.BlockSize, scoreLast: scores, scoreAll: scores);
            StepLogits logits = _target.Forward(_rows);
            for (int i = 0; i < _states.Length; i++)
            {
                int length = (end - start) * hidden;
                new ReadOnlySpan<float>(_target.Boundary(i), length).CopyTo(new Span<float>(_states[i].Data + ((long)start * hidden), length));
            }

            for (int row = 0; row < logits.Count; row++, scored++)
                Keep(logits[row], start + row, scored);
            start = end;
        }

        if (!statesOnly)
            Lookup(_target.Weights.Embedding, tokens, _embeddings);
    }

    /// <summary>[vocabulary, hidden] rows of the target's scoring matrix for the tokens the head proposes.</summary>
    public float[] HeadRows()
    {
        using NativeArray<float> rows = new();
        Lookup(_target.Weights.Head.Weight, _vocabulary, rows);
        return new ReadOnlySpan<float>(rows.Data, _vocabulary.Length * _target.Config.HiddenSize).ToArray();
    }

    public void Dispose()
    {
        foreach (NativeArray<float> array in (ReadOnlySpan<NativeArray<float>>)[.. _states, _embeddings, _logits])
            array.Dispose();
    }

    private static bool FollowedByWritten(TrainingSequence sequence, int position) =>
        position + 1 < sequence.Written.Length && sequence.Written[position + 1];

    private void Keep(ReadOnlySpan<float> logits, int position, int index)
    {
        float* kept = _logits.Data + ((long)index * _vocabulary.Length);
        for (int i = 0; i < _vocabulary.Length; i++)
            kept[i] = logits[_vocabulary[i]];
        if (_proposed[TensorPrimitives.IndexOfMax(logits)])
            _scoreOf[position] = index;
    }

    private void Lookup(Weight table, int[] rows, NativeArray<float> output)
    {
        int width = table.Shape[1];
        output.Reserve((long)rows.Length * width);
        fixed (int* ids = rows)
            _kernels.Embed(new EmbedArgs
            {
                TokenIds = ids,
                Table = table.Pointer,
                TableType = table.Type,
                Output = output.Data,
                Rows = rows.Length,
                Hidden = width,
            });
    }
}
