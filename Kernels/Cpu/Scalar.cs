using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Agentic.Kernels;

/// <summary>One lane, for head dimensions that no vector divides.</summary>
internal readonly unsafe struct Scalar : ISimd<float>
{
    public static int Lanes => 1;

    public static float Broadcast(float value) => value;

    public static float Load(float* source) => *source;

    public static void Store(float* target, float value) => *target = value;

    public static float Add(float left, float right) => left + right;

    public static float Subtract(float left, float right) => left - right;

    public static float Multiply(float left, float right) => left * right;

    public static float Divide(float left, float right) => left / right;

    public static float Min(float left, float right) => left < right ? left : right;

    public static float Max(float left, float right) => left > right ? left : right;

    public static float MultiplyAdd(float left, float right, float addend) => float.FusedMultiplyAdd(left, right, addend);

    public static float Round(float value) => MathF.Round(value);

    public static float PowerOfTwo(float exponent) => BitConverter.Int32BitsToSingle(((int)exponent + 127) << 23);

    public static float ZeroWhereBelow(float value, float x, float limit) => x < limit ? 0 : value;

    public static float LoadBFloat16(void* elements) => Elements.FromBFloat16(*(ushort*)elements);

    public static float LoadFloat16(void* elements) => (float)*(Half*)elements;

    public static float BFloat16Even(void* pairs) => Elements.FromBFloat16(*(ushort*)pairs);

    public static float BFloat16Odd(void* pairs) => Elements.FromBFloat16(((ushort*)pairs)[1]);

    public static float Float16Even(void* pairs) => (float)*(Half*)pairs;

    public static float Float16Odd(void* pairs) => (float)((Half*)pairs)[1];

    public static void StoreBFloat16(ushort* target, float lower, float upper)
    {
        target[0] = Elements.ToBFloat16(lower);
        target[1] = Elements.ToBFloat16(upper);
    }

    public static float Even(float lower, float upper) => lower;

    public static float Odd(float lower, float upper) => upper;

    public static float InterleaveLower(float even, float odd) => even;

    public static float InterleaveUpper(float even, float odd) => odd;

    public static Vector128<float> SumAcross(float a, float b, float c, float d) => Vector128.Create(a, b, c, d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSums(
        float a0, float a1, float a2, float a3,
        float a4, float a5, float a6, float a7,
        float b0, float b1, float b2, float b3,
        float b4, float b5, float b6, float b7, float* first, float* second, float* third, float* fourth)
    {
        SumAcross(a0, a1, a2, a3).Store(first);
        SumAcross(a4, a5, a6, a7).Store(second);
        SumAcross(b0, b1, b2, b3).Store(third);
        SumAcross(b4, b5, b6, b7).Store(fourth);
    }

    public static float MaxAcross(float value) => value;
}
