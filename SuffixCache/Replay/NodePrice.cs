namespace Agentic.SuffixCache;

/// <summary>The probability that a node must have to be drafted, so that a step drafts a given number of nodes on average.</summary>
/// <remarks>Followed step by step, as a server follows its load: no step knows what the ones after it will draft.</remarks>
internal sealed class NodePrice(double meanNodes)
{
    private const double FirstPrice = 0.1;
    private const double LeastLogarithm = -12;
    private const double MostLogarithm = 0.1;   // nothing is worth more than 1
    private const double Rate = 0.004;

    // What is missing from the mean is made up for over so many steps.
    private const double Steps = 200;

    private double _logarithm = Math.Log(FirstPrice);
    private long _steps, _drafted;

    /// <summary>How many of a draft's first nodes are worth it.</summary>
    public int Take(Continuation draft)
    {
        double price = Math.Exp(_logarithm);
        int count = 0;
        while (count < draft.Count && draft.Probabilities[count] >= price)
            count++;
        _steps++;
        _drafted += count;
        double aim = Math.Clamp(meanNodes + (((meanNodes * _steps) - _drafted) / Steps), meanNodes / 2, meanNodes * 2);
        _logarithm = Math.Clamp(_logarithm + (Rate * (count - aim) / Math.Sqrt(meanNodes)), LeastLogarithm, MostLogarithm);
        return count;
    }
}
