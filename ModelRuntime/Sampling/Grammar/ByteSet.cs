namespace Agentic.ModelRuntime;

/// <summary>A set of byte values.</summary>
public readonly record struct ByteSet
{
    private readonly ulong _0, _1, _2, _3;

    private ByteSet(ulong a, ulong b, ulong c, ulong d) => (_0, _1, _2, _3) = (a, b, c, d);

    /// <summary>Every byte.</summary>
    public static ByteSet All { get; } = new(ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, ulong.MaxValue);

    /// <summary>Whether it has none.</summary>
    public bool IsEmpty => (_0 | _1 | _2 | _3) == 0;

    /// <summary>One byte.</summary>
    public static ByteSet Of(byte value) => Range(value, value);

    /// <summary>The bytes of an inclusive range.</summary>
    public static ByteSet Range(byte first, byte last)
    {
        Span<ulong> words = stackalloc ulong[4];
        for (int value = first; value <= last; value++)
            words[value >> 6] |= 1UL << (value & 63);
        return new(words[0], words[1], words[2], words[3]);
    }

    /// <summary>Those of both.</summary>
    public static ByteSet operator |(ByteSet a, ByteSet b) => new(a._0 | b._0, a._1 | b._1, a._2 | b._2, a._3 | b._3);

    /// <summary>Those not in it.</summary>
    public static ByteSet operator ~(ByteSet set) => new(~set._0, ~set._1, ~set._2, ~set._3);

    /// <summary>Whether a byte is in it.</summary>
    public bool Contains(byte value) => ((value < 128 ? (value < 64 ? _0 : _1) : (value < 192 ? _2 : _3)) >> (value & 63) & 1) != 0;

    /// <inheritdoc cref="op_BitwiseOr"/>
    public ByteSet BitwiseOr(ByteSet other) => this | other;

    /// <inheritdoc cref="op_OnesComplement"/>
    public ByteSet OnesComplement() => ~this;
}
