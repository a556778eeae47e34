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

    /// <summary>Plays calls that each copy one of a few texts, some tokens of it changed, as far as drafts are right; so that there is something
    /// to be learned of tokens and matches.</summary>
    /// <returns>Steps.</returns>
    private protected static int Play(SuffixHistory history, NamespaceKey key, int seed, int calls)
    {
        const int Texts = 8, Length = 60;
        Random random = new(seed);
        Continuation draft = new(32);
        int steps = 0;
        for (int call = 0; call < calls; call++)
        {
            int[] text = Text(random.Next(Texts), Length);
            for (int at = 10; at < Length; at += 10)
                text[at] = random.Next(Vocabulary);
            using SuffixSession session = history.BeginSession(key, text.AsSpan(0, 8));
            for (int written = 8; written < Length; steps++)
            {
                session.Draft(32, 32, draft);
                int taken = 1, node = -1;
                for (int i = 0; i < draft.Count && written + taken < Length; i++)
                {
                    if (draft.Parents[i] == node && draft.TokenIds[i] == text[written + taken - 1])
                        (node, taken) = (i, taken + 1);
                }

                session.Append(text.AsSpan(written, taken));
                written += taken;
            }
        }

        return steps;
    }

    /// <summary>What a history has learned of a namespace.</summary>
    private protected static LearnedState? Learned(SuffixHistory history, NamespaceKey key)
    {
        Task<LearnedState?> copied = history.CopyLearnedAsync(key, TestContext.Current.CancellationToken);
        history.IndexLoaded(0);
        Assert.True(copied.Wait(TimeSpan.FromSeconds(20)), "Nobody answered.");
        return copied.Result;
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
