using Agentic.Kernels;

namespace Agentic.ModelRuntime;

/// <summary>The model whose tokens are served: scores the rows of a step and keeps their keys and values in a paged cache.</summary>
/// <remarks>Called by one thread. The logits of a row depend on its own prefix alone, bit for bit: see <see cref="IKernels"/>.</remarks>
public interface ITargetModel : IDisposable
{
    /// <summary>Token ids are 0 … VocabularySize − 1.</summary>
    int VocabularySize { get; }

    /// <summary>Longest sequence the model takes, in tokens.</summary>
    int MaxPositions { get; }

    /// <summary>Token positions of one KV block.</summary>
    int BlockSize { get; }

    /// <summary>Bytes of one KV block over all layers.</summary>
    long KvBytesPerBlock { get; }

    /// <summary>Hex digest of the weights' identity (configuration, names, shapes, dtype, sampled content): part of every cache namespace.</summary>
    string Fingerprint { get; }

    /// <summary>Allocates the KV pool. Called once, before the first step.</summary>
    /// <param name="blocks">Blocks of <see cref="BlockSize"/> positions, ids 0 … blocks − 1.</param>
    void AllocateKv(int blocks);

    /// <summary>Runs one step: writes K and V of every row, and scores the rows that ask for it.</summary>
    /// <returns>Valid until the next call.</returns>
    StepLogits Forward(StepRows rows);

    /// <summary>Moves accepted rows' keys and values to their committed slots, in order.</summary>
    void CommitKv(ReadOnlySpan<KvMove> moves);
}
