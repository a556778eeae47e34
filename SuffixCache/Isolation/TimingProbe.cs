using System.Diagnostics;
using System.Security.Cryptography;

namespace Agentic.SuffixCache;

/// <summary>Tries to tell by the clock what another tenant has asked: an attacker sends prompts of which the victim has sent every
/// second one, chosen by chance, and looks whether those are faster.</summary>
/// <param name="Prompt">AUC of telling them apart by the time that taking in the prompt takes: 0.5 is guessing, 1 is certainty.</param>
/// <param name="Draft">The same by the time of the first draft.</param>
/// <param name="Whole">The same by the time of the whole sequence.</param>
/// <param name="Own">As <paramref name="Prompt"/>, for prompts the attacker itself has sent before: shows that the probe can see.</param>
public sealed record TimingProbe(double Prompt, double Draft, double Whole, double Own)
{
    private const int Vocabulary = 32_000, PromptTokens = 512, OutputTokens = 32;

    /// <summary>The worst of what can be seen of another tenant.</summary>
    public double Worst => Math.Max(Prompt, Math.Max(Draft, Whole));

    /// <summary>Probes so many times.</summary>
    /// <param name="probes">The error of an AUC is 0.41 / √probes: 0.009 at 2,000.</param>
    /// <param name="seed">Of the prompts.</param>
    /// <param name="probed">Told after each.</param>
    public static TimingProbe Run(int probes, int seed, Action? probed = null)
    {
        NamespaceKey victim = Key("victim"), attacker = Key("attacker"), other = Key("other");
        using SuffixHistory history = new(Vocabulary, 4L << 30);
        Random coin = new(seed);
        bool[] known = [.. Enumerable.Range(0, probes).Select(_ => coin.Next(2) == 0)];
        for (int i = 0; i < probes; i++)
        {
            // Another tenant says what the victim does not, so that memory and caches are in the same state either way.
            Send(history, known[i] ? victim : other, Text(seed, i), default);
            if (known[i])
                Send(history, attacker, Text(~seed, i), default);
        }

        Times times = new(probes), own = new(probes);
        for (int i = 0; i < probes; i++)
        {
            Send(history, attacker, Text(seed, i), (times, i));
            Send(history, attacker, Text(~seed, i), (own, i));
            probed?.Invoke();
        }

        return new TimingProbe(
            AreaUnderCurve(times.Prompt, known), AreaUnderCurve(times.Draft, known), AreaUnderCurve(times.Whole, known),
            AreaUnderCurve(own.Prompt, known));
    }

    /// <summary>How well a time tells the known from the unknown, whichever is faster: the chance that it orders one of each rightly.</summary>
    internal static double AreaUnderCurve(long[] times, bool[] known)
    {
        int[] order = [.. Enumerable.Range(0, times.Length).OrderBy(i => times[i])];
        double rankSum = 0;
        for (int start = 0; start < order.Length;)
        {
            int end = start;
            while (end < order.Length && times[order[end]] == times[order[start]])
                end++;
            double rank = (start + end + 1) / 2.0;   // ties share theirs
            rankSum += rank * order[start..end].Count(i => known[i]);
            start = end;
        }

        double hits = known.Count(k => k), misses = known.Length - hits;
        double area = (rankSum - (hits * (hits + 1) / 2)) / (hits * misses);
        return Math.Max(area, 1 - area);
    }

    private static void Send(SuffixHistory history, NamespaceKey key, int[] text, (Times Times, int At)? measured)
    {
        Continuation draft = new(32);
        long start = Stopwatch.GetTimestamp();
        SuffixSession session = history.BeginSession(key, text.AsSpan(0, PromptTokens));
        long begun = Stopwatch.GetTimestamp();
        session.Draft(draft.Capacity, draft.Capacity, draft);
        long drafted = Stopwatch.GetTimestamp();
        session.Append(text.AsSpan(PromptTokens));
        session.Dispose();
        long end = Stopwatch.GetTimestamp();
        if (measured is (Times times, int at))
            (times.Prompt[at], times.Draft[at], times.Whole[at]) = (begun - start, drafted - begun, end - start);
    }

    /// <summary>A text made anew each time, so that it lies in the caches whether or not somebody sent it before.</summary>
    private static int[] Text(int seed, int number)
    {
        Random random = new(HashCode(seed, number));
        int[] text = new int[PromptTokens + OutputTokens];
        for (int i = 0; i < text.Length; i++)
            text[i] = random.Next(Vocabulary);
        return text;
    }

    private static int HashCode(int seed, int number) => unchecked((seed * 0x2545F491) ^ (number * 0x9E3779B));

    private static NamespaceKey Key(string tenant) =>
        NamespaceKey.Derive(RandomNumberGenerator.GetBytes(NamespaceKey.Length), tenant, "model", "tokenizer");

    /// <summary>Ticks by probe.</summary>
    private sealed class Times(int probes)
    {
        public long[] Prompt { get; } = new long[probes];

        public long[] Draft { get; } = new long[probes];

        public long[] Whole { get; } = new long[probes];
    }
}
