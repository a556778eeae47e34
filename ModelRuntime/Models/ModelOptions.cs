namespace Agentic.ModelRuntime;

/// <summary>How a model's weights and KV cache are kept.</summary>
public enum ModelStorage
{
    /// <summary>Weights as the checkpoint stores them, mapped and never copied; KV cache in float32.</summary>
    Auto,

    /// <summary>As <see cref="Auto"/>: arithmetic is float32 throughout, and widening a stored bfloat16 or float16 to it is exact.</summary>
    Float32,

    /// <summary>Weights and KV cache in bfloat16, each rounded once to nearest even; activations and sums stay float32.
    /// Half the memory of float32, and results that differ from it.</summary>
    BFloat16,
}

/// <summary>Choices of an operator about a model.</summary>
/// <param name="Storage">How weights and KV cache are kept (<c>--dtype</c>).</param>
/// <param name="BlockSize">Token positions of one KV block.</param>
public sealed record ModelOptions(ModelStorage Storage = ModelStorage.Auto, int BlockSize = 16);
