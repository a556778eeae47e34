using Agentic.Kernels;
using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary>The transformer as the papers write it: whole sequences, no cache, no kernels, double throughout; in bfloat16 each result is rounded
/// where the reference library stores one.</summary>
internal sealed class PlainTransformer(ModelConfig config, TransformerWeights weights, ElementType precision = ElementType.Float32)
{
    /// <summary>[tokens][vocabulary] logits.</summary>
    public double[][] Run(int[] tokens)
    {
        double[][] rows = [.. tokens.Select(token => Row(weights.Embedding, token))];
        for (int layer = 0; layer < config.Layers; layer++)
        {
            LayerWeights parts = weights.Layers[layer];
            double[][] attended = Attend(parts, [.. rows.Select(row => Norm(row, parts.InputNorm))], config.SlidingWindows[layer]);
            rows = [.. rows.Zip(attended, Add)];
            rows = [.. rows.Select(row => Add(row, FeedForward(parts, Norm(row, parts.AttentionNorm))))];
        }

        return [.. rows.Select(row => Apply(weights.Head, Norm(row, weights.FinalNorm)))];
    }

    private double[][] Attend(LayerWeights parts, double[][] rows, int window)
    {
        int dim = config.HeadDim, group = config.Heads / config.KvHeads;
        double[][] queries = [.. rows.Select((row, i) => Heads(Apply(parts.Query, row), parts.QueryNorm, i))];
        double[][] keys = [.. rows.Select((row, i) => Heads(Apply(parts.Key, row), parts.KeyNorm, i))];
        double[][] values = [.. rows.Select(row => Apply(parts.Value, row))];
        return [.. rows.Select((_, i) => Apply(parts.Output, [.. Enumerable.Range(0, config.Heads).SelectMany(head => Head(i, head))]))];

        double[] Head(int i, int head)
        {
            int first = window == 0 ? 0 : Math.Max(0, i - window + 1), offset = head / group * dim;
            double[] scores = [.. Enumerable.Range(first, i + 1 - first).Select(j =>
                Dot(queries[i].AsSpan(head * dim, dim), keys[j].AsSpan(offset, dim)) / Math.Sqrt(dim))];
            double[] probabilities = Softmax(scores), output = new double[dim];
            for (int j = 0; j < probabilities.Length; j++)
            {
                for (int d = 0; d < dim; d++)
                    output[d] += probabilities[j] * values[first + j][offset + d];
            }

            return Round(output);
        }
    }

    private double[] Heads(double[] row, Weight? norm, int position)
    {
        float[] frequencies = RopeTable.InverseFrequencies(config.Rope, config.HeadDim);
        return [.. row.Chunk(config.HeadDim).SelectMany(head => Rotate(norm is null ? head : Norm(head, norm)))];

        double[] Rotate(double[] head)
        {
            double[] result = new double[head.Length];
            for (int i = 0; i < frequencies.Length; i++)
            {
                double cosine = Round(Math.Cos(position * frequencies[i]) * config.Rope.AttentionFactor);
                double sine = Round(Math.Sin(position * frequencies[i]) * config.Rope.AttentionFactor);
                int other = i + frequencies.Length;
                result[i] = Round(Round(head[i] * cosine) - Round(head[other] * sine));
                result[other] = Round(Round(head[other] * cosine) + Round(head[i] * sine));
            }

            return result;
        }
    }

    private double[] FeedForward(LayerWeights parts, double[] row)
    {
        if (parts.Sparse is not { } sparse)
            return Run(parts.Dense!, row);
        double[] probabilities = Softmax(Apply(sparse.Router, row));
        int[] best = [.. Enumerable.Range(0, probabilities.Length).OrderByDescending(expert => probabilities[expert]).Take(config.Experts!.PerToken)];
        double sum = config.Experts.Normalize ? best.Sum(expert => probabilities[expert]) : 1;
        return best.Order().Select(expert => Scale(Run(sparse.Experts[expert], row), Round(probabilities[expert] / sum))).Aggregate(Add);
    }

    private double[] Run(Mlp mlp, double[] row) =>
        Apply(mlp.Down, [.. Apply(mlp.Gate, row).Zip(Apply(mlp.Up, row), (gate, up) => Round(Round(gate / (1 + Math.Exp(-gate))) * up))]);

    private double[] Apply(Projection projection, double[] row) => [.. Enumerable.Range(0, projection.Outputs).Select(output =>
        Round(Dot(Row(projection.Weight, output), row) + (projection.Bias is null ? 0 : Value(projection.Bias, output))))];

    private double[] Norm(double[] row, Weight weight)
    {
        double scale = 1 / Math.Sqrt((Dot(row, row) / row.Length) + config.NormEpsilon);
        return [.. row.Select((value, i) => Round(Round(value * scale) * Value(weight, i)))];
    }

    private static double[] Softmax(double[] scores)
    {
        double highest = scores.Max(), sum = scores.Sum(score => Math.Exp(score - highest));
        return [.. scores.Select(score => Math.Exp(score - highest) / sum)];
    }

    private double[] Add(double[] left, double[] right) => [.. left.Zip(right, (a, b) => Round(a + b))];

    private double[] Scale(double[] row, double factor) => [.. row.Select(value => Round(value * factor))];

    private double[] Round(double[] row) => [.. row.Select(Round)];

    private double Round(double value) => precision == ElementType.Float32 ? value : Elements.Round((float)value, precision);

    private static double Dot(ReadOnlySpan<double> left, ReadOnlySpan<double> right) => System.Numerics.Tensors.TensorPrimitives.Dot(left, right);

    private static double[] Row(Weight weight, int row) =>
        [.. Enumerable.Range(0, weight.Shape[1]).Select(column => Value(weight, ((long)row * weight.Shape[1]) + column))];

    private static unsafe double Value(Weight weight, long index) => weight.Type switch
    {
        ElementType.Float32 => ((float*)weight.Data)[index],
        ElementType.BFloat16 => BitConverter.Int32BitsToSingle(((ushort*)weight.Data)[index] << 16),
        _ => (double)((Half*)weight.Data)[index],
    };
}
