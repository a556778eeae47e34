using Agentic.Kernels;

namespace Agentic.ModelRuntime;

/// <summary>The second half of a layer: a gated MLP, or the experts that the router chooses for each row.</summary>
internal sealed unsafe class FeedForward(ModelConfig config, ElementType precision, IKernels kernels) : IDisposable
{
    // Rows at a time: bounds the widest buffers in a long prefill (at Llama-3.1-8B's width 512 rows take 88 MB) and still reads each weight rarely.
    private const int MaxRows = 512;

    private readonly NativeArray<float> _gateUp = new(), _activated = new();
    private readonly NativeArray<float> _routerLogits = new(), _routerWeights = new(), _scales = new(), _gathered = new(), _output = new();
    private readonly NativeArray<int> _expertIds = new(), _expertRows = new();
    private readonly int[] _ends = new int[(config.Experts?.Count ?? 0) + 1];

    /// <summary>output = the layer's feed-forward of input, both [rows, hidden].</summary>
    public void Run(LayerWeights weights, float* input, float* output, int rows)
    {
        if (weights.Sparse is { } sparse)
            RunExperts(sparse, input, output, rows);
        else
            Run(weights.Dense!, input, output, rows);
    }

    /// <summary>output = mlp(input), both [rows, hidden].</summary>
    public void Run(Mlp mlp, float* input, float* output, int rows)
    {
        for (int start = 0; start < rows; start += MaxRows)
        {
            long offset = (long)start * config.HiddenSize;
            RunMlp(mlp, input + offset, output + offset, Math.Min(MaxRows, rows - start));
        }
    }

    public void Dispose()
    {
        foreach (NativeArray<float> array in (ReadOnlySpan<NativeArray<float>>)
            [_gateUp, _activated, _routerLogits, _routerWeights, _scales, _gathered, _output])
            array.Dispose();
        _expertIds.Dispose();
        _expertRows.Dispose();
    }

    private void RunMlp(Mlp mlp, float* input, float* output, int rows)
    {
        int width = mlp.Gate.Outputs;
        float* gateUp = _gateUp.Reserve((long)rows * 2 * width), activated = _activated.Reserve((long)rows * width);
        kernels.Apply(mlp.GateUp ?? mlp.Gate, input, gateUp, 2 * width, rows, precision);
        if (mlp.GateUp is null)
            kernels.Apply(mlp.Up, input, gateUp + width, 2 * width, rows, precision);
        kernels.SiluMul(new SiluMulArgs { GateUp = gateUp, Output = activated, Rows = rows, Width = width, Precision = precision });
        kernels.Apply(mlp.Down, activated, output, config.HiddenSize, rows, precision);
    }

    /// <summary>Each expert runs on the rows that chose it, experts in rising order: the order in which a row's sum grows is its own.</summary>
    private void RunExperts(ExpertLayer layer, float* input, float* output, int rows)
    {
        int perToken = config.Experts!.PerToken, experts = config.Experts.Count, hidden = config.HiddenSize;
        Route(layer.Router, input, rows, perToken, experts);
        new Span<float>(output, checked(rows * hidden)).Clear();
        int begin = 0;
        for (int expert = 0; expert < experts; expert++)
        {
            for (int end = _ends[expert]; begin < end;)
            {
                int count = Math.Min(MaxRows, end - begin);
                float* gathered = _gathered.Reserve((long)count * hidden), partial = _output.Reserve((long)count * hidden);
                int* indices = _expertRows.Data + begin;
                kernels.GatherRows(new GatherRowsArgs { Input = input, RowIndices = indices, Output = gathered, Rows = count, Width = hidden });
                RunMlp(layer.Experts[expert], gathered, partial, count);
                kernels.ScatterAddRows(new ScatterAddRowsArgs
                {
                    Input = partial,
                    RowIndices = indices,
                    Scales = _scales.Data + begin,
                    Output = output,
                    Rows = count,
                    Width = hidden,
                    Precision = precision,
                });
                begin += count;
            }
        }
    }

    /// <summary>Chooses experts for each row and sorts the choices by expert, rows rising within one.</summary>
    private void Route(Projection router, float* input, int rows, int perToken, int experts)
    {
        int choices = checked(rows * perToken);
        float* logits = _routerLogits.Reserve((long)rows * experts), weights = _routerWeights.Reserve(choices), scales = _scales.Reserve(choices);
        int* ids = _expertIds.Reserve(choices), expertRows = _expertRows.Reserve(choices);
        kernels.Apply(router, input, logits, experts, rows, precision);
        kernels.RouteExperts(new RouteExpertsArgs
        {
            Logits = logits,
            ExpertIds = ids,
            Weights = weights,
            Rows = rows,
            Experts = experts,
            ExpertsPerToken = perToken,
            Normalize = config.Experts!.Normalize,
            Precision = precision,
        });

        Array.Clear(_ends);
        for (int i = 0; i < choices; i++)
            _ends[ids[i] + 1]++;
        for (int expert = 0; expert < experts; expert++)
            _ends[expert + 1] += _ends[expert];
        for (int i = 0; i < choices; i++)
        {
            int place = _ends[ids[i]]++;
            expertRows[place] = i / perToken;
            scales[place] = weights[i];
        }
    }
}

/// <summary>Kernels applied to weights.</summary>
internal static unsafe class KernelExtensions
{
    /// <summary>output = input · weightᵀ + bias, into rows of <paramref name="stride"/> elements, rounded to the precision.</summary>
    public static void Apply(
        this IKernels kernels, Projection projection, float* input, float* output, int stride, int rows, ElementType precision) =>
        kernels.Linear(new LinearArgs
        {
            Input = input,
            Weight = projection.Weight.Pointer,
            WeightType = projection.Weight.Type,
            Bias = projection.Bias is { } bias ? bias.Pointer : null,
            BiasType = projection.Bias?.Type ?? default,
            Output = output,
            OutputStride = stride,
            Rows = rows,
            Inputs = projection.Inputs,
            Outputs = projection.Outputs,
            Precision = precision,
        });
}
