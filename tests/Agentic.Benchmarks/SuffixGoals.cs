using System.Diagnostics;
using System.Globalization;
using Agentic.SuffixCache;

namespace Agentic.Benchmarks;

/// <summary>Every goal of the suffix cache in one run of less than a minute: <c>dotnet run -c Release -- --goals</c>.</summary>
/// <remarks>Coarser than <see cref="SuffixBenchmarks"/>, for use while working.</remarks>
internal static class SuffixGoals
{
    private const int StoredTokens = 8_000_000;
    private const int RestartTokens = 10_000_000;
    private const long Ample = 1L << 30;
    private const long Budget = 96L << 20;
    private const int MaxNodes = 64;
    private const int Batch = 64;
    private const int Appended = 4;

    public static void Run()
    {
        Resident();
        Restart();
        using SuffixHistory history = new(AgentText.Vocabulary, Ample);
        AgentText text = new(seed: 1);
        Show("bulk insert", 60, Fill(history, [.. text.Conversations(2 * StoredTokens)], StoredTokens), "ns/token");
        history.Settle();
        Show("bytes a token", 12, (double)history.Bytes / history.Tokens, $"B, {history.Tokens} tokens");
        Serve(history, text, rounds: 40, report: false);
        Serve(history, text, rounds: 160, report: true);
        Drafts(history, text);
    }

    /// <summary>Tokens flow through a budget that holds a part of them: what the process takes, its garbage-collected heap apart, against what
    /// it may.</summary>
    private static void Resident()
    {
        // Once before, for all that a process takes for its code.
        AgentText text = new(seed: 3);
        using (SuffixHistory warm = new(AgentText.Vocabulary, Budget))
            Fill(warm, text.Conversations(8_000_000), 4_000_000);
        long before = Unmanaged(), most = 0;
        using SuffixHistory history = new(AgentText.Vocabulary, Budget);
        for (int round = 0; round < 4; round++)
        {
            Fill(history, text.Conversations(8_000_000), 4_000_000);
            most = Math.Max(most, Unmanaged() - before);
        }

        Show("resident against budget", 1.02, (double)most / Budget, $"x; accounted {(double)history.Bytes / Budget:F3}");

        static long Unmanaged()
        {
            GC.Collect();
            return Environment.WorkingSet - GC.GetGCMemoryInfo().TotalCommittedBytes;
        }
    }

    private static void Restart()
    {
        AgentText text = new(seed: 2);
        int[][] conversations = [.. text.Conversations(2 * RestartTokens)];
        using SuffixHistory history = new(AgentText.Vocabulary, Ample);
        Show("restart of 10M tokens", 2, Fill(history, conversations, RestartTokens) * RestartTokens / 1e9, "s");
    }

    /// <summary>Loads conversations until so many tokens were indexed: beginnings that they share are so once.</summary>
    /// <returns>Nanoseconds a token.</returns>
    private static double Fill(SuffixHistory history, IEnumerable<int[]> conversations, int tokens)
    {
        long start = Stopwatch.GetTimestamp();
        int indexed = 0;
        foreach (int[] conversation in conversations)
        {
            history.Load(default, conversation);
            indexed += history.IndexLoaded(int.MaxValue);
            if (indexed >= tokens)
                return Nanoseconds(start) / indexed;
        }

        throw new InvalidOperationException($"The text is too short: {indexed} tokens.");
    }

    /// <summary>Conversations turn by turn: drafts, and what is final of each turn appended four tokens at a time.</summary>
    private static void Serve(SuffixHistory history, AgentText text, int rounds, bool report)
    {
        Continuation draft = new(MaxNodes);
        List<double> drafting = [], finding = [];
        double beginning = 0, learning = 0, appending = 0;
        long read = 0, learned = 0, appended = 0, drafted = 0, allocated = 0;
        for (int round = 0; round < rounds; round++)
        {
            bool drafts = round % 2 == 0;
            List<int> sequence = [];
            foreach ((int[] given, int[] written) in text.Conversation(8))
            {
                sequence.AddRange(given);
                read += given.Length;
                int[] prompt = [.. sequence];
                long start = Stopwatch.GetTimestamp();
                SuffixSession session = history.BeginSession(default, prompt);
                beginning += Nanoseconds(start);
                for (int i = 0; i < written.Length; i += Appended)
                {
                    if (drafts)
                    {
                        // What one finds is in the cache for the next: of some only the finding is measured.
                        int nodes = i % (4 * Appended) == 2 * Appended ? 0 : MaxNodes;
                        long bytes = GC.GetAllocatedBytesForCurrentThread();
                        start = Stopwatch.GetTimestamp();
                        session.Draft(nodes, MaxNodes, draft);
                        double time = Nanoseconds(start);
                        allocated += i == 0 ? 0 : GC.GetAllocatedBytesForCurrentThread() - bytes;
                        (nodes == 0 ? finding : drafting).Add(time);
                        drafted += draft.Count;
                    }

                    ReadOnlySpan<int> final = written.AsSpan(i, Math.Min(Appended, written.Length - i));
                    start = Stopwatch.GetTimestamp();
                    session.Append(final);
                    (drafts ? ref learning : ref appending) += Nanoseconds(start);
                }

                start = Stopwatch.GetTimestamp();
                session.Dispose();
                (drafts ? ref learning : ref appending) += Nanoseconds(start);
                (drafts ? ref learned : ref appended) += written.Length;
                sequence.AddRange(written);
            }
        }

        if (!report)
            return;
        drafting.Sort();
        Show("append while serving", 200, appending / appended, "ns/token");
        Show("append and learn", double.NaN, learning / learned, "ns/token");
        Show("prompt, its new tokens", double.NaN, beginning / read, "ns/token");
        Show($"draft, p50 of {drafting.Count}", 5, drafting[drafting.Count / 2] / 1000, $"µs; {(double)drafted / drafting.Count:F1} nodes");
        finding.Sort();
        Show("of it finding, p50", double.NaN, finding[finding.Count / 2] / 1000, $"µs; p99 {finding[finding.Count * 99 / 100] / 1000:F2}");
        Show("draft, p99", 15, drafting[drafting.Count * 99 / 100] / 1000, "µs");
        Show("allocated a draft", 0, (double)allocated / (drafting.Count + finding.Count), "B");
    }

    private static void Drafts(SuffixHistory history, AgentText text)
    {
        SuffixSession[] sessions = [.. Enumerable.Range(0, Batch).Select(_ => history.BeginSession(default, Prompt()))];
        Continuation[] drafts = [.. sessions.Select(_ => new Continuation(MaxNodes))];
        DraftBatch batch = new();
        List<double> together = [], alone = [];
        for (int round = 0; round < 300; round++)
        {
            long start = Stopwatch.GetTimestamp();
            if (round % 2 == 0)
            {
                for (int i = 0; i < sessions.Length; i++)
                    batch.Add(sessions[i], MaxNodes, MaxNodes, drafts[i]);
                batch.Run();
            }
            else
            {
                for (int i = 0; i < sessions.Length; i++)
                    sessions[i].Draft(MaxNodes, MaxNodes, drafts[i]);
            }

            (round % 2 == 0 ? together : alone).Add(Nanoseconds(start));
            foreach (SuffixSession session in sessions)
                session.Append(text.Conversation(1).First().Written.AsSpan(0, 4));
        }

        int[] Prompt() => [.. text.Conversation(3).SelectMany(turn => turn.Read.Concat(turn.Written))];
        together.Sort();
        alone.Sort();
        Show($"{Batch} drafts, p50", 200, together[together.Count / 2] / 1000, $"µs; on one thread {alone[alone.Count / 2] / 1000:F0}");
        foreach (SuffixSession session in sessions)
            session.Dispose();
    }

    private static double Nanoseconds(long start) => Stopwatch.GetElapsedTime(start).TotalNanoseconds;

    private static void Show(string figure, double goal, double value, string unit) => Console.WriteLine(
        string.Create(CultureInfo.InvariantCulture, $"{figure,-28} {value,10:F2} {unit}{(double.IsNaN(goal) ? "" : $" (goal {goal})")}"));
}
