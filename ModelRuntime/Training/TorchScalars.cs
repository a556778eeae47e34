using static TorchSharp.torch;
using Scalar = TorchSharp.Scalar;

namespace Agentic.ModelRuntime;

/// <summary>Numbers handed to torch.</summary>
internal static class TorchScalars
{
    /// <summary>Calls torch with a number that lives until it is back. TorchSharp (0.107) turns numbers into objects with a finalizer and holds on to
    /// them no longer than to read their handle: a collection at that moment frees what torch is about to read ("Unknown scalar type").</summary>
    public static Tensor Holding(Scalar number, Func<Scalar, Tensor> call)
    {
        Tensor result = call(number);
        GC.KeepAlive(number);
        return result;
    }
}
