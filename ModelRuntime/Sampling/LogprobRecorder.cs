using System.Numerics.Tensors;

namespace Agentic.ModelRuntime;

/// <summary>Log-probabilities of one row, taken before sampling changes it.</summary>
internal sealed class LogprobRecorder
{
    private readonly float[] _logprobs;
    private readonly (int, float)[] _top;

    private LogprobRecorder(float[] logprobs, (int, float)[] top)
    {
        _logprobs = logprobs;
        _top = top;
    }

    /// <summary>Log-softmax of a row and its <paramref name="count"/> most likely tokens, ties by lowest id.</summary>
    public static LogprobRecorder Of(ReadOnlySpan<float> logits, int count)
    {
        float[] logprobs = logits.ToArray();
        float max = TensorPrimitives.Max<float>(logprobs);
        double sum = 0;
        foreach (float logit in logprobs)
            sum += Math.Exp(logit - max);
        TensorPrimitives.Subtract(logprobs, max + (float)Math.Log(sum), logprobs);

        PriorityQueue<int, (float, int)> smallest = new();
        for (int i = 0; i < logprobs.Length && count > 0; i++)
        {
            if (smallest.Count < count)
                smallest.Enqueue(i, (logprobs[i], -i));
            else
                smallest.EnqueueDequeue(i, (logprobs[i], -i));
        }

        var top = new (int, float)[smallest.Count];
        for (int i = top.Length - 1; i >= 0; i--)
        {
            int token = smallest.Dequeue();
            top[i] = (token, logprobs[token]);
        }

        return new LogprobRecorder(logprobs, top);
    }

    public TokenLogprobs For(int token) => new(_logprobs[token], _top);
}
