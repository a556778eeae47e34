using System.Numerics.Tensors;
using Agentic.Kernels;

namespace Agentic.ModelRuntime;

/// <summary>How often a head's likeliest token is the one that the model writes next, where the head is told all that came before.</summary>
/// <param name="Tokens">Tokens of the model's own looked at.</param>
/// <param name="Accepted">Those that the head named.</param>
public sealed record DraftCheck(int Tokens, int Accepted)
{
    /// <summary>Heads that fit their model reach 0.45 to 0.8 on general text.</summary>
    public const double Healthy = 0.45;

    /// <summary>What a head with wrong layers, a wrong shift or of another model stays below.</summary>
    public const double Broken = 0.1;

    /// <summary>0 … 1.</summary>
    public double Acceptance => Tokens == 0 ? 0 : (double)Accepted / Tokens;
}

/// <summary>An EAGLE draft head for a model, ready to draft in an engine.</summary>
public sealed unsafe class DraftHead : IDisposable
{
    private static readonly TimeSpan MeasuringLimit = TimeSpan.FromSeconds(1);

    private readonly Transformer _target;
    private readonly EagleHead _head;
    private readonly NativeArray<float> _states = new();   // of one engine after the other: memory is dear the first time it is written to
    private LevelCost? _cost;

    private DraftHead(Transformer target, EagleHead head)
    {
        (_target, _head) = (target, head);
        target.CaptureBoundaries(head.Config.Boundaries);
    }

    /// <summary>The target's layers that feed it, as boundaries: b is the residual stream that enters layer b.</summary>
    public IReadOnlyList<int> Boundaries => _head.Config.Boundaries;

    /// <summary>Tokens it can propose.</summary>
    public int DraftVocabularySize => _head.VocabularySize;

    /// <summary>What <see cref="Check"/> found last.</summary>
    public DraftCheck? LastCheck { get; private set; }

    /// <summary>Opens a head's directory and feeds it from the model, whose passes keep its states from now on.</summary>
    /// <param name="directory">Of SafeAILab, SpecForge or speculators; safetensors or pytorch_model.bin.</param>
    /// <param name="target">The model it drafts for; stays the caller's and outlives the head.</param>
    /// <param name="kernels">Where it computes; likewise.</param>
    /// <exception cref="ModelLoadException">It is no head, a damaged one, or one of another model.</exception>
    public static DraftHead Load(string directory, Transformer target, IKernels kernels) => new(target, EagleHead.Load(directory, target, kernels));

    /// <summary>Another head over these weights, fed from a model that shares those of this one's, for whoever compares engines turn by turn: only one
    /// of them computes at a time. This one outlives it.</summary>
    /// <param name="target">From <see cref="Transformer.Share"/>; stays the caller's and outlives the head.</param>
    public DraftHead Share(Transformer target) => new(target, _head.Share()) { LastCheck = LastCheck };

    /// <summary>Lets the model write after some prompts and sees how well the head follows it: a wrong layer or shift is otherwise silent, since
    /// the answers stay right.</summary>
    /// <param name="prompts">Token ids; none empty.</param>
    /// <param name="stopTokenIds">Where an answer ends.</param>
    /// <param name="tokens">Of an answer at most.</param>
    /// <param name="clock">Time.</param>
    /// <param name="limit">No further answer is begun after this long.</param>
    /// <remarks>The model's KV pool is allocated and nobody uses it yet.</remarks>
    public DraftCheck Check(IReadOnlyList<int[]> prompts, IReadOnlyList<int> stopTokenIds, int tokens, TimeProvider clock, TimeSpan limit)
    {
        long start = clock.GetTimestamp();
        int looked = 0, accepted = 0;
        foreach (int[] prompt in prompts)
        {
            if (looked > 0 && clock.GetElapsedTime(start) > limit)
                break;
            if (prompt.Length + tokens >= Math.Min(_target.MaxPositions, _head.MaxPositions))
                continue;
            (int tokensOfOne, int acceptedOfOne) = CheckOne(prompt, stopTokenIds, tokens);
            (looked, accepted) = (looked + tokensOfOne, accepted + acceptedOfOne);
        }

        return LastCheck = new DraftCheck(looked, accepted);
    }

    /// <summary>Lets an engine draft from it.</summary>
    internal LevelGrowth Open(EngineOptions options, int targetBlockSize, TimeProvider clock)
    {
        var states = new StateCache(_target, options.KvBlocks, targetBlockSize, options.Eagle.StateBytes, _states);
        EagleDrafter drafter = LastCheck is { Tokens: > 0 } check
            ? new(_head, states, targetBlockSize, options.MaxSequences, options.Eagle, check.Acceptance)
            : new(_head, states, targetBlockSize, options.MaxSequences, options.Eagle);
        return new LevelGrowth(drafter, _cost ??= Measure(options, clock), LastCheck);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _head.Dispose();
        _states.Dispose();
    }

    private (int Tokens, int Accepted) CheckOne(int[] prompt, IReadOnlyList<int> stopTokenIds, int most)
    {
        ITargetStates source = _target;
        List<int> sequence = [.. prompt];
        using NativeArray<float> states = new((long)(prompt.Length + most) * source.StateSize), hidden = new((long)(prompt.Length + most) * _head.HiddenSize);
        int[] blocks = Blocks(_target.BlockSize);
        var rows = new StepRows();
        for (int known = 0; sequence.Count < prompt.Length + most; known = sequence.Count - 1)
        {
            rows.Clear();
            rows.AddChain(sequence.ToArray().AsSpan(known), known, blocks, _target.BlockSize, scoreLast: true);
            int token = TensorPrimitives.IndexOfMax<float>(_target.Forward(rows)[0]);
            for (int row = 0; row < rows.RowCount; row++)
                source.CopyState(row, states.Data + ((long)(known + row) * source.StateSize));
            sequence.Add(token);
            if (stopTokenIds.Contains(token))
                break;
        }

        // Pair i names token i + 2, so the first token of the answer is known to the last pair that the prompt makes.
        int pairs = sequence.Count - 2, first = Math.Max(0, prompt.Length - 2), accepted = 0;
        if (pairs <= first)
            return (0, 0);
        int[] own = Blocks(_head.BlockSize);
        _head.AllocateKv(own.Length);
        rows.Clear();
        rows.AddChain(sequence.ToArray().AsSpan(1, pairs), 0, own, _head.BlockSize, scoreLast: true, scoreAll: true);
        _head.FuseStates(states.Data, pairs, hidden.Data);
        StepLogits logits = _head.Forward(rows, hidden.Data, hidden.Data);
        for (int pair = first; pair < pairs; pair++)
            accepted += _head.TargetToken(TensorPrimitives.IndexOfMax<float>(logits[pair])) == sequence[pair + 2] ? 1 : 0;
        return (pairs - first, accepted);

        int[] Blocks(int blockSize) => [.. Enumerable.Range(0, ((prompt.Length + most) / blockSize) + 1)];
    }

    private LevelCost Measure(EngineOptions options, TimeProvider clock)
    {
        using NativeArray<float> states = new(), hidden = new();
        ITargetStates source = _target;
        return LevelCost.Measure(
            rows =>
            {
                states.Reserve((long)rows.RowCount * source.StateSize);
                hidden.Reserve((long)rows.RowCount * _head.HiddenSize);
                _head.FuseStates(states.Data, rows.RowCount, hidden.Data);
                _head.Forward(rows, hidden.Data, hidden.Data);
            },
            _head.BlockSize, Math.Min(options.Eagle.WindowTokens, _head.MaxPositions - options.Eagle.Depth), clock, MeasuringLimit);
    }
}
