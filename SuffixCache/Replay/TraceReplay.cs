using System.Diagnostics;

namespace Agentic.SuffixCache;

/// <summary>Plays recorded conversations against an empty cache: what each step would have drafted, and what of it the recording
/// took.</summary>
/// <remarks>Calls come in file order; what earlier calls read and wrote is history. Verification is greedy: the recording is the
/// target.</remarks>
public static class TraceReplay
{
    private const long ByteBudget = 8L << 30;
    private static readonly TimeSpan WarmUpTime = TimeSpan.FromSeconds(0.3);

    /// <summary>Replays one source.</summary>
    /// <param name="conversations">In the order they took place.</param>
    /// <param name="maxNodes">Most nodes drafted a step.</param>
    /// <param name="meanNodes">Nodes a step on average, chosen by their probability; null takes all that there are.</param>
    /// <param name="called">Told after each call.</param>
    public static ReplayResult Run(
        IReadOnlyList<RecordedConversation> conversations, int maxNodes, double? meanNodes = null, Action? called = null)
    {
        WarmUp(conversations, maxNodes);
        return Play(conversations, maxNodes, meanNodes, called);
    }

    /// <summary>Once untimed, so that what is timed is compiled code.</summary>
    private static void WarmUp(IReadOnlyList<RecordedConversation> conversations, int maxNodes)
    {
        long start = Stopwatch.GetTimestamp();
        for (int count = 1; Stopwatch.GetElapsedTime(start) < WarmUpTime; count = Math.Min(2 * count, conversations.Count))
            Play([.. conversations.Take(count)], maxNodes, meanNodes: null, called: null);
    }

    private static ReplayResult Play(
        IReadOnlyList<RecordedConversation> conversations, int maxNodes, double? meanNodes, Action? called)
    {
        int vocabularySize = 1 + conversations.SelectMany(c => c.Segments).SelectMany(s => s.Tokens).DefaultIfEmpty().Max();
        using SuffixHistory history = new(vocabularySize, ByteBudget);
        Tally tally = new(maxNodes) { Price = meanNodes is double mean ? new NodePrice(mean) : null };
        List<int> prompt = [];
        List<TokenRun> runs = [];
        int calls = 0;
        foreach (RecordedConversation conversation in conversations)
        {
            prompt.Clear();
            runs.Clear();
            foreach (RecordedSegment segment in conversation.Segments)
            {
                if (segment.Written)
                {
                    Call(history, [.. prompt], runs, segment.Tokens, tally);
                    calls++;
                    called?.Invoke();
                }

                prompt.AddRange(segment.Tokens);
                runs.AddRange(segment.Runs);
            }
        }

        return tally.Result(calls, history);
    }

    private static void Call(SuffixHistory history, ReadOnlySpan<int> prompt, List<TokenRun> runs, ReadOnlySpan<int> output, Tally tally)
    {
        long start = Stopwatch.GetTimestamp();
        SuffixSession session = history.BeginSession(default, prompt, runs);
        tally.PromptTicks += Stopwatch.GetTimestamp() - start;
        tally.PromptTokens += prompt.Length;

        for (ReadOnlySpan<int> left = output; !left.IsEmpty;)
        {
            long drafting = Stopwatch.GetTimestamp();
            session.Draft(tally.Draft.Capacity, tally.Draft.Capacity, tally.Draft);
            long drafted = Stopwatch.GetTimestamp();
            int verified = tally.Price?.Take(tally.Draft) ?? tally.Draft.Count;
            int taken = Math.Min(tally.Count(left, verified) + 1, left.Length);
            long appending = Stopwatch.GetTimestamp();
            session.Append(left[..taken], verified);
            tally.AppendTicks += Stopwatch.GetTimestamp() - appending;
            tally.DraftTicks.Add(drafted - drafting);
            left = left[taken..];
        }

        start = Stopwatch.GetTimestamp();
        session.Dispose();
        tally.AppendTicks += Stopwatch.GetTimestamp() - start;
        tally.OutputTokens += output.Length;
    }

    /// <summary>Counts of a replay.</summary>
    private sealed class Tally(int maxNodes)
    {
        private const int Classes = 10;
        private readonly bool[] _taken = new bool[maxNodes];
        private readonly double[] _predicted = new double[Classes];
        private readonly long[] _actual = new long[Classes];
        private long _drafted;

        public Continuation Draft { get; } = new(maxNodes);

        public NodePrice? Price { get; init; }

        public List<long> DraftTicks { get; } = [];

        public long PromptTicks { get; set; }

        public long AppendTicks { get; set; }

        public long PromptTokens { get; set; }

        public long OutputTokens { get; set; }

        /// <summary>How many of the draft's first nodes the recording takes.</summary>
        public int Count(ReadOnlySpan<int> truth, int verified)
        {
            int accepted = 0;
            for (int i = 0; i < verified; i++)
            {
                int parent = Draft.Parents[i], depth = Draft.Depths[i];
                bool taken = _taken[i] = (parent < 0 || _taken[parent]) && depth <= truth.Length && Draft.TokenIds[i] == truth[depth - 1];
                float probability = Draft.Probabilities[i];
                int @class = Math.Min((int)(probability * Classes), Classes - 1);
                _predicted[@class] += probability;
                if (!taken)
                    continue;
                _actual[@class]++;
                accepted++;
            }

            _drafted += verified;
            return accepted;
        }

        public ReplayResult Result(int calls, SuffixHistory history) => new()
        {
            Calls = calls,
            OutputTokens = OutputTokens,
            Steps = DraftTicks.Count,
            Drafted = _drafted,
            Accepted = _actual.Sum(),
            Predicted = _predicted.Sum(),
            CalibrationError = Enumerable.Range(0, Classes).Sum(c => Math.Abs(_predicted[c] - _actual[c])) / Math.Max(1, _drafted),
            PromptTokens = PromptTokens,
            PromptTime = Elapsed(PromptTicks),
            AppendTime = Elapsed(AppendTicks),
            DraftTimes = [.. DraftTicks.Order().Select(Elapsed)],
            IndexBytes = history.Bytes,
            IndexTokens = history.Tokens,
        };

        private static TimeSpan Elapsed(long ticks) => TimeSpan.FromSeconds((double)ticks / Stopwatch.Frequency);
    }
}
