using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Agentic.ModelRuntime;
using Agentic.SuffixCache;
using Microsoft.Extensions.Logging.Abstractions;

namespace Agentic.Proxy;

/// <summary>Answers conversations with the model itself, as it is served, and keeps the answers in files, so that a stopped run goes on.</summary>
/// <param name="target">The model; its KV pool is this run's meanwhile.</param>
/// <param name="kvBlocks">Blocks of the pool.</param>
/// <param name="directory">Where the files are.</param>
/// <param name="endTokens">Tokens that end an answer.</param>
/// <param name="mostTokens">Tokens of prompt and answer.</param>
internal sealed class RegeneratedAnswers(Transformer target, int kvBlocks, string directory, int[] endTokens, int mostTokens)
{
    private const int ConversationsPerFile = 64, Concurrency = 8;
    private const long HistoryBytes = 64 << 20;

    /// <summary>Tokens of an answer.</summary>
    public int MostAnswerTokens { get; init; } = 512;

    /// <summary>The conversations with the model's own answers.</summary>
    /// <param name="conversations">As they were recorded.</param>
    /// <param name="temperature">0 for the most likely tokens.</param>
    /// <param name="report">Told how many conversations more are done.</param>
    /// <param name="cancellation">Ends it; what is done is kept.</param>
    public async Task<List<TrainingSequence>> AnswerAsync(
        IReadOnlyList<RecordedConversation> conversations, float temperature, Action<int> report, CancellationToken cancellation)
    {
        Directory.CreateDirectory(directory);
        using var metrics = new RuntimeMetrics();
        using SuffixHistory history = new(target.VocabularySize, HistoryBytes);
        EngineOptions options = new() { KvBlocks = kvBlocks, MaxSequences = Concurrency };
        await using InferenceEngine engine = InferenceEngine.Create(
            target, options, history, metrics, TimeProvider.System, NullLogger.Instance);
        engine.Start();
        var regenerator = new AnswerRegenerator(engine, endTokens, MostAnswerTokens, mostTokens);
        List<TrainingSequence> all = [];
        foreach (RecordedConversation[] part in conversations.Chunk(ConversationsPerFile))
        {
            string file = Path.Combine(directory, $"answers-{Identity(part, temperature)}.agseq");
            if (!File.Exists(file))
                Write(file, await AnswerPartAsync(regenerator, part, temperature, cancellation));
            all.AddRange(Read(file));
            report(part.Length);
        }

        return all;
    }

    private static async Task<IEnumerable<TrainingSequence>> AnswerPartAsync(
        AnswerRegenerator regenerator, RecordedConversation[] part, float temperature, CancellationToken cancellation)
    {
        var answered = new IReadOnlyList<TrainingSequence>[part.Length];
        ParallelOptions together = new() { MaxDegreeOfParallelism = Concurrency, CancellationToken = cancellation };
        await Parallel.ForAsync(0, part.Length, together,
            async (i, stopping) => answered[i] = await regenerator.AnswerAsync(part[i], temperature, seed: (ulong)i, stopping));
        return answered.SelectMany(sequences => sequences);
    }

    private string Identity(RecordedConversation[] part, float temperature)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Convert.FromHexString(target.Fingerprint));
        hash.AppendData(MemoryMarshal.AsBytes<float>([temperature]));
        hash.AppendData(MemoryMarshal.AsBytes<int>([MostAnswerTokens, mostTokens, .. endTokens]));
        foreach (RecordedSegment segment in part.SelectMany(conversation => conversation.Segments))
        {
            hash.AppendData(MemoryMarshal.AsBytes<int>([segment.Written ? 1 : 0, segment.Tokens.Length]));
            hash.AppendData(MemoryMarshal.AsBytes(segment.Tokens.AsSpan()));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset())[..16];
    }

    private static void Write(string file, IEnumerable<TrainingSequence> sequences)
    {
        string unfinished = file + ".part";
        using (FileStream stream = File.Create(unfinished))
        {
            using SequenceFileWriter writer = new(stream);
            foreach (TrainingSequence sequence in sequences)
                writer.Add(new StoredSequence(default, sequence.Tokens) { Runs = sequence.Runs() });
            writer.Complete();
        }

        File.Move(unfinished, file);
    }

    private static TrainingSequence[] Read(string file)
    {
        using FileStream stream = File.OpenRead(file);
        SequenceFileReader reader = new(stream);
        TrainingSequence[] sequences = [.. reader.Read().Select(TrainingSequence.Of)];
        return reader.IsComplete ? sequences : throw new CommandException($"{file} is damaged; delete it, and go on with --resume");
    }
}
