using System.Diagnostics;

namespace Agentic.Kernels;

/// <summary>weights[row, k] = softmax(logits[row])[experts[row, k]] for the k highest logits, ties by lowest id. Small, so plain.</summary>
internal static unsafe class RouteKernel<S, V>
    where S : ISimd<V>
    where V : struct
{
    public static void Run(in RouteExpertsArgs args)
    {
        Debug.Assert(args.ExpertsPerToken <= args.Experts);
        for (int row = 0; row < args.Rows; row++)
        {
            ReadOnlySpan<float> logits = new(args.Logits + (nint)row * args.Experts, args.Experts);
            Span<int> chosen = new(args.ExpertIds + (nint)row * args.ExpertsPerToken, args.ExpertsPerToken);
            Span<float> weights = new(args.Weights + (nint)row * args.ExpertsPerToken, args.ExpertsPerToken);
            for (int k = 0; k < chosen.Length; k++)
                chosen[k] = Highest(logits, chosen[..k]);

            float max = logits[chosen[0]], sum = 0;
            for (int k = 0; k < chosen.Length; k++)
                weights[k] = MathF.Exp(logits[chosen[k]] - max);
            if (args.Normalize)
            {
                foreach (float weight in weights)
                    sum += weight;
            }
            else
            {
                foreach (float logit in logits)
                    sum += MathF.Exp(logit - max);
            }
            for (int k = 0; k < weights.Length; k++)
                weights[k] /= sum;
            RoundKernel<S, V>.Round(args.Weights + (nint)row * args.ExpertsPerToken, args.ExpertsPerToken, args.Precision);
        }
    }

    private static int Highest(ReadOnlySpan<float> logits, ReadOnlySpan<int> taken)
    {
        int highest = -1;
        for (int expert = 0; expert < logits.Length; expert++)
        {
            if ((highest < 0 || logits[expert] > logits[highest]) && !taken.Contains(expert))
                highest = expert;
        }
        return highest;
    }
}
