namespace Agentic.Kernels;

/// <summary>Where things lie: what the remarks of <see cref="KvLayer"/> and <see cref="SequenceRows"/> say, as arithmetic.</summary>
internal static unsafe class Layout
{
    /// <summary>Index of the first element of a slot's key of one head; the others follow <see cref="KvLayer.BlockSize"/> apart.</summary>
    public static long KeyOffset(this in KvLayer kv, int slot, int kvHead) => kv.KeyOffset(slot / kv.BlockSize, slot % kv.BlockSize, kvHead);

    /// <summary>As above, of the slot at an offset of a block.</summary>
    public static long KeyOffset(this in KvLayer kv, int block, int offset, int kvHead) =>
        ((long)block * 2 * kv.KvHeads + kvHead) * kv.BlockSize * kv.HeadDim + offset;

    /// <summary>Index of the first element of a slot's value of one head; the others follow it.</summary>
    public static long ValueOffset(this in KvLayer kv, int slot, int kvHead) =>
        (((long)(slot / kv.BlockSize) * 2 * kv.KvHeads + kv.KvHeads + kvHead) * kv.BlockSize + slot % kv.BlockSize) * kv.HeadDim;

    /// <summary>Cache slot of a sequence's logical slot.</summary>
    public static int Slot(this in SequenceRows sequence, int logicalSlot, int blockSize) =>
        sequence.BlockTable[logicalSlot / blockSize] * blockSize + logicalSlot % blockSize;

    /// <summary>Whether a row of the sequence attends to a node of its tree.</summary>
    public static bool Sees(this in SequenceRows sequence, int row, int node) => sequence.Ancestors is null
        ? node <= row
        : (sequence.Ancestors[(long)row * sequence.AncestorWords + node / 32] >> (node % 32) & 1) != 0;
}
