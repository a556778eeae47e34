using System.Numerics.Tensors;

namespace Agentic.ModelRuntime;

/// <summary>The few tokens of a head's row that are worth a node, and how much each is worth.</summary>
/// <remarks>
/// At temperature 0 they are the likeliest. A sampled sequence's target will draw argmax(logit / T + noise), with noise that is a function of
/// seed, position and token (<see cref="Sampler"/>): coupled candidates are the highest of the head's own logit / T plus the same noise, which the
/// target draws far more often (arXiv 2408.07978). Nothing is drawn here, so the target's tokens are the same either way.
/// </remarks>
internal sealed class EagleCandidates(int children)
{
    // The noise of so many likeliest tokens is looked at.
    private const int Noisy = 32;

    private readonly int[] _topIds = new int[Noisy];
    private readonly float[] _topValues = new float[Noisy];
    private readonly uint[] _words = new uint[4];
    private readonly int[] _ids = new int[children];
    private readonly float[] _shares = new float[children];
    private readonly int[] _kinds = new int[children];
    private float[] _exponentials = [];

    public int Count { get; private set; }

    /// <summary>[n] draft tokens, the best first.</summary>
    public ReadOnlySpan<int> DraftTokens => _ids.AsSpan(0, Count);

    /// <summary>[n] for the calibrator.</summary>
    public ReadOnlySpan<float> Shares => _shares.AsSpan(0, Count);

    /// <summary>[n] for the calibrator.</summary>
    public ReadOnlySpan<int> Kinds => _kinds.AsSpan(0, Count);

    /// <summary>Nats, of the row last looked at with <c>wantsEntropy</c>.</summary>
    public float Entropy { get; private set; }

    /// <summary>Looks at a row.</summary>
    /// <param name="logits">[draft vocabulary].</param>
    /// <param name="head">Whose they are.</param>
    /// <param name="sampler">Of the sequence.</param>
    /// <param name="depth">Of the candidates, 1 below the root.</param>
    /// <param name="coupled">Whether to look at the target's noise.</param>
    /// <param name="wantsEntropy">Whether to compute it.</param>
    public void Choose(ReadOnlySpan<float> logits, IDraftHead head, SamplerState sampler, int depth, bool coupled, bool wantsEntropy)
    {
        SamplingParameters parameters = sampler.Parameters;
        bool sampled = parameters.Temperature > 0;
        if (wantsEntropy)
            Entropy = EntropyOf(logits);
        Count = Math.Min(children, logits.Length);
        if (sampled && coupled)
        {
            ChooseNoisy(logits, head, sampler, depth);
            return;
        }

        float scale = sampled ? 1 / parameters.Temperature : 1;
        TopLogits.Find(logits, _ids.AsSpan(0, Count), _shares.AsSpan(0, Count));
        float highest = _shares[0], sum = SumOfExponentials(logits, highest, scale);
        for (int rank = 0; rank < Count; rank++)
        {
            _shares[rank] = MathF.Exp((_shares[rank] - highest) * scale) / sum;
            _kinds[rank] = EagleMemory.Kind(rank, _shares[rank], depth, parameters.Temperature);
        }
    }

    private void ChooseNoisy(ReadOnlySpan<float> logits, IDraftHead head, SamplerState sampler, int depth)
    {
        int count = Math.Min(Noisy, logits.Length);
        Span<int> ids = _topIds.AsSpan(0, count);
        Span<float> values = _topValues.AsSpan(0, count);
        TopLogits.Find(logits, ids, values);
        SamplingParameters parameters = sampler.Parameters;
        for (int i = 0; i < count; i++)
        {
            int token = head.TargetToken(ids[i]);
            Philox.Draw(parameters.Seed, (uint)sampler.Choice, (uint)(sampler.Position + depth - 1), (uint)token >> 2, _words);
            values[i] = -((values[i] / parameters.Temperature) + Philox.Gumbel(_words[token & 3]));
        }

        values.Sort(ids);
        float lead = count > 1 ? values[1] - values[0] : float.MaxValue;
        for (int rank = 0; rank < Count; rank++)
            (_ids[rank], _shares[rank], _kinds[rank]) = (ids[rank], 1, EagleMemory.CoupledKind(rank, Math.Min(lead, 100), depth));
    }

    private float SumOfExponentials(ReadOnlySpan<float> logits, float highest, float scale)
    {
        if (_exponentials.Length < logits.Length)
            _exponentials = new float[logits.Length];
        Span<float> exponentials = _exponentials.AsSpan(0, logits.Length);
        TensorPrimitives.Subtract(logits, highest, exponentials);
        if (scale != 1)
            TensorPrimitives.Multiply(exponentials, scale, exponentials);
        TensorPrimitives.Exp(exponentials, exponentials);
        return TensorPrimitives.Sum<float>(exponentials);
    }

    private float EntropyOf(ReadOnlySpan<float> logits)
    {
        float highest = TensorPrimitives.Max(logits), sum = SumOfExponentials(logits, highest, 1), weighted = 0;
        for (int i = 0; i < logits.Length; i++)
            weighted += _exponentials[i] * (logits[i] - highest);
        return MathF.Log(sum) - (weighted / sum);
    }
}
