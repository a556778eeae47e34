using System.Numerics.Tensors;

namespace Agentic.ModelRuntime;

/// <summary>Draws a token from a row of logits.</summary>
/// <remarks>
/// The draw is Gumbel-max: argmax over the kept tokens of logit / temperature + G(seed, choice, position, token), which has exactly the softmax
/// distribution and leaves room for drafters to look at the same noise (eagle.md §4.4). Filters act in the order of Hugging Face: temperature,
/// top-k, top-p, min-p. One instance a thread: it holds scratch memory.
/// </remarks>
internal sealed class Sampler
{
    private readonly uint[] _words = new uint[4];
    private float[] _sorted = [];
    private int[] _order = [];

    /// <summary>Draws the token at the state's position. The state is not advanced.</summary>
    /// <param name="logits">[vocabulary], changed in place.</param>
    /// <param name="state">Parameters, position, penalties.</param>
    /// <param name="logprobs">Set when the parameters ask for it, from the logits as the model gave them.</param>
    public int Draw(Span<float> logits, SamplerState state, out TokenLogprobs? logprobs)
    {
        SamplingParameters parameters = state.Parameters;
        LogprobRecorder? recorder = parameters.TopLogprobs is int top ? LogprobRecorder.Of(logits, top) : null;
        state.Process(logits);
        int token;
        if (parameters.Temperature == 0)
        {
            token = TensorPrimitives.IndexOfMax<float>(logits);
        }
        else
        {
            TensorPrimitives.Multiply(logits, 1 / parameters.Temperature, logits);
            Filter(logits, parameters);
            token = GumbelMax(logits, parameters.Seed, (uint)state.Choice, (uint)state.Position);
        }

        logprobs = recorder?.For(token);
        return token;
    }

    /// <summary>Sets the logits of tokens outside top-k, top-p and min-p to −∞.</summary>
    private void Filter(Span<float> logits, SamplingParameters parameters)
    {
        if (parameters.TopK > 0 && parameters.TopK < logits.Length)
            KeepAtLeast(logits, KthLargest(logits, parameters.TopK));

        if (parameters.TopP < 1)
            KeepAtLeast(logits, NucleusThreshold(logits, parameters.TopP));

        if (parameters.MinP > 0)
            KeepAtLeast(logits, TensorPrimitives.Max<float>(logits) + MathF.Log(parameters.MinP));
    }

    private static void KeepAtLeast(Span<float> logits, float threshold)
    {
        for (int i = 0; i < logits.Length; i++)
        {
            if (logits[i] < threshold)
                logits[i] = float.NegativeInfinity;
        }
    }

    private float KthLargest(ReadOnlySpan<float> logits, int k)
    {
        if (_sorted.Length < logits.Length)
            _sorted = new float[logits.Length];
        logits.CopyTo(_sorted);
        Span<float> sorted = _sorted.AsSpan(0, logits.Length);
        sorted.Sort();
        return sorted[^k];
    }

    /// <summary>The logit of the last token in the smallest set of most likely tokens whose probabilities reach top-p; at least one is kept.</summary>
    private float NucleusThreshold(ReadOnlySpan<float> logits, float topP)
    {
        if (_sorted.Length < logits.Length)
            _sorted = new float[logits.Length];
        if (_order.Length < logits.Length)
            _order = new int[logits.Length];
        Span<float> probabilities = _sorted.AsSpan(0, logits.Length);
        TensorPrimitives.SoftMax(logits, probabilities);

        // A token below (1 − p) / V cannot be in the set: it and all less likely ones weigh less than 1 − p together.
        float negligible = (1 - topP) / logits.Length;
        int count = 0;
        for (int i = 0; i < probabilities.Length; i++)
        {
            if (probabilities[i] >= negligible)
            {
                _order[count] = i;
                probabilities[count++] = -probabilities[i];
            }
        }

        probabilities[..count].Sort(_order.AsSpan(0, count));
        double sum = 0;
        int last = 0;
        for (; last < count - 1; last++)
        {
            sum -= probabilities[last];
            if (sum >= topP)
                break;
        }

        return logits[_order[last]];
    }

    private int GumbelMax(ReadOnlySpan<float> logits, ulong seed, uint choice, uint position)
    {
        // The most likely token's noise is drawn first: whatever lies further below than any noise could lift is not looked at.
        int best = TensorPrimitives.IndexOfMax(logits);
        Philox.Draw(seed, choice, position, (uint)best >> 2, _words);
        float bestValue = logits[best] + Philox.Gumbel(_words[best & 3]), floor = bestValue - Philox.LargestGumbel;
        uint drawn = (uint)best >> 2;
        for (int i = 0; i < logits.Length; i++)
        {
            if (logits[i] < floor)
                continue;
            if ((uint)i >> 2 != drawn)
                Philox.Draw(seed, choice, position, drawn = (uint)i >> 2, _words);
            if (Philox.GumbelBound(_words[i & 3]) < bestValue - logits[i])
                continue;
            float value = logits[i] + Philox.Gumbel(_words[i & 3]);
            if (value > bestValue || (value == bestValue && i < best))
                (best, bestValue, floor) = (i, value, value - Philox.LargestGumbel);
        }

        return best;
    }
}
