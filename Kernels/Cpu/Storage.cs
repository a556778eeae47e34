namespace Agentic.Kernels;

/// <summary>How elements lie in memory: a pair of vectors at a time, exactly widened.</summary>
internal unsafe interface IStorage
{
    static abstract int Size { get; }

    /// <summary>The pair's vectors hold its even and its odd elements, not its lower and its upper ones.</summary>
    static abstract bool Interleaved { get; }

    /// <summary>A vector in plain order.</summary>
    static abstract V Load<S, V>(byte* elements) where S : ISimd<V> where V : struct;

    static abstract V First<S, V>(byte* pair) where S : ISimd<V> where V : struct;

    static abstract V Second<S, V>(byte* pair) where S : ISimd<V> where V : struct;

    static abstract float Single(byte* element);
}

internal readonly unsafe struct Float32Storage : IStorage
{
    public static int Size => sizeof(float);

    public static bool Interleaved => false;

    public static V Load<S, V>(byte* elements) where S : ISimd<V> where V : struct => S.Load((float*)elements);

    public static V First<S, V>(byte* pair) where S : ISimd<V> where V : struct => S.Load((float*)pair);

    public static V Second<S, V>(byte* pair) where S : ISimd<V> where V : struct => S.Load((float*)pair + S.Lanes);

    public static float Single(byte* element) => *(float*)element;
}

internal readonly unsafe struct BFloat16Storage : IStorage
{
    public static int Size => sizeof(ushort);

    public static bool Interleaved => true;

    public static V Load<S, V>(byte* elements) where S : ISimd<V> where V : struct => S.LoadBFloat16(elements);

    public static V First<S, V>(byte* pair) where S : ISimd<V> where V : struct => S.BFloat16Even(pair);

    public static V Second<S, V>(byte* pair) where S : ISimd<V> where V : struct => S.BFloat16Odd(pair);

    public static float Single(byte* element) => Elements.FromBFloat16(*(ushort*)element);
}

internal readonly unsafe struct Float16Storage : IStorage
{
    public static int Size => sizeof(ushort);

    public static bool Interleaved => true;

    public static V Load<S, V>(byte* elements) where S : ISimd<V> where V : struct => S.LoadFloat16(elements);

    public static V First<S, V>(byte* pair) where S : ISimd<V> where V : struct => S.Float16Even(pair);

    public static V Second<S, V>(byte* pair) where S : ISimd<V> where V : struct => S.Float16Odd(pair);

    public static float Single(byte* element) => (float)*(Half*)element;
}
