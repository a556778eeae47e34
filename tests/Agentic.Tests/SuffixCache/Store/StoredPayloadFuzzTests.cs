using System.Diagnostics;
using System.Globalization;
using Agentic.SuffixCache;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Agentic.Tests;

/// <summary>Whatever lies in a store or a file is read without harm, and what is whole beside it is read all the same.
/// AGENTIC_FUZZ_SECONDS=300 damages for as long as that, of which each test takes a quarter.</summary>
public sealed class StoredPayloadFuzzTests
{
    private const long MostAllocated = 48L << 20;   // a million tokens in a hundred thousand sequences, and room to inflate them
    private static readonly NamespaceKey Mine = NamespaceKey.Derive([1], "mine", "m", "t");
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(
        double.Parse(Environment.GetEnvironmentVariable("AGENTIC_FUZZ_SECONDS") ?? "6", CultureInfo.InvariantCulture) / 4);

    [Fact]
    public void DamagedEntries_AreRefusedAndHostileOnesHarmless()
    {
        PayloadFuzzer fuzzer = new(seed: 1, Mine);
        Dictionary<string, (int Payloads, int Read)> counts = [];
        long worst = 0;
        foreach ((string kind, byte[] payload, bool isHostile) in fuzzer.Payloads(Duration))
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            bool reads = SequenceCodec.TryDecode(Mine, payload, out _, out StoredSequence[] sequences);
            worst = Math.Max(worst, GC.GetAllocatedBytesForCurrentThread() - before);
            Assert.True(!reads || isHostile, $"A damaged payload was read as whole ({kind}): {Convert.ToBase64String(payload)}");
            foreach (StoredSequence sequence in sequences)
            {
                Assert.Equal(-1, sequence.Tokens.Span.IndexOfAnyInRange(int.MinValue, -1));
                Assert.InRange(sequence.Runs.Sum(run => (long)run.Length), 0, sequence.Tokens.Length);
            }

            Assert.InRange(sequences.Sum(sequence => (long)sequence.Tokens.Length), 0, SequenceCodec.MaxTokens);
            (int payloads, int read) = counts.GetValueOrDefault(kind);
            counts[kind] = (payloads + 1, read + (reads ? 1 : 0));
        }

        foreach ((string kind, (int payloads, int read)) in counts.OrderBy(count => count.Key))
            Print($"{kind,-22} {payloads,10} payloads, {read} read");
        Print($"{"all",-22} {counts.Values.Sum(count => count.Payloads),10} payloads; most allocated for one: {worst} bytes");
        Assert.InRange(worst, 0, MostAllocated);
        Assert.Equal(PayloadFuzzer.Kinds, counts.Count);
    }

    [Fact]
    public async Task DamagedEntriesInALog_AreCountedLoggedAndSkipped()
    {
        await using GarnetServer server = new();
        await server.StartAsync();
        await using ConnectionMultiplexer connection = await server.ConnectAsync();
        IDatabase database = connection.GetDatabase();
        PayloadFuzzer fuzzer = new(seed: 2, Mine);
        string prefix = $"agentic:{{{Mine}}}:", name = "0123456789ab-0123456789abcdef";
        long damages = 0, neighbours = 0;
        int logs = 0;
        foreach ((string Kind, byte[] Payload, bool IsHostile)[] payloads in fuzzer.Payloads(Duration).Where(payload => !payload.IsHostile).Chunk(100))
        {
            List<RedisValue> entries = [];
            List<StoredSequence> whole = [];
            foreach ((_, byte[] payload, _) in payloads)
            {
                for (int i = fuzzer.Next(3); i > 0; i--)
                {
                    (byte[] entry, StoredSequence[] sequences) = fuzzer.Whole();
                    entries.Add(entry);
                    whole.AddRange(sequences);
                }

                entries.Add(payload);
            }

            await database.KeyDeleteAsync(prefix + "segment:" + name);
            await database.ListRightPushAsync(prefix + "segment:" + name, [.. entries]);
            await database.HashSetAsync(prefix + "segments", name, entries.Sum(entry => ((byte[])entry!).Length));
            CountingLogger logger = new();
            await using RedisSequenceStore store = new(new() { Redis = server.Address }, logger);
            List<StoredSequence> read = await store.ReplayAsync(Mine, TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);
            Assert.Equal(whole.Select(sequence => sequence.Tokens.ToArray()), read.Select(sequence => sequence.Tokens.ToArray()));
            Assert.Equal((payloads.Length, payloads.Length), (store.Statistics.Damaged, logger.Damaged));
            (damages, neighbours, logs) = (damages + payloads.Length, neighbours + whole.Count, logs + 1);
        }

        Print($"{logs} logs with {damages} damaged entries, each counted, logged and skipped; {neighbours} sequences beside them read");
    }

    /// <summary>What was learned: nothing that is damaged moves a weight, and nothing at all makes one of what is no number.</summary>
    [Fact]
    public void DamagedLearnedStates_AreRefusedAndHostileOnesHarmless()
    {
        PayloadFuzzer fuzzer = new(seed: 5, Mine);
        var end = Stopwatch.StartNew();
        long damaged = 0, hostile = 0, read = 0, worst = 0;
        while (end.Elapsed < Duration || damaged < 1000)
        {
            LearnedState state = fuzzer.Learned();
            byte[] packed = LearnedCodec.Pack(state), whole = LearnedCodec.Encode(state);
            Assert.NotNull(LearnedCodec.Decode(Mine, whole));
            for (int i = 0; i < 40; i++, damaged++)
                Assert.Null(LearnedCodec.Decode(Mine, fuzzer.Damage(whole)));
            for (int i = 0; i < 10; i++, hostile++)
            {
                byte[] sealed_ = LearnedCodec.Seal(Mine, 1 + fuzzer.Next(1 << 20), fuzzer.Next(4) == 0 ? fuzzer.Damage(packed) : fuzzer.Edit(packed));
                long before = GC.GetAllocatedBytesForCurrentThread();
                LearnedState? back = LearnedCodec.Decode(Mine, sealed_);
                worst = Math.Max(worst, GC.GetAllocatedBytesForCurrentThread() - before);
                if (back is null)
                    continue;
                read++;
                Assert.All(back.Weights.Tables.SelectMany(table => table), weight => Assert.InRange(weight.Weight, 6e-6f, 2e5f));
                Assert.Equal(-1, back.Weights.Tokens.Weights.IndexOfAnyExceptInRange(1 / TokenWeights.Most, TokenWeights.Most));
                Assert.Equal(-1, back.Weights.Tokens.Squares.IndexOfAnyExceptInRange(TokenWeights.FirstSquares, 1e10f));
                for (int octave = 0; octave < 20; octave++)
                    Assert.InRange(back.Calibration.Correct(MathF.Pow(2, -octave)), 0, 1);
            }
        }

        Print($"{damaged} damaged states refused; of {hostile} with a right checksum {read} read; most allocated for one: {worst} bytes");
        Assert.InRange(read, 1, hostile - 1);
        Assert.InRange(worst, 1, 2L << 20);
    }

    /// <summary>The hash that lists a log's segments: names, bytes and what they replace.</summary>
    [Fact]
    public void DamagedListings_AreReadAsFarAsTheyAreOurs()
    {
        const int Listings = 3000;
        Random random = new(4);
        string[] words = ["12", "0", "-5", "99999999999999999999", "9223372036854775807", "", "=", "x=y", "0123456789ab-0123456789abcdef=7", "Ω", "1e9"];
        DateTimeOffset now = DateTimeOffset.UtcNow;
        long ours = 0;
        for (int i = 0; i < Listings; i++)
        {
            HashEntry[] listing = [.. Enumerable.Range(0, random.Next(30)).Select(_ => new HashEntry(Name(), Value()))];
            List<LogSegment> segments = LogSegment.Order(listing);
            ours += segments.Count;
            Assert.InRange(segments.Sum(segment => segment.Bytes), 0, long.MaxValue);
            Assert.All(segments, segment => Assert.InRange(segment.Opened, DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue));
            CompactionPlan.Choose([.. segments.Select(segment => new FilledSegment(segment, random.Next(-1, 100)))], new(1 << 20, TimeSpan.FromDays(1)), now);
        }

        Assert.InRange(ours, Listings, 30 * Listings);

        RedisValue Name() => random.Next(4) switch
        {
            0 => words[random.Next(words.Length)],
            1 => $"{random.NextInt64(1L << 48):x12}-{random.NextInt64():x16}",
            2 => $"{now.ToUnixTimeMilliseconds() - random.Next(1 << 30):x12}-{random.Next(3):x16}",
            _ => $"{random.NextInt64():x12}-{random.NextInt64():x16}",
        };

        RedisValue Value() => string.Join(' ', Enumerable.Range(0, random.Next(5)).Select(_ => words[random.Next(words.Length)]));
    }

    [Fact]
    public void DamagedFiles_GiveEveryEntryThatIsWhole()
    {
        PayloadFuzzer fuzzer = new(seed: 3, Mine);
        var end = Stopwatch.StartNew();
        long files = 0, damages = 0, read = 0;
        while (end.Elapsed < Duration)
        {
            using MemoryStream stream = new();
            StoredSequence[][] entries = [.. Enumerable.Range(0, 20).Select(i => fuzzer.Whole().Sequences
                .Select(sequence => sequence with { Namespace = i % 2 == 0 ? Mine : default }).ToArray())];   // another namespace, another entry
            using (SequenceFileWriter writer = new(stream))
            {
                Array.ForEach([.. entries.SelectMany(sequences => sequences)], writer.Add);
                writer.Complete();
            }

            byte[] file = stream.ToArray();
            int[] starts = PayloadFuzzer.Entries(file);
            int[] places = [.. Enumerable.Range(0, fuzzer.Next(6)).Select(_ => starts[0] + fuzzer.Next(file.Length - starts[0])).Distinct()];
            foreach (int place in places)
                file[place] ^= (byte)(1 + fuzzer.Next(255));
            HashSet<int> hit = [.. places.Select(place => Array.FindLastIndex(starts, start => start <= place))];

            SequenceFileReader reader = new(new MemoryStream(file));
            List<StoredSequence> left = [.. reader.Read()];

            Assert.Equal(entries.Length, starts.Length - 1);
            Assert.Equal(entries.Where((_, entry) => !hit.Contains(entry)).SelectMany(sequences => sequences).Select(Text), left.Select(Text));
            Assert.Equal(hit.Count == 0, reader.IsComplete && reader.Damaged == 0);
            (files, damages, read) = (files + 1, damages + places.Length, read + left.Count);
        }

        Print($"{files} files with {damages} bytes changed; {read} sequences read");

        static string Text(StoredSequence sequence) => $"{sequence.Namespace} {sequence.Time:O} {string.Join(' ', sequence.Tokens.ToArray())}";
    }

    private static void Print(FormattableString line) =>
        TestContext.Current.TestOutputHelper!.WriteLine(line.ToString(CultureInfo.InvariantCulture));

    /// <summary>Counts the entries that a store says are damaged.</summary>
    private sealed class CountingLogger : ILogger<RedisSequenceStore>
    {
        private const int EntryDamaged = 4;

        public int Damaged { get; private set; }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Damaged += eventId.Id == EntryDamaged ? 1 : 0;
    }
}
