using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Agentic.Kernels;

/// <summary>4 lanes: SSE or NEON.</summary>
internal readonly unsafe struct Simd128 : ISimd<Vector128<float>>
{
    public static int Lanes => 4;

    public static Vector128<float> Broadcast(float value) => Vector128.Create(value);

    public static Vector128<float> Load(float* source) => Vector128.Load(source);

    public static void Store(float* target, Vector128<float> value) => value.Store(target);

    public static Vector128<float> Add(Vector128<float> left, Vector128<float> right) => left + right;

    public static Vector128<float> Subtract(Vector128<float> left, Vector128<float> right) => left - right;

    public static Vector128<float> Multiply(Vector128<float> left, Vector128<float> right) => left * right;

    public static Vector128<float> Divide(Vector128<float> left, Vector128<float> right) => left / right;

    public static Vector128<float> Min(Vector128<float> left, Vector128<float> right) => Vector128.MinNative(left, right);

    public static Vector128<float> Max(Vector128<float> left, Vector128<float> right) => Vector128.MaxNative(left, right);

    public static Vector128<float> MultiplyAdd(Vector128<float> left, Vector128<float> right, Vector128<float> addend) =>
        Vector128.FusedMultiplyAdd(left, right, addend);

    public static Vector128<float> Round(Vector128<float> value) => Vector128.Round(value);

    public static Vector128<float> PowerOfTwo(Vector128<float> exponent) =>
        ((Vector128.ConvertToInt32Native(exponent) + Vector128.Create(127)) << 23).AsSingle();

    public static Vector128<float> ZeroWhereBelow(Vector128<float> value, Vector128<float> x, Vector128<float> limit) =>
        Vector128.ConditionalSelect(Vector128.LessThan(x, limit), Vector128<float>.Zero, value);

    public static Vector128<float> LoadBFloat16(void* elements) => (Widen(elements) << 16).AsSingle();

    public static Vector128<float> LoadFloat16(void* elements) => FromFloat16(Widen(elements));

    public static Vector128<float> BFloat16Even(void* pairs) => (Vector128.Load((uint*)pairs) << 16).AsSingle();

    public static Vector128<float> BFloat16Odd(void* pairs) => (Vector128.Load((uint*)pairs) & Vector128.Create(0xFFFF0000)).AsSingle();

    public static Vector128<float> Float16Even(void* pairs) => FromFloat16(Vector128.Load((uint*)pairs) & Vector128.Create(0xFFFFu));

    public static Vector128<float> Float16Odd(void* pairs) => FromFloat16(Vector128.Load((uint*)pairs) >> 16);

    public static void StoreBFloat16(ushort* target, Vector128<float> lower, Vector128<float> upper) =>
        Vector128.Narrow(ToBFloat16(lower), ToBFloat16(upper)).Store(target);

    public static Vector128<float> Even(Vector128<float> lower, Vector128<float> upper) =>
        Vector128.Narrow(lower.AsUInt64(), upper.AsUInt64()).AsSingle();

    public static Vector128<float> Odd(Vector128<float> lower, Vector128<float> upper) =>
        Vector128.Narrow(lower.AsUInt64() >> 32, upper.AsUInt64() >> 32).AsSingle();

    public static Vector128<float> InterleaveLower(Vector128<float> even, Vector128<float> odd) =>
        (Vector128.WidenLower(even.AsUInt32()) | (Vector128.WidenLower(odd.AsUInt32()) << 32)).AsSingle();

    public static Vector128<float> InterleaveUpper(Vector128<float> even, Vector128<float> odd) =>
        (Vector128.WidenUpper(even.AsUInt32()) | (Vector128.WidenUpper(odd.AsUInt32()) << 32)).AsSingle();

    /// <summary>Transposes while adding: (0 + 2) + (1 + 3) of each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SumAcross(Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d)
    {
        Vector128<float> ab = ZipLower(a, b) + ZipUpper(a, b), cd = ZipLower(c, d) + ZipUpper(c, d);
        return PairLower(ab, cd) + PairUpper(ab, cd);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSums(
        Vector128<float> a0, Vector128<float> a1, Vector128<float> a2, Vector128<float> a3,
        Vector128<float> a4, Vector128<float> a5, Vector128<float> a6, Vector128<float> a7,
        Vector128<float> b0, Vector128<float> b1, Vector128<float> b2, Vector128<float> b3,
        Vector128<float> b4, Vector128<float> b5, Vector128<float> b6, Vector128<float> b7, float* first, float* second, float* third, float* fourth)
    {
        SumAcross(a0, a1, a2, a3).Store(first);
        SumAcross(a4, a5, a6, a7).Store(second);
        SumAcross(b0, b1, b2, b3).Store(third);
        SumAcross(b4, b5, b6, b7).Store(fourth);
    }

    public static float MaxAcross(Vector128<float> value)
    {
        Vector128<float> pair = Max(value, Vector128.Shuffle(value, Vector128.Create(2, 3, 0, 1)));
        return Max(pair, Vector128.Shuffle(pair, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    private static Vector128<float> ZipLower(Vector128<float> left, Vector128<float> right) => Sse.IsSupported
        ? Sse.UnpackLow(left, right)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(left, right) : Vector128.Create(left[0], right[0], left[1], right[1]);

    private static Vector128<float> ZipUpper(Vector128<float> left, Vector128<float> right) => Sse.IsSupported
        ? Sse.UnpackHigh(left, right)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(left, right) : Vector128.Create(left[2], right[2], left[3], right[3]);

    // Vector128.Create of two halves goes through memory, which waits for its own stores.
    private static Vector128<float> PairLower(Vector128<float> left, Vector128<float> right) => Sse.IsSupported
        ? Sse.MoveLowToHigh(left, right)
        : AdvSimd.Arm64.IsSupported
            ? AdvSimd.Arm64.ZipLow(left.AsDouble(), right.AsDouble()).AsSingle() : Vector128.Create(left.GetLower(), right.GetLower());

    private static Vector128<float> PairUpper(Vector128<float> left, Vector128<float> right) => Sse.IsSupported
        ? Sse.MoveHighToLow(right, left)
        : AdvSimd.Arm64.IsSupported
            ? AdvSimd.Arm64.ZipHigh(left.AsDouble(), right.AsDouble()).AsSingle() : Vector128.Create(left.GetUpper(), right.GetUpper());

    private static Vector128<uint> Widen(void* elements) => Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(ulong*)elements).AsUInt16());

    /// <summary>Exact: subnormals become normal by the multiplication, infinities and NaN get their exponent back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> FromFloat16(Vector128<uint> half)
    {
        Vector128<uint> magnitude = half & Vector128.Create(0x7FFFu);
        Vector128<uint> rebased = ((magnitude << 13).AsSingle() * Vector128.Create(5.192296858534828E+33f)).AsUInt32();
        Vector128<uint> special = Vector128.GreaterThan(magnitude, Vector128.Create(0x7BFFu)) & Vector128.Create(0x7F800000u);
        return (rebased | special | ((half & Vector128.Create(0x8000u)) << 16)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> ToBFloat16(Vector128<float> value)
    {
        Vector128<uint> bits = value.AsUInt32(), truncated = bits >> 16;
        Vector128<uint> rounded = (bits + Vector128.Create(0x7FFFu) + (truncated & Vector128<uint>.One)) >> 16;
        return Vector128.ConditionalSelect(Vector128.Equals(value, value).AsUInt32(), rounded, truncated | Vector128.Create(0x40u));
    }
}
