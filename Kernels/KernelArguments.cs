namespace Agentic.Kernels;

/// <summary>How a weight or a cache entry is stored.</summary>
public enum ElementType
{
    /// <summary>IEEE binary32.</summary>
    Float32,

    /// <summary>The upper half of a binary32.</summary>
    BFloat16,

    /// <summary>IEEE binary16.</summary>
    Float16,
}

/// <summary>Arguments of <see cref="IKernels.Embed"/>.</summary>
public unsafe struct EmbedArgs
{
    /// <summary>[rows] int32, each below the table's height.</summary>
    public int* TokenIds;

    /// <summary>[vocabulary, hidden] of <see cref="TableType"/>.</summary>
    public void* Table;

    /// <summary>Storage of the table.</summary>
    public ElementType TableType;

    /// <summary>[rows, hidden] float32, written.</summary>
    public float* Output;

    /// <summary>Rows.</summary>
    public int Rows;

    /// <summary>Elements of a row.</summary>
    public int Hidden;
}

/// <summary>Arguments of <see cref="IKernels.Linear"/>.</summary>
public unsafe struct LinearArgs
{
    /// <summary>[rows, inputs] float32.</summary>
    public float* Input;

    /// <summary>[outputs, inputs] of <see cref="WeightType"/>, as checkpoints store it. Alignment of the element only.</summary>
    public void* Weight;

    /// <summary>Storage of the weight.</summary>
    public ElementType WeightType;

    /// <summary>[outputs] of <see cref="BiasType"/>, or null.</summary>
    public void* Bias;

    /// <summary>Storage of the bias.</summary>
    public ElementType BiasType;

    /// <summary>[rows, outputs] float32 with <see cref="OutputStride"/> elements from row to row, written.</summary>
    public float* Output;

    /// <summary>Elements from one output row to the next, at least outputs: q, k and v are written side by side into one buffer.</summary>
    public int OutputStride;

    /// <summary>Rows.</summary>
    public int Rows;

    /// <summary>Elements of an input row.</summary>
    public int Inputs;

    /// <summary>Elements of an output row.</summary>
    public int Outputs;

    /// <summary>Each output is rounded to this and stays a float32 in memory.</summary>
    public ElementType Precision;
}

/// <summary>Arguments of <see cref="IKernels.AddRmsNorm"/>.</summary>
public unsafe struct AddRmsNormArgs
{
    /// <summary>[rows, hidden] float32 added to the residual first, or null.</summary>
    public float* Delta;

    /// <summary>[rows, hidden] float32, read and, with a delta, written.</summary>
    public float* Residual;

    /// <summary>[hidden] of <see cref="WeightType"/>.</summary>
    public void* Weight;

    /// <summary>Storage of the weight.</summary>
    public ElementType WeightType;

    /// <summary>[rows, hidden] float32, written.</summary>
    public float* Output;

    /// <summary>Elements from a row of the residual to the next; 0: they lie side by side.</summary>
    public int ResidualStride;

    /// <summary>Elements from a row of the output to the next; 0: they lie side by side.</summary>
    public int OutputStride;

    /// <summary>Rows.</summary>
    public int Rows;

    /// <summary>Elements of a row.</summary>
    public int Hidden;

    /// <summary>Added to the mean square.</summary>
    public float Epsilon;

    /// <summary>The residual, the normalized row and its product with the weight are each rounded to this and stay float32 in memory.</summary>
    public ElementType Precision;
}

/// <summary>The KV pool of one layer: [blocks, 2 (K, V), kv heads, …] of <see cref="Type"/>, keys as [head dim, block size] and values as
/// [block size, head dim].</summary>
/// <remarks>
/// Slot s lies in block s / BlockSize at offset s % BlockSize. Each of the two products of attention runs over the other one's outer index, so with
/// keys transposed both add whole vectors and neither ever sums across lanes.
/// </remarks>
public unsafe struct KvLayer
{
    /// <summary>Start of the layer's pool.</summary>
    public void* Data;

    /// <summary>Storage of keys and values.</summary>
    public ElementType Type;

    /// <summary>Key and value heads.</summary>
    public int KvHeads;

    /// <summary>Elements of a head.</summary>
    public int HeadDim;

    /// <summary>Slots of a block.</summary>
    public int BlockSize;
}

/// <summary>Arguments of <see cref="IKernels.RopeWriteKv"/>.</summary>
public unsafe struct RopeWriteKvArgs
{
    /// <summary>[rows, (heads + 2 · kv heads) · head dim] float32: q, k, v side by side. q is rewritten in place; k and v go to the cache.</summary>
    public float* Qkv;

    /// <summary>[head dim] RMS-norm weight of query heads before rotation (Qwen3), or null.</summary>
    public void* QueryNorm;

    /// <summary>[head dim] RMS-norm weight of key heads before rotation (Qwen3), or null.</summary>
    public void* KeyNorm;

    /// <summary>Storage of both norm weights.</summary>
    public ElementType NormType;

    /// <summary>Added to the mean square of the head norms.</summary>
    public float Epsilon;

    /// <summary>[positions, head dim / 2, 2] float32: cosine and sine, any attention scaling multiplied in. Halves rotate as in Llama ("rotate_half").</summary>
    public float* CosSin;

    /// <summary>[rows] int32 absolute positions.</summary>
    public int* Positions;

    /// <summary>[rows] int32 cache slots, all distinct.</summary>
    public int* Slots;

    /// <summary>Where K and V go.</summary>
    public KvLayer Kv;

    /// <summary>Rows.</summary>
    public int Rows;

    /// <summary>Query heads, a multiple of the kv heads.</summary>
    public int Heads;

    /// <summary>The head norms, cosines and sines, the products with them and their sums are each rounded to this and stay float32 in memory.</summary>
    public ElementType Precision;
}

/// <summary>One sequence's part of a step: its rows, its committed context, its block table.</summary>
public unsafe struct SequenceRows
{
    /// <summary>First row of the sequence in the step.</summary>
    public int RowStart;

    /// <summary>Rows of the sequence in the step.</summary>
    public int RowCount;

    /// <summary>Committed keys before these rows, at positions 0 … ContextLength − 1.</summary>
    public int ContextLength;

    /// <summary>Block ids; node j of the tree has its key at logical slot ContextLength + j of this table, whatever its position.</summary>
    public int* BlockTable;

    /// <summary>[RowCount, AncestorWords] uint32: bit j of a row is set when node j is its ancestor or itself; row i is node EarlierRows + i,
    /// and nodes are numbered parents first. Null: rows are a chain (prefill), row i sees rows 0 … i.</summary>
    public uint* Ancestors;

    /// <summary>Words of an ancestor row.</summary>
    public int AncestorWords;

    /// <summary>First nodes of the tree, which earlier launches ran; 0 for a chain.</summary>
    public int EarlierRows;
}

/// <summary>Arguments of <see cref="IKernels.TreeAttention"/>.</summary>
public unsafe struct TreeAttentionArgs
{
    /// <summary>[rows, QueryStride] float32, the first heads · head dim of a row are its query.</summary>
    public float* Query;

    /// <summary>Elements from one query row to the next.</summary>
    public int QueryStride;

    /// <summary>[rows, heads · head dim] float32, written.</summary>
    public float* Output;

    /// <summary>[rows] int32 absolute positions: committed context length of the sequence plus depth in its tree.</summary>
    public int* Positions;

    /// <summary>[SequenceCount] parts of the step.</summary>
    public SequenceRows* Sequences;

    /// <summary>Sequences.</summary>
    public int SequenceCount;

    /// <summary>The layer's cache, with the step's own rows already written.</summary>
    public KvLayer Kv;

    /// <summary>Query heads.</summary>
    public int Heads;

    /// <summary>Multiplied to each query–key product, usually head dim^−½.</summary>
    public float Scale;

    /// <summary>A row sees keys at positions above its own minus this; 0: all.</summary>
    public int SlidingWindow;

    /// <summary>Each output is rounded to this and stays a float32 in memory; scores and sums are not rounded.</summary>
    public ElementType Precision;
}

/// <summary>Arguments of <see cref="IKernels.SiluMul"/>.</summary>
public unsafe struct SiluMulArgs
{
    /// <summary>[rows, 2 · width] float32: gate, then up.</summary>
    public float* GateUp;

    /// <summary>[rows, width] float32, written.</summary>
    public float* Output;

    /// <summary>Rows.</summary>
    public int Rows;

    /// <summary>Elements of an output row.</summary>
    public int Width;

    /// <summary>silu(gate) and its product with up are each rounded to this and stay float32 in memory.</summary>
    public ElementType Precision;
}

/// <summary>One slot's K and V, copied to another.</summary>
/// <param name="FromSlot">Slot of an accepted row, or of a cached prefix.</param>
/// <param name="ToSlot">Slot of its position.</param>
public readonly record struct KvMove(int FromSlot, int ToSlot);

/// <summary>Arguments of <see cref="IKernels.CommitKv"/>.</summary>
public unsafe struct CommitKvArgs
{
    /// <summary>[Layers] pools, all of one shape.</summary>
    public KvLayer* LayerPools;

    /// <summary>Layers.</summary>
    public int Layers;

    /// <summary>[MoveCount], in an order that is safe in place: no target is a later move's source.</summary>
    public KvMove* Moves;

    /// <summary>Moves.</summary>
    public int MoveCount;
}

/// <summary>Arguments of <see cref="IKernels.RouteExperts"/>.</summary>
public unsafe struct RouteExpertsArgs
{
    /// <summary>[rows, experts] float32 router logits.</summary>
    public float* Logits;

    /// <summary>[rows, k] int32, written.</summary>
    public int* ExpertIds;

    /// <summary>[rows, k] float32 softmax weights, written; with <see cref="Normalize"/> they sum to 1 over the k.</summary>
    public float* Weights;

    /// <summary>Rows.</summary>
    public int Rows;

    /// <summary>Experts.</summary>
    public int Experts;

    /// <summary>Experts taken for a row.</summary>
    public int ExpertsPerToken;

    /// <summary>Divide the k weights by their sum (norm_topk_prob).</summary>
    public bool Normalize;

    /// <summary>Each weight is rounded to this and stays a float32 in memory; softmax and sum are not rounded.</summary>
    public ElementType Precision;
}

/// <summary>Arguments of <see cref="IKernels.GatherRows"/>.</summary>
public unsafe struct GatherRowsArgs
{
    /// <summary>[any, width] float32.</summary>
    public float* Input;

    /// <summary>[rows] int32 rows of the input.</summary>
    public int* RowIndices;

    /// <summary>[rows, width] float32, written.</summary>
    public float* Output;

    /// <summary>Rows.</summary>
    public int Rows;

    /// <summary>Elements of a row.</summary>
    public int Width;
}

/// <summary>Arguments of <see cref="IKernels.ScatterAddRows"/>.</summary>
public unsafe struct ScatterAddRowsArgs
{
    /// <summary>[rows, width] float32.</summary>
    public float* Input;

    /// <summary>[rows] int32 rows of the output, distinct.</summary>
    public int* RowIndices;

    /// <summary>[rows] float32.</summary>
    public float* Scales;

    /// <summary>[any, width] float32, added to.</summary>
    public float* Output;

    /// <summary>Rows.</summary>
    public int Rows;

    /// <summary>Elements of a row.</summary>
    public int Width;

    /// <summary>Each product and each sum is rounded to this and stays a float32 in memory.</summary>
    public ElementType Precision;
}
