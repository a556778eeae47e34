using Agentic.Kernels;

namespace Agentic.ModelRuntime;

/// <summary>In which numbers a model's weights and KV cache are kept, and its results stored.</summary>
public enum ModelStorage
{
    /// <summary>Weights as the checkpoint stores them, mapped and never copied; activations and KV cache in float32.</summary>
    Auto,

    /// <summary>Everything in float32: bit for bit as <see cref="Auto"/>, for widening a stored bfloat16 or float16 is exact and is done while
    /// computing.</summary>
    Float32,

    /// <summary>Weights, KV cache and the result of every operation rounded to bfloat16, as the reference library does with
    /// <c>torch_dtype=bfloat16</c>; what an operation sums inside stays float32. Half the memory of float32.</summary>
    BFloat16,
}

/// <summary>Choices of an operator about a model.</summary>
/// <param name="Storage">In which numbers the model is kept and computed (<c>--dtype</c>).</param>
/// <param name="BlockSize">Token positions of one KV block.</param>
public sealed record ModelOptions(ModelStorage Storage = ModelStorage.Auto, int BlockSize = 16)
{
    /// <summary>What results and cache entries are rounded to.</summary>
    internal ElementType Precision => Storage == ModelStorage.BFloat16 ? ElementType.BFloat16 : ElementType.Float32;
}
