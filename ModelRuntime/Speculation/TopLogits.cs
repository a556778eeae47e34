using System.Numerics;

namespace Agentic.ModelRuntime;

/// <summary>The few highest logits of a row, in one pass.</summary>
/// <remarks>Whole vectors below the least of the best so far are passed over: of 150,000 logits a hundred or so are looked at one by one.</remarks>
internal static class TopLogits
{
    /// <summary>Finds the highest logits, falling; of equals the lower ids.</summary>
    /// <param name="logits">[vocabulary], at least as many as are asked for.</param>
    /// <param name="tokenIds">[k] filled.</param>
    /// <param name="values">[k] filled.</param>
    public static void Find(ReadOnlySpan<float> logits, Span<int> tokenIds, Span<float> values)
    {
        values.Fill(float.NegativeInfinity);
        tokenIds.Clear();
        int at = 0;
        var least = new Vector<float>(float.NegativeInfinity);
        for (; at <= logits.Length - Vector<float>.Count; at += Vector<float>.Count)
        {
            if (!Vector.GreaterThanAny(new Vector<float>(logits[at..]), least))
                continue;
            for (int i = at; i < at + Vector<float>.Count; i++)
                Insert(logits[i], i, tokenIds, values);
            least = new Vector<float>(values[^1]);
        }

        for (; at < logits.Length; at++)
            Insert(logits[at], at, tokenIds, values);
    }

    private static void Insert(float logit, int tokenId, Span<int> tokenIds, Span<float> values)
    {
        if (!(logit > values[^1]))
            return;
        int at = values.Length - 1;
        for (; at > 0 && logit > values[at - 1]; at--)
            (tokenIds[at], values[at]) = (tokenIds[at - 1], values[at - 1]);
        (tokenIds[at], values[at]) = (tokenId, logit);
    }
}
