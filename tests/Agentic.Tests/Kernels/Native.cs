using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Agentic.Kernels;

namespace Agentic.Tests;

/// <summary>Elements outside the managed heap, with NaN before and behind them: what is read past an end shows in the result.</summary>
internal sealed unsafe class Native<T> : IDisposable
    where T : unmanaged
{
    private const int Margin = 256;
    private readonly byte* _memory;

    public Native(int length)
    {
        Length = length;
        nuint bytes = (nuint)(length * sizeof(T) + 2 * Margin);
        _memory = (byte*)NativeMemory.AlignedAlloc(bytes, 64);
        NativeMemory.Fill(_memory, bytes, 0xFF);
        Pointer = (T*)(_memory + Margin);
    }

    public Native(ReadOnlySpan<T> values)
        : this(values.Length) => values.CopyTo(Span);

    public int Length { get; }

    public T* Pointer { get; }

    public Span<T> Span => new(Pointer, Length);

    public static implicit operator T*(Native<T> native) => native.Pointer;

    public void Dispose()
    {
        bool intact = !new Span<byte>(_memory, Margin).ContainsAnyExcept((byte)0xFF)
            && !new Span<byte>((byte*)(Pointer + Length), Margin).ContainsAnyExcept((byte)0xFF);
        NativeMemory.AlignedFree(_memory);
        Assert.True(intact, "written outside of the buffer");
    }
}

/// <summary>Random tensors.</summary>
internal static unsafe class Tensors
{
    public static Native<float> Floats(Random random, int length, float scale = 1)
    {
        Native<float> tensor = new(length);
        foreach (ref float element in tensor.Span)
            element = scale * (2 * random.NextSingle() - 1);
        return tensor;
    }

    /// <summary>As many elements of a type, in a buffer of bytes.</summary>
    public static Native<byte> Stored(Random random, ElementType type, int length, float scale = 1)
    {
        Native<byte> tensor = new(length * Elements.Size(type));
        for (int i = 0; i < length; i++)
            Elements.Store(tensor, type, i, scale * (2 * random.NextSingle() - 1));
        return tensor;
    }

    public static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double tolerance, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            double bound = tolerance * (1 + Math.Abs(expected[i]));
            Assert.True(Math.Abs(expected[i] - (double)actual[i]) <= bound, $"{what}: element {i} is {actual[i]:R}, not {expected[i]:R}");
        }
    }

    public static void AssertSameBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what)
    {
        ReadOnlySpan<int> expectedBits = MemoryMarshal.Cast<float, int>(expected), actualBits = MemoryMarshal.Cast<float, int>(actual);
        int common = expectedBits.CommonPrefixLength(actualBits);
        Assert.True(common == expectedBits.Length && common == actualBits.Length, $"{what}: bits differ from element {common} on");
    }
}

/// <summary>Every implementation that runs on a machine without a GPU.</summary>
internal static class Backs
{
    public static TheoryData<string> All => ["widest", "256", "128", "3 threads"];

    public static IKernels Open(string name) => name switch
    {
        "widest" => new CpuKernels(),
        "256" => new SimdKernels<Simd256, Vector256<float>>(1),
        "128" => new SimdKernels<Simd128, Vector128<float>>(1),
        "3 threads" => new CpuKernels(3),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
    };
}
