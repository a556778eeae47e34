using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Agentic.Kernels;

/// <summary>8 lanes: AVX2.</summary>
internal readonly unsafe struct Simd256 : ISimd<Vector256<float>>
{
    public static int Lanes => 8;

    public static Vector256<float> Broadcast(float value) => Vector256.Create(value);

    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    public static void Store(float* target, Vector256<float> value) => value.Store(target);

    public static Vector256<float> Add(Vector256<float> left, Vector256<float> right) => left + right;

    public static Vector256<float> Subtract(Vector256<float> left, Vector256<float> right) => left - right;

    public static Vector256<float> Multiply(Vector256<float> left, Vector256<float> right) => left * right;

    public static Vector256<float> Divide(Vector256<float> left, Vector256<float> right) => left / right;

    public static Vector256<float> Min(Vector256<float> left, Vector256<float> right) => Vector256.MinNative(left, right);

    public static Vector256<float> Max(Vector256<float> left, Vector256<float> right) => Vector256.MaxNative(left, right);

    public static Vector256<float> MultiplyAdd(Vector256<float> left, Vector256<float> right, Vector256<float> addend) =>
        Vector256.FusedMultiplyAdd(left, right, addend);

    public static Vector256<float> Round(Vector256<float> value) => Vector256.Round(value);

    public static Vector256<float> PowerOfTwo(Vector256<float> exponent) =>
        ((Vector256.ConvertToInt32Native(exponent) + Vector256.Create(127)) << 23).AsSingle();

    public static Vector256<float> ZeroWhereBelow(Vector256<float> value, Vector256<float> x, Vector256<float> limit) =>
        Vector256.ConditionalSelect(Vector256.LessThan(x, limit), Vector256<float>.Zero, value);

    public static Vector256<float> LoadBFloat16(void* elements) => (Widen(elements) << 16).AsSingle();

    public static Vector256<float> LoadFloat16(void* elements) => FromFloat16(Widen(elements));

    public static Vector256<float> BFloat16Even(void* pairs) => (Vector256.Load((uint*)pairs) << 16).AsSingle();

    public static Vector256<float> BFloat16Odd(void* pairs) => (Vector256.Load((uint*)pairs) & Vector256.Create(0xFFFF0000)).AsSingle();

    public static Vector256<float> Float16Even(void* pairs) => FromFloat16(Vector256.Load((uint*)pairs) & Vector256.Create(0xFFFFu));

    public static Vector256<float> Float16Odd(void* pairs) => FromFloat16(Vector256.Load((uint*)pairs) >> 16);

    public static void StoreBFloat16(ushort* target, Vector256<float> lower, Vector256<float> upper) =>
        Vector256.Narrow(ToBFloat16(lower), ToBFloat16(upper)).Store(target);

    public static Vector256<float> Even(Vector256<float> lower, Vector256<float> upper) =>
        Vector256.Narrow(lower.AsUInt64(), upper.AsUInt64()).AsSingle();

    public static Vector256<float> Odd(Vector256<float> lower, Vector256<float> upper) =>
        Vector256.Narrow(lower.AsUInt64() >> 32, upper.AsUInt64() >> 32).AsSingle();

    public static Vector256<float> InterleaveLower(Vector256<float> even, Vector256<float> odd) =>
        (Vector256.WidenLower(even.AsUInt32()) | (Vector256.WidenLower(odd.AsUInt32()) << 32)).AsSingle();

    public static Vector256<float> InterleaveUpper(Vector256<float> even, Vector256<float> odd) =>
        (Vector256.WidenUpper(even.AsUInt32()) | (Vector256.WidenUpper(odd.AsUInt32()) << 32)).AsSingle();

    public static Vector128<float> SumAcross(Vector256<float> a, Vector256<float> b, Vector256<float> c, Vector256<float> d) =>
        Simd128.SumAcross(Halve(a), Halve(b), Halve(c), Halve(d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSums(
        Vector256<float> a0, Vector256<float> a1, Vector256<float> a2, Vector256<float> a3,
        Vector256<float> a4, Vector256<float> a5, Vector256<float> a6, Vector256<float> a7,
        Vector256<float> b0, Vector256<float> b1, Vector256<float> b2, Vector256<float> b3,
        Vector256<float> b4, Vector256<float> b5, Vector256<float> b6, Vector256<float> b7, float* first, float* second, float* third, float* fourth)
    {
        SumAcross(a0, a1, a2, a3).Store(first);
        SumAcross(a4, a5, a6, a7).Store(second);
        SumAcross(b0, b1, b2, b3).Store(third);
        SumAcross(b4, b5, b6, b7).Store(fourth);
    }

    public static float MaxAcross(Vector256<float> value) => Simd128.MaxAcross(Simd128.Max(value.GetLower(), value.GetUpper()));

    private static Vector128<float> Halve(Vector256<float> value) => value.GetLower() + value.GetUpper();

    private static Vector256<uint> Widen(void* elements) => Vector256.WidenLower(Vector128.Load((ushort*)elements).ToVector256Unsafe());

    /// <summary>Exact: subnormals become normal by the multiplication, infinities and NaN get their exponent back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> FromFloat16(Vector256<uint> half)
    {
        Vector256<uint> magnitude = half & Vector256.Create(0x7FFFu);
        Vector256<uint> rebased = ((magnitude << 13).AsSingle() * Vector256.Create(5.192296858534828E+33f)).AsUInt32();
        Vector256<uint> special = Vector256.GreaterThan(magnitude, Vector256.Create(0x7BFFu)) & Vector256.Create(0x7F800000u);
        return (rebased | special | ((half & Vector256.Create(0x8000u)) << 16)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> ToBFloat16(Vector256<float> value)
    {
        Vector256<uint> bits = value.AsUInt32(), truncated = bits >> 16;
        Vector256<uint> rounded = (bits + Vector256.Create(0x7FFFu) + (truncated & Vector256<uint>.One)) >> 16;
        return Vector256.ConditionalSelect(Vector256.Equals(value, value).AsUInt32(), rounded, truncated | Vector256.Create(0x40u));
    }
}
