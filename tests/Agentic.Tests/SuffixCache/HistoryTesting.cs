using Agentic.SuffixCache;

namespace Agentic.Tests;

/// <summary>What tests of a history share: two tenants, made-up texts, and a look at what is drafted.</summary>
public abstract class HistoryTesting
{
    private protected const int Vocabulary = 1000;
    private protected const long Budget = 64 << 20;
    private protected static readonly NamespaceKey One = NamespaceKey.Derive("secret"u8, "one", "model", "tokenizer");
    private protected static readonly NamespaceKey Two = NamespaceKey.Derive("secret"u8, "two", "model", "tokenizer");

    private protected Continuation Drafted { get; } = new(64);

    private protected static void Write(SuffixHistory history, NamespaceKey key, ReadOnlySpan<int> prompt, ReadOnlySpan<int> output)
    {
        using SuffixSession session = history.BeginSession(key, prompt);
        session.Append(output);
    }

    private protected static int[] Text(int seed, int length)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, length).Select(_ => random.Next(Vocabulary))];
    }

    private protected static int[] LikeliestPath(Continuation draft)
    {
        List<int> path = [];
        for (int node = -1, next = 0; next >= 0;)
        {
            next = -1;
            for (int i = 0; i < draft.Count; i++)
            {
                if (draft.Parents[i] == node && (next < 0 || draft.Probabilities[i] > draft.Probabilities[next]))
                    next = i;
            }

            node = next;
            if (next >= 0)
                path.Add(draft.TokenIds[next]);
        }

        return [.. path];
    }
}
