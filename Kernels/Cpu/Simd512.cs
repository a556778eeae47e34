using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Agentic.Kernels;

/// <summary>16 lanes: AVX-512.</summary>
internal readonly unsafe struct Simd512 : ISimd<Vector512<float>>
{
    public static int Lanes => 16;

    public static Vector512<float> Broadcast(float value) => Vector512.Create(value);

    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    public static void Store(float* target, Vector512<float> value) => value.Store(target);

    public static Vector512<float> Add(Vector512<float> left, Vector512<float> right) => left + right;

    public static Vector512<float> Subtract(Vector512<float> left, Vector512<float> right) => left - right;

    public static Vector512<float> Multiply(Vector512<float> left, Vector512<float> right) => left * right;

    public static Vector512<float> Divide(Vector512<float> left, Vector512<float> right) => left / right;

    public static Vector512<float> Min(Vector512<float> left, Vector512<float> right) => Vector512.MinNative(left, right);

    public static Vector512<float> Max(Vector512<float> left, Vector512<float> right) => Vector512.MaxNative(left, right);

    public static Vector512<float> MultiplyAdd(Vector512<float> left, Vector512<float> right, Vector512<float> addend) =>
        Vector512.FusedMultiplyAdd(left, right, addend);

    public static Vector512<float> Round(Vector512<float> value) => Vector512.Round(value);

    public static Vector512<float> PowerOfTwo(Vector512<float> exponent) =>
        ((Vector512.ConvertToInt32Native(exponent) + Vector512.Create(127)) << 23).AsSingle();

    public static Vector512<float> ZeroWhereBelow(Vector512<float> value, Vector512<float> x, Vector512<float> limit) =>
        Vector512.ConditionalSelect(Vector512.LessThan(x, limit), Vector512<float>.Zero, value);

    public static Vector512<float> LoadBFloat16(void* elements) => (Widen(elements) << 16).AsSingle();

    public static Vector512<float> LoadFloat16(void* elements) => FromFloat16(Widen(elements));

    public static Vector512<float> BFloat16Even(void* pairs) => (Vector512.Load((uint*)pairs) << 16).AsSingle();

    public static Vector512<float> BFloat16Odd(void* pairs) => (Vector512.Load((uint*)pairs) & Vector512.Create(0xFFFF0000)).AsSingle();

    public static Vector512<float> Float16Even(void* pairs) => FromFloat16(Vector512.Load((uint*)pairs) & Vector512.Create(0xFFFFu));

    public static Vector512<float> Float16Odd(void* pairs) => FromFloat16(Vector512.Load((uint*)pairs) >> 16);

    public static void StoreBFloat16(ushort* target, Vector512<float> lower, Vector512<float> upper) =>
        Vector512.Narrow(ToBFloat16(lower), ToBFloat16(upper)).Store(target);

    public static Vector512<float> Even(Vector512<float> lower, Vector512<float> upper) =>
        Vector512.Narrow(lower.AsUInt64(), upper.AsUInt64()).AsSingle();

    public static Vector512<float> Odd(Vector512<float> lower, Vector512<float> upper) =>
        Vector512.Narrow(lower.AsUInt64() >> 32, upper.AsUInt64() >> 32).AsSingle();

    public static Vector512<float> InterleaveLower(Vector512<float> even, Vector512<float> odd) =>
        (Vector512.WidenLower(even.AsUInt32()) | (Vector512.WidenLower(odd.AsUInt32()) << 32)).AsSingle();

    public static Vector512<float> InterleaveUpper(Vector512<float> even, Vector512<float> odd) =>
        (Vector512.WidenUpper(even.AsUInt32()) | (Vector512.WidenUpper(odd.AsUInt32()) << 32)).AsSingle();

    public static Vector128<float> SumAcross(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d) =>
        Simd256.SumAcross(Halve(a), Halve(b), Halve(c), Halve(d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSums(
        Vector512<float> a0, Vector512<float> a1, Vector512<float> a2, Vector512<float> a3,
        Vector512<float> a4, Vector512<float> a5, Vector512<float> a6, Vector512<float> a7,
        Vector512<float> b0, Vector512<float> b1, Vector512<float> b2, Vector512<float> b3,
        Vector512<float> b4, Vector512<float> b5, Vector512<float> b6, Vector512<float> b7, float* first, float* second, float* third, float* fourth)
    {
        Vector512<float> c0 = Quarter(a0, a4, b0, b4), c1 = Quarter(a1, a5, b1, b5);
        Vector512<float> c2 = Quarter(a2, a6, b2, b6), c3 = Quarter(a3, a7, b3, b7);
        Vector512<float> c01 = Avx512F.UnpackLow(c0, c1) + Avx512F.UnpackHigh(c0, c1), c23 = Avx512F.UnpackLow(c2, c3) + Avx512F.UnpackHigh(c2, c3);
        Vector512<float> sums = Avx512F.Shuffle(c01, c23, 0x44) + Avx512F.Shuffle(c01, c23, 0xEE);
        sums.GetLower().GetLower().Store(first);
        sums.GetLower().GetUpper().Store(second);
        sums.GetUpper().GetLower().Store(third);
        sums.GetUpper().GetUpper().Store(fourth);
    }

    public static float MaxAcross(Vector512<float> value) => Simd256.MaxAcross(Simd256.Max(value.GetLower(), value.GetUpper()));

    private static Vector256<float> Halve(Vector512<float> value) => value.GetLower() + value.GetUpper();

    /// <summary>Of each vector the four sums of the lanes that are four apart, one vector after the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Quarter(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d)
    {
        Vector512<float> ab = Avx512F.Shuffle4x128(a, b, 0x44) + Avx512F.Shuffle4x128(a, b, 0xEE);
        Vector512<float> cd = Avx512F.Shuffle4x128(c, d, 0x44) + Avx512F.Shuffle4x128(c, d, 0xEE);
        return Avx512F.Shuffle4x128(ab, cd, 0x88) + Avx512F.Shuffle4x128(ab, cd, 0xDD);
    }

    private static Vector512<uint> Widen(void* elements) => Vector512.WidenLower(Vector256.Load((ushort*)elements).ToVector512Unsafe());

    /// <summary>Exact: subnormals become normal by the multiplication, infinities and NaN get their exponent back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> FromFloat16(Vector512<uint> half)
    {
        Vector512<uint> magnitude = half & Vector512.Create(0x7FFFu);
        Vector512<uint> rebased = ((magnitude << 13).AsSingle() * Vector512.Create(5.192296858534828E+33f)).AsUInt32();
        Vector512<uint> special = Vector512.GreaterThan(magnitude, Vector512.Create(0x7BFFu)) & Vector512.Create(0x7F800000u);
        return (rebased | special | ((half & Vector512.Create(0x8000u)) << 16)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> ToBFloat16(Vector512<float> value)
    {
        Vector512<uint> bits = value.AsUInt32(), truncated = bits >> 16;
        Vector512<uint> rounded = (bits + Vector512.Create(0x7FFFu) + (truncated & Vector512<uint>.One)) >> 16;
        return Vector512.ConditionalSelect(Vector512.Equals(value, value).AsUInt32(), rounded, truncated | Vector512.Create(0x40u));
    }
}
