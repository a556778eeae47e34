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

    /// <summary>Spent on drafting in this step.</summary>
    public double DraftSeconds { get; set; }

    /// <summary>What prompt rows add to the step.</summary>
    public double PrefillSeconds { get; private set; }

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
        PrefillSeconds = Math.Max(0, cost.Seconds(step.Rows, attended) - decode);
        for (int n = 0; n <= _most; n++)
        {
            long nodeKeys = Sequences == 0 ? 0 : n * decoding / Sequences;
            _seconds[n] = Math.Max(decode, cost.Seconds(step.Rows + n, attended + nodeKeys) - PrefillSeconds);
        }
    }

    /// <summary>Expected seconds of verifying so many nodes, prompt rows left out.</summary>
    public double VerifySeconds(int nodes) => _seconds[Math.Min(nodes, _most)];

    /// <summary>The best rate over all numbers of nodes.</summary>
    /// <param name="falling">Reach of the nodes there are, falling.</param>
    /// <param name="also">Reach of nodes there may be besides, falling.</param>
    /// <param name="moreSeconds">Of drafting those.</param>
    /// <param name="count">Nodes at the best; 0 is plain decoding.</param>
    public double Best(ReadOnlySpan<float> falling, ReadOnlySpan<float> also, double moreSeconds, out int count)
    {
        double drafting = DraftSeconds + moreSeconds, expected = Sequences, best = expected / (drafting + _seconds[0]);
        count = 0;
        int i = 0, j = 0, most = Math.Min(_most, falling.Length + also.Length);
        for (int n = 1; n <= most; n++)
        {
            expected += j == also.Length || (i < falling.Length && falling[i] >= also[j]) ? falling[i++] : also[j++];
            double rate = expected / (drafting + _seconds[n]);
            if (rate > best)
                (best, count) = (rate, n);
        }

        return best;
    }
}
