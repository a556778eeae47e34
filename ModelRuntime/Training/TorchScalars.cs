using static TorchSharp.torch;
using Scalar = TorchSharp.Scalar;

namespace Agentic.ModelRuntime;

/// <summary>Numbers handed to torch.</summary>
/// <remarks>TorchSharp (0.107) turns numbers into objects with a finalizer and holds on to them no longer than to read their handle: a collection at
/// that moment frees what torch is about to read ("Unknown scalar type"). So does it with the 1 that sums are scaled by.</remarks>
internal static class TorchScalars
{
    /// <summary>Lives as long as the process.</summary>
    public static readonly Scalar One = 1;

    public static Tensor Plus(this Tensor left, Tensor right) => left.add(right, alpha: One);

    /// <summary>Calls torch with a number that lives until it is back.</summary>
    public static Tensor Holding(Scalar number, Func<Scalar, Tensor> call)
    {
        Tensor result = call(number);
        GC.KeepAlive(number);
        return result;
    }
}
