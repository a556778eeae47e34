using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary>Runs one sequence through a model in the ways an engine may, and collects the logits of each of its positions.</summary>
internal sealed class ModelDriver
{
    // Blocks beyond the sequence for a tree at its end.
    private const int DraftRoom = 8;

    private readonly ITargetModel _model;
    private readonly StepRows _rows = new();
    private readonly int[] _blockTable;

    /// <summary>A driver whose blocks lie scrambled in the pool.</summary>
    public ModelDriver(ITargetModel model, int positions, int seed)
    {
        _model = model;
        int blocks = (positions / model.BlockSize) + 1 + DraftRoom;
        int[] pool = [.. Enumerable.Range(0, (3 * blocks) + 7)];
        new Random(seed).Shuffle(pool);
        _blockTable = pool[..blocks];
        model.AllocateKv(pool.Length);
    }

    /// <summary>[count · vocabulary] logits of tokens run in chunks, from the first position on.</summary>
    public float[] RunChunks(ReadOnlySpan<int> tokens, int chunk)
    {
        List<float> logits = [];
        for (int start = 0; start < tokens.Length; start += chunk)
        {
            ReadOnlySpan<int> part = tokens.Slice(start, Math.Min(chunk, tokens.Length - start));
            _rows.Clear();
            _rows.AddChain(part, start, _blockTable, _model.BlockSize, scoreLast: true, scoreAll: true);
            Collect(_model.Forward(_rows), logits, Enumerable.Range(0, part.Length));
        }

        return [.. logits];
    }

    /// <summary>The last token's logits once more, from the keys and values that are there of those before it.</summary>
    public float[] RunLast(ReadOnlySpan<int> tokens)
    {
        List<float> logits = [];
        _rows.Clear();
        _rows.AddChain(tokens[^1..], tokens.Length - 1, _blockTable, _model.BlockSize, scoreLast: true);
        Collect(_model.Forward(_rows), logits, [0]);
        return [.. logits];
    }

    /// <summary>Tokens run in chunks of which every second scores its last row, the others none: positions scored, and their logits one after the other.</summary>
    public (List<int> Positions, float[] Logits) RunUnscored(ReadOnlySpan<int> tokens, int chunk)
    {
        List<int> positions = [];
        List<float> logits = [];
        for (int start = 0; start < tokens.Length; start += chunk)
        {
            ReadOnlySpan<int> part = tokens.Slice(start, Math.Min(chunk, tokens.Length - start));
            bool scored = start / chunk % 2 == 1 || start + chunk >= tokens.Length;
            _rows.Clear();
            _rows.AddChain(part, start, _blockTable, _model.BlockSize, scoreLast: scored);
            Collect(_model.Forward(_rows), logits, scored ? [0] : []);
            if (scored)
                positions.Add(start + part.Length - 1);
        }

        return (positions, [.. logits]);
    }

    /// <summary>The logits of each position, by draft trees: each step's tree hides the next true tokens among wrong ones, and the true path is committed.</summary>
    public float[] RunTrees(ReadOnlySpan<int> tokens, Random random)
    {
        List<float> logits = [];
        int context = 0;
        while (context < tokens.Length)
        {
            int hidden = random.Next(Math.Min(6, tokens.Length - context));
            List<int> nodes = [], parents = [], depths = [], path = [0];
            for (int i = 0, last = -1; i < hidden || random.Next(4) > 0;)
            {
                bool right = i < hidden && random.Next(3) == 0;
                int parent = right ? last : random.Next(-1, nodes.Count);
                nodes.Add(right ? tokens[context + 1 + i] : random.Next(_model.VocabularySize));
                parents.Add(parent);
                depths.Add(parent < 0 ? 1 : depths[parent] + 1);
                if (!right)
                    continue;
                last = nodes.Count - 1;
                path.Add(nodes.Count);
                i++;
            }

            _rows.Clear();
            _rows.AddTree(tokens[context], nodes.ToArray(), parents.ToArray(), depths.ToArray(), context, _blockTable, _model.BlockSize);
            Collect(_model.Forward(_rows), logits, path);
            int start = context;
            _model.CommitKv([.. path.Select((row, i) => new Kernels.KvMove(Slot(start + row), Slot(start + i))).Where(move => move.FromSlot != move.ToSlot)]);
            context += path.Count;
        }

        return [.. logits];
    }

    /// <summary>Greedy tokens after a prompt.</summary>
    public int[] Decode(int[] prompt, int count)
    {
        List<int> output = [];
        for (int context = 0; output.Count < count;)
        {
            ReadOnlySpan<int> tokens = context == 0 ? prompt : [output[^1]];
            _rows.Clear();
            _rows.AddChain(tokens, context, _blockTable, _model.BlockSize, scoreLast: true);
            output.Add(System.Numerics.Tensors.TensorPrimitives.IndexOfMax(_model.Forward(_rows)[0]));
            context += tokens.Length;
        }

        return [.. output];
    }

    private int Slot(int position) => (_blockTable[position / _model.BlockSize] * _model.BlockSize) + (position % _model.BlockSize);

    private static void Collect(StepLogits step, List<float> logits, IEnumerable<int> rows)
    {
        foreach (int row in rows)
            logits.AddRange(step[row]);
    }
}
