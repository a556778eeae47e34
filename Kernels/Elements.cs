using System.Runtime.CompilerServices;

namespace Agentic.Kernels;

/// <summary>Single elements of stored tensors: exact widening, rounding to nearest even.</summary>
internal static unsafe class Elements
{
    public static int Size(ElementType type) => type == ElementType.Float32 ? sizeof(float) : sizeof(ushort);

    public static float Load(void* data, ElementType type, long index) => type switch
    {
        ElementType.Float32 => ((float*)data)[index],
        ElementType.BFloat16 => FromBFloat16(((ushort*)data)[index]),
        ElementType.Float16 => (float)((Half*)data)[index],
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, null),
    };

    public static void Store(void* data, ElementType type, long index, float value)
    {
        switch (type)
        {
            case ElementType.Float32: ((float*)data)[index] = value; break;
            case ElementType.BFloat16: ((ushort*)data)[index] = ToBFloat16(value); break;
            case ElementType.Float16: ((Half*)data)[index] = (Half)value; break;
            default: throw new ArgumentOutOfRangeException(nameof(type), type, null);
        }
    }

    /// <summary>What a value is when it has been stored as this type.</summary>
    public static float Round(float value, ElementType type)
    {
        float stored = 0;
        Store(&stored, type, 0, value);
        return Load(&stored, type, 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float FromBFloat16(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    /// <summary>Rounds to nearest even; a NaN keeps its sign and becomes quiet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort ToBFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
