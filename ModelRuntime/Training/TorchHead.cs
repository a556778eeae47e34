using TorchSharp;
using static Agentic.ModelRuntime.TorchScalars;
using static TorchSharp.torch;
using Functional = TorchSharp.torch.nn.functional;

namespace Agentic.ModelRuntime;

/// <summary>An EAGLE-3 head in torch, for its gradients: the mathematics of <see cref="EagleHead"/> unrolled by training-time test.</summary>
/// <remarks>
/// Training-time test (arXiv 2503.01840): draft step k of every row runs on what step k − 1 of the same row put out, as in use. Its query sees
/// the true pairs up to the row, and the row's own keys of the steps since: a causal matrix with k columns of a diagonal beside it.
/// Parameters carry the checkpoint's names, of the layout with layers.0.
/// </remarks>
internal sealed class TorchHead : IDisposable
{
    private const string Layer = "layers.0.", Attention = Layer + "self_attn.", Mlp = Layer + "mlp.";
    private const double InitialDeviation = 0.02;
    private readonly EagleConfig _config;
    private readonly Tensor _cos, _sin;

    /// <summary>A head with random weights that scores as the target does.</summary>
    /// <param name="config">Its shape.</param>
    /// <param name="headRows">[draft vocabulary, hidden] of the target's scoring matrix.</param>
    /// <param name="longest">Positions of the longest sequence with its draft steps.</param>
    /// <param name="seed">Of the weights.</param>
    public unsafe TorchHead(EagleConfig config, float[] headRows, int longest, long seed)
    {
        _config = config;
        ModelConfig layer = config.Layer;
        int hidden = layer.HiddenSize, queries = layer.Heads * layer.HeadDim, keys = layer.KvHeads * layer.HeadDim, half = layer.HeadDim / 2;
        using Generator random = new((ulong)seed);
        Parameters = new(StringComparer.Ordinal)
        {
            ["fc.weight"] = Normal(random, hidden, config.Boundaries.Length * config.TargetHiddenSize),
            [Layer + "input_layernorm.weight"] = ones(hidden),
            [Layer + "hidden_norm.weight"] = ones(hidden),
            [Layer + "post_attention_layernorm.weight"] = ones(hidden),
            [Attention + "q_proj.weight"] = Normal(random, queries, 2 * hidden),
            [Attention + "k_proj.weight"] = Normal(random, keys, 2 * hidden),
            [Attention + "v_proj.weight"] = Normal(random, keys, 2 * hidden),
            [Attention + "o_proj.weight"] = Normal(random, hidden, queries),
            [Mlp + "gate_proj.weight"] = Normal(random, layer.IntermediateSize, hidden),
            [Mlp + "up_proj.weight"] = Normal(random, layer.IntermediateSize, hidden),
            [Mlp + "down_proj.weight"] = Normal(random, hidden, layer.IntermediateSize),
            ["norm.weight"] = ones(hidden),
            ["lm_head.weight"] = tensor(headRows, [config.DraftVocabularySize, hidden]),
        };
        for (int i = 0; config.NormEachState && i < config.Boundaries.Length; i++)
            Parameters[$"fc_norm.{i}.weight"] = ones(config.TargetHiddenSize);
        foreach (Tensor parameter in Parameters.Values)
            parameter.requires_grad_(true);

        using RopeTable rope = new(layer.Rope, layer.HeadDim);
        var pairs = new ReadOnlySpan<float>(rope.Covering(longest), longest * layer.HeadDim);
        using DisposeScope scope = NewDisposeScope();
        Tensor table = Upload(pairs, longest, half, 2);
        _cos = table.select(2, 0).repeat(1, 2).MoveToOuterDisposeScope();
        _sin = table.select(2, 1).repeat(1, 2).MoveToOuterDisposeScope();
    }

    /// <summary>By name, in ordinal order.</summary>
    public SortedDictionary<string, Tensor> Parameters { get; }

    /// <summary>A float32 tensor of values that lie elsewhere.</summary>
    public static Tensor Upload(ReadOnlySpan<float> values, params long[] shape)
    {
        Tensor result = empty(shape, ScalarType.Float32);
        System.Runtime.InteropServices.MemoryMarshal.AsBytes(values).CopyTo(result.bytes);
        return result;
    }

    /// <summary>Sum over draft steps k and rows of decay^k times the divergence from the target's distribution, Σ p (log p − log q).</summary>
    /// <param name="target">Read along the sequence.</param>
    /// <param name="rows">Rows that speak.</param>
    /// <param name="steps">Draft steps.</param>
    /// <param name="decay">Weight of a step by that of the one before it.</param>
    /// <param name="perStep">[steps] what is added up for reports.</param>
    public Tensor Loss(TargetReader target, int[] rows, int steps, double decay, StepSums[] perStep)
    {
        Tensor teacher = Functional.log_softmax(Upload(target.Logits, target.Scored, _config.DraftVocabularySize), -1);
        Tensor best = teacher.argmax(-1);
        Tensor loss = zeros(1);
        Unroll(target, rows, steps, (step, normed) =>
        {
            int[] taught = [.. Enumerable.Range(0, rows.Length).Where(i => target.ScoreOf(rows[i] + 1 + step) >= 0)];
            if (taught.Length == 0)
                return;
            Tensor teachers = Index(taught.Select(i => target.ScoreOf(rows[i] + 1 + step)));
            Tensor logits = Functional.linear(normed.index_select(0, Index(taught)), Parameters["lm_head.weight"]);
            Tensor wanted = teacher.index_select(0, teachers);
            Tensor divergence = (wanted.exp() * (wanted - Functional.log_softmax(logits, -1))).sum();
            loss = loss.Plus(Holding(Math.Pow(decay, step), weight => divergence * weight));
            perStep[step] += new StepSums(
                divergence.item<float>(), taught.Length, logits.argmax(-1).eq(best.index_select(0, teachers)).sum().item<long>());
        });
        return loss;
    }

    /// <summary>Logits of every draft step, [rows, draft vocabulary] each.</summary>
    public List<Tensor> Logits(TargetReader target, int[] rows, int steps)
    {
        List<Tensor> logits = [];
        Unroll(target, rows, steps, (_, normed) => logits.Add(Functional.linear(normed, Parameters["lm_head.weight"])));
        return logits;
    }

    public void Dispose()
    {
        foreach (Tensor tensor in (IEnumerable<Tensor>)[.. Parameters.Values, _cos, _sin])
            tensor.Dispose();
    }

    /// <summary>Runs draft steps and hands out each one's states after the final norm, [rows, hidden].</summary>
    private void Unroll(TargetReader target, int[] rows, int steps, Action<int, Tensor> visit)
    {
        ModelConfig shape = _config.Layer;
        int pairs = rows[^1] + 1;
        Tensor row = Rows(0), position = Index(Enumerable.Range(0, pairs));
        Tensor embeddings = Upload(target.Embeddings, target.Length, shape.HiddenSize);

        // The true pairs: their keys are seen by all rows behind them.
        Tensor hidden = Fuse(target, pairs);
        Tensor input = Join(embeddings.narrow(0, 1, pairs), hidden);
        Tensor trueKeys = Heads(input, "k_proj", shape.KvHeads, position), trueValues = Heads(input, "v_proj", shape.KvHeads, null);
        Tensor mask = where(position.unsqueeze(0) > row.unsqueeze(1), tensor(float.NegativeInfinity), tensor(0f));
        (input, hidden) = (input.index_select(0, row), hidden.index_select(0, row));

        List<(Tensor Key, Tensor Value)> own = [];
        for (int step = 0; step < steps; step++)
        {
            if (step > 0)
            {
                input = Join(embeddings.index_select(0, Rows(1 + step, target.Length - 1)), hidden);
                own.Add((Heads(input, "k_proj", shape.KvHeads, Rows(step)), Heads(input, "v_proj", shape.KvHeads, null)));
            }

            // [KV heads, queries of one, rows, head dim]
            Tensor query = Heads(input, "q_proj", shape.Heads, Rows(step)).view(shape.KvHeads, shape.Heads / shape.KvHeads, rows.Length, shape.HeadDim);
            query = Holding(Math.Pow(shape.HeadDim, -0.5), scale => query * scale);
            Tensor scores = matmul(query, trueKeys.transpose(-1, -2)).Plus(mask);
            Tensor weights = Functional.softmax(
                cat([scores, .. own.Select(pair => (query * pair.Key).sum(-1, keepdim: true))], -1), -1);
            Tensor attended = matmul(weights.narrow(-1, 0, pairs), trueValues);
            for (int i = 0; i < own.Count; i++)
                attended = attended.Plus(weights.narrow(-1, pairs + i, 1) * own[i].Value);
            attended = attended.view(shape.Heads, rows.Length, shape.HeadDim).transpose(0, 1).reshape(rows.Length, -1);

            hidden = hidden.Plus(Project(attended, Attention + "o_proj"));
            Tensor between = Norm(hidden, Layer + "post_attention_layernorm");
            Tensor gated = Functional.silu(Project(between, Mlp + "gate_proj")) * Project(between, Mlp + "up_proj");
            hidden = hidden.Plus(Project(gated, Mlp + "down_proj"));
            Tensor normed = Norm(hidden, "norm");
            visit(step, normed);
            if (_config.FeedBackNormed)
                hidden = normed;
        }

        Tensor Rows(int further, int most = int.MaxValue) => Index(rows.Select(i => Math.Min(i + further, most)));
    }

    private Tensor Fuse(TargetReader target, int pairs)
    {
        int width = _config.TargetHiddenSize;
        IEnumerable<Tensor> states = Enumerable.Range(0, _config.Boundaries.Length)
            .Select(i => Upload(target.States(i)[..(pairs * width)], pairs, width));
        if (_config.NormEachState)
            states = states.Select((state, i) => Norm(state, $"fc_norm.{i}"));
        return Project(cat([.. states], -1), "fc");
    }

    private Tensor Join(Tensor embeddings, Tensor hidden) =>
        cat([Norm(embeddings, Layer + "input_layernorm"), Norm(hidden, Layer + "hidden_norm")], -1);

    /// <summary>[heads, 1, rows, head dim], rotated to the positions if any are given.</summary>
    private Tensor Heads(Tensor input, string projection, int heads, Tensor? positions)
    {
        int dim = _config.Layer.HeadDim;
        Tensor values = Project(input, Attention + projection).view(-1, heads, dim).transpose(0, 1);
        if (positions is not null)
        {
            Tensor turned = cat([-values.narrow(-1, dim / 2, dim / 2), values.narrow(-1, 0, dim / 2)], -1);
            values = (values * _cos.index_select(0, positions)).Plus(turned * _sin.index_select(0, positions));
        }

        return values.unsqueeze(1);
    }

    private Tensor Project(Tensor input, string name) => Functional.linear(input, Parameters[name + ".weight"]);

    private Tensor Norm(Tensor input, string name) =>
        input * rsqrt(Holding(_config.Layer.NormEpsilon, least => input.square().mean([-1], keepdim: true).add(least, One))) * Parameters[name + ".weight"];

    private static Tensor Normal(Generator random, int outputs, int inputs) =>
        Holding(InitialDeviation, deviation => randn([outputs, inputs], generator: random) * deviation);

    private static Tensor Index(IEnumerable<int> values) => tensor([.. values.Select(value => (long)value)], ScalarType.Int64);
}

/// <summary>What a draft step of some rows came to.</summary>
/// <param name="Divergence">From the target's distribution, summed over the rows, in nats.</param>
/// <param name="Rows">Rows.</param>
/// <param name="Agreed">Rows whose first choice is the target's.</param>
internal readonly record struct StepSums(double Divergence, long Rows, long Agreed)
{
    public static StepSums operator +(StepSums left, StepSums right) =>
        new(left.Divergence + right.Divergence, left.Rows + right.Rows, left.Agreed + right.Agreed);
}
