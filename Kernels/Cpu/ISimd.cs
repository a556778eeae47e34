using System.Runtime.Intrinsics;

namespace Agentic.Kernels;

/// <summary>A vector width of the machine. Kernels are written once over it and compiled for each.</summary>
/// <typeparam name="V">The vector of floats.</typeparam>
/// <remarks>
/// 16-bit storage is read two elements to a 32-bit lane: the even elements of a pair of vectors come out of the low halves and the odd ones
/// of the high halves, with one instruction each and no shuffle. What they are multiplied with is brought into the same order once.
/// </remarks>
internal unsafe interface ISimd<V>
    where V : struct
{
    static abstract int Lanes { get; }

    static abstract V Broadcast(float value);

    static abstract V Load(float* source);

    static abstract void Store(float* target, V value);

    static abstract V Add(V left, V right);

    static abstract V Subtract(V left, V right);

    static abstract V Multiply(V left, V right);

    static abstract V Divide(V left, V right);

    static abstract V Min(V left, V right);

    static abstract V Max(V left, V right);

    /// <summary>left · right + addend, rounded once on every machine.</summary>
    static abstract V MultiplyAdd(V left, V right, V addend);

    static abstract V Round(V value);

    /// <summary>2^exponent of whole exponents from −126 to 127.</summary>
    static abstract V PowerOfTwo(V exponent);

    /// <summary>The value, or zero where x is below the limit.</summary>
    static abstract V ZeroWhereBelow(V value, V x, V limit);

    /// <summary>Elements in plain order; the even or odd ones of a pair of vectors cost an instruction less.</summary>
    static abstract V LoadBFloat16(void* elements);

    /// <summary>As <see cref="LoadBFloat16"/>.</summary>
    static abstract V LoadFloat16(void* elements);

    static abstract V BFloat16Even(void* pairs);

    static abstract V BFloat16Odd(void* pairs);

    static abstract V Float16Even(void* pairs);

    static abstract V Float16Odd(void* pairs);

    /// <summary>Writes two vectors as bfloat16 in plain order, rounded to nearest even.</summary>
    static abstract void StoreBFloat16(ushort* target, V lower, V upper);

    /// <summary>Elements 0, 2, 4, … of two vectors in plain order.</summary>
    static abstract V Even(V lower, V upper);

    /// <summary>Elements 1, 3, 5, … of two vectors in plain order.</summary>
    static abstract V Odd(V lower, V upper);

    /// <summary>First half, in plain order, of what <see cref="Even"/> and <see cref="Odd"/> took apart.</summary>
    static abstract V InterleaveLower(V even, V odd);

    /// <summary>Second half, in plain order, of what <see cref="Even"/> and <see cref="Odd"/> took apart.</summary>
    static abstract V InterleaveUpper(V even, V odd);

    /// <summary>The sums of four vectors' lanes, each added in the one order that depends on nothing but the width.</summary>
    static abstract Vector128<float> SumAcross(V a, V b, V c, V d);

    /// <summary>The sums of the lanes of sixteen vectors, four at a place, each added as by <see cref="SumAcross"/>.</summary>
    static abstract void StoreSums(
        V a0, V a1, V a2, V a3, V a4, V a5, V a6, V a7, V b0, V b1, V b2, V b3, V b4, V b5, V b6, V b7,
        float* first, float* second, float* third, float* fourth);

    static abstract float MaxAcross(V value);
}
