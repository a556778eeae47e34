using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.Intrinsics;

namespace Agentic.ModelRuntime;

/// <summary>Draws a token from a row of logits.</summary>
/// <remarks>
/// The draw is Gumbel-max: argmax over the kept tokens of logit / temperature + G(seed, choice, position, token), which has exactly the softmax
/// distribution and leaves room for drafters to look at the same noise (eagle.md §4.4). Filters act in the order of Hugging Face: temperature,
/// top-k, top-p, min-p. One instance a thread: it holds scratch memory.
/// </remarks>
internal sealed class Sampler
{
    private const int BlocksOfMany = Philox.Many / 4;

    private readonly uint[] _words = new uint[Philox.Many];
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
        Philox.DrawMany(seed, choice, position, (uint)(best / Philox.Many * BlocksOfMany), _words);
        float bestValue = logits[best] + Philox.Gumbel(_words[best % Philox.Many]);
        Span<float> last = stackalloc float[Philox.Many];
        for (int first = 0; first < logits.Length; first += Philox.Many)
        {
            scoped ReadOnlySpan<float> many = logits[first..];
            if (many.Length < Philox.Many)
            {
                last.Fill(float.NegativeInfinity);
                many.CopyTo(last);
                many = last;
            }

            if (!Vector256.GreaterThanOrEqualAny(Highest(many), Vector256.Create(bestValue - Philox.LargestGumbel)))
                continue;
            Philox.DrawMany(seed, choice, position, (uint)(first / Philox.Many * BlocksOfMany), _words);
            for (int at = 0; at < Philox.Many; at += Vector256<float>.Count)
            {
                Vector256<float> missing = Vector256.Create(bestValue) - Vector256.Create(many[at..]);
                uint reaching = ~Vector256.LessThan(Philox.GumbelBound(Vector256.Create<uint>(_words.AsSpan(at))), missing).ExtractMostSignificantBits() & 0xFF;
                for (; reaching != 0; reaching &= reaching - 1)
                {
                    int within = at + BitOperations.TrailingZeroCount(reaching), token = first + within;
                    float value = many[within] + Philox.Gumbel(_words[within]);
                    if (value > bestValue || (value == bestValue && token < best))
                        (best, bestValue) = (token, value);
                }
            }
        }

        return best;
    }

    private static Vector256<float> Highest(ReadOnlySpan<float> many) => Vector256.Max(
        Vector256.Max(Vector256.Create(many), Vector256.Create(many[8..])), Vector256.Max(Vector256.Create(many[16..]), Vector256.Create(many[24..])));
}
