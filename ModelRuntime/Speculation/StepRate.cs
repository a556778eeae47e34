namespace Agentic.ModelRuntime;

/// <summary>Tokens a second that a step is expected to bring, for any number of its best nodes.</summary>
/// <remarks>
/// (sequences + Σ reach) / (T_draft + T_verify(rows + n)): every n is tried, since the cost curve has steps. The time of prompt rows is spent
/// either way and left out: measured by a whole prefill step's rate, nearly every node would seem to pay.
/// </remarks>
internal sealed class StepRate(VerifyCost cost)
{
    private double[] _seconds = new double[64];
    private int _most;

    /// <summary>Sequences that decode: each brings a token anyway.</summary>
    public int Sequences { get; private set; }

    /// <summary>Spent on drafting, as far as this step has to pay for it.</summary>
    public double DraftSeconds { get; set; }

    /// <summary>Spent beside that on what serves later steps.</summary>
    public double InvestedSeconds { get; set; }

    /// <summary>What prompt rows add to the step.</summary>
    public double PrefillSeconds { get; private set; }

    /// <summary>A node that is less likely raises no rate: half of what the cheapest row costs, by plain decoding's rate.</summary>
    public float LeastReach { get; private set; }

    /// <summary>Takes a step's rows, and what its nodes would cost.</summary>
    /// <param name="step">Before drafts.</param>
    /// <param name="mostNodes">Nodes it has room for.</param>
    public void Begin(Step step, int mostNodes)
    {
        long decoding = 0, attended = 0;
        foreach (Sequence sequence in step.Decoding)
            decoding += sequence.Count;
        foreach ((Sequence sequence, int tokens) in step.Prefilling)
            attended += (long)tokens * (sequence.KvLength + (tokens / 2));
        attended += decoding;
        Sequences = step.Decoding.Count;
        _most = Sequences == 0 ? 0 : mostNodes;
        if (_seconds.Length <= _most)
            _seconds = new double[_most + 1];
        double decode = cost.Seconds(Math.Max(1, Sequences), decoding);
        int prompt = step.Rows - Sequences;
        PrefillSeconds = Math.Max(0, cost.Seconds(step.Rows, attended, prompt) - decode);
        for (int n = 0; n <= _most; n++)
        {
            long nodeKeys = Sequences == 0 ? 0 : n * decoding / Sequences;
            _seconds[n] = Math.Max(decode, cost.Seconds(step.Rows + n, attended + nodeKeys, prompt) - PrefillSeconds);
        }

        double cheapest = 1;
        for (int n = 1; n <= _most; n++)
            cheapest = Math.Min(cheapest, ((_seconds[n] / _seconds[0]) - 1) / n);
        LeastReach = (float)(0.5 * Sequences * cheapest);
    }

    /// <summary>Expected seconds of verifying so many nodes, prompt rows left out.</summary>
    public double VerifySeconds(int nodes) => _seconds[Math.Min(nodes, _most)];

    /// <summary>What prompt rows took of a pass: all but what decoding was to take.</summary>
    /// <param name="nodes">Verified.</param>
    /// <param name="seconds">Of the pass.</param>
    public double PromptSeconds(int nodes, double seconds) =>
        Sequences == 0 ? seconds : PrefillSeconds == 0 ? 0 : Math.Max(0, seconds - VerifySeconds(nodes));

    /// <summary>Seconds that nodes save, for each token that they are expected to bring: what plain decoding takes, less what they cost to verify.</summary>
    /// <param name="nodes">Reach of those that are verified.</param>
    public double SavedPerToken(ReadOnlySpan<float> nodes)
    {
        double tokens = System.Numerics.Tensors.TensorPrimitives.Sum(nodes);
        return tokens == 0 ? 0 : (_seconds[0] / Sequences) - ((_seconds[nodes.Length] - _seconds[0]) / tokens);
    }

    /// <summary>The best rate over all numbers of nodes.</summary>
    /// <param name="falling">Their reach, falling.</param>
    /// <param name="moreSeconds">Of drafting, beside <see cref="DraftSeconds"/>.</param>
    /// <param name="count">Nodes at the best; 0 is plain decoding.</param>
    public double Best(ReadOnlySpan<float> falling, double moreSeconds, out int count)
    {
        double drafting = DraftSeconds + moreSeconds, expected = Sequences, best = expected / (drafting + _seconds[0]);
        count = 0;
        int most = Math.Min(_most, falling.Length);
        for (int n = 1; n <= most; n++)
        {
            expected += falling[n - 1];
            double rate = expected / (drafting + _seconds[n]);
            if (rate > best)
                (best, count) = (rate, n);
        }

        return best;
    }
}
