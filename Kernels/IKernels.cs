namespace Agentic.Kernels;

/// <summary>The operations of a step, on raw pointers and shapes. Everything above this seam is the same on every device.</summary>
/// <remarks>
/// Contract of every implementation: <b>a row's result does not depend on which other rows are in the launch</b>, nor on where its keys
/// lie in the cache. A token verified inside a draft tree, decoded alone, or run in a prefill chunk of any size has the same bits; that is
/// what makes speculation and batching change nothing but the time (docs/design.md, "Batch invariance").
/// Activations lie as float32 on the CPU; an operation whose arguments name a precision rounds its results to that, once each, as a model of that
/// type would store them, while what it sums inside stays float32. Rows are dense and row-major unless a stride is named.
/// </remarks>
public unsafe interface IKernels : IDisposable
{
    /// <summary>Token rows of the embedding table.</summary>
    void Embed(in EmbedArgs args);

    /// <summary>output = input · weightᵀ + bias.</summary>
    void Linear(in LinearArgs args);

    /// <summary>residual += delta; output = residual / rms(residual) · weight. Both buffers are written.</summary>
    void AddRmsNorm(in AddRmsNormArgs args);

    /// <summary>Optional RMS norm of each query and key head, rotary embedding of both, K and V written to their cache slots.</summary>
    void RopeWriteKv(in RopeWriteKvArgs args);

    /// <summary>Attention of each row over its sequence's committed keys and its ancestors among the step's own rows.</summary>
    void TreeAttention(in TreeAttentionArgs args);

    /// <summary>output = silu(gate) · up.</summary>
    void SiluMul(in SiluMulArgs args);

    /// <summary>Moves accepted rows' K and V, in all layers, to the slots of their committed positions.</summary>
    void CommitKv(in CommitKvArgs args);

    /// <summary>Softmax over experts and the best k of each row, in falling order of weight, ties by lowest id.</summary>
    void RouteExperts(in RouteExpertsArgs args);

    /// <summary>output[i] = input[rowIndices[i]].</summary>
    void GatherRows(in GatherRowsArgs args);

    /// <summary>output[rowIndices[i]] += scales[i] · input[i], in order of i.</summary>
    void ScatterAddRows(in ScatterAddRowsArgs args);
}
