using Agentic.SuffixCache;
using BenchmarkDotNet.Attributes;

namespace Agentic.Benchmarks;

/// <summary>The suffix cache on a store of 8M tokens. Figures are a token (append, insert, restart), a draft, a batch of drafts or a
/// step.</summary>
/// <remarks><c>dotnet run -c Release -- --filter "*SuffixBenchmarks*"</c>. Quantiles of single drafts, whose sequences
/// go on in between, are <see cref="SuffixGoals"/>'s.</remarks>
[MemoryDiagnoser]
[MedianColumn]
[ShortRunJob]
[IterationTime(200)]
public class SuffixBenchmarks : IDisposable
{
    private const int StoredTokens = 8_000_000;
    private const long StoreBytes = 256L << 20;
    private const int Inserted = 100_000;
    private const int Appended = 4;
    private const int Rounds = 256;
    private const int Batched = 64;
    private const int Restarted = 1_000_000;

    private readonly Continuation _draft = new(64);
    private readonly Continuation[] _drafts = [.. Enumerable.Range(0, Batched).Select(_ => new Continuation(64))];
    private readonly DraftBatch _batch = new();
    private SuffixHistory _history = null!;
    private SuffixSession[] _sessions = [];
    private int[][] _inserted = [], _restarted = [];
    private int[] _prompt = [];
    private int[] _output = [];
    private int _next, _inserts;

    [GlobalSetup]
    public void Fill()
    {
        AgentText text = new(seed: 1);
        _history = new SuffixHistory(AgentText.Vocabulary, StoreBytes);
        foreach (int[] conversation in text.Conversations(StoredTokens))
        {
            _history.Load(default, conversation);
            _history.IndexLoaded(int.MaxValue);
        }

        _history.Settle();
        _restarted = [.. text.Conversations(Restarted)];
        _inserted = [.. Enumerable.Range(0, 64).Select(_ => text.Conversations(Inserted).SelectMany(c => c).Take(Inserted).ToArray())];
        int[][] turns = [.. text.Conversation(40).SelectMany(turn => new[] { turn.Read, turn.Written })];
        _prompt = turns[0];
        _output = [.. turns.Skip(1).SelectMany(piece => piece).Take(Rounds * Appended)];
        _sessions = [.. Enumerable.Range(0, Rounds).Select(i => _history.BeginSession(default, [.. _prompt, .. _output[..(i * Appended)]]))];
    }

    [GlobalCleanup]
    public void Dispose()
    {
        foreach (SuffixSession session in _sessions)
            session.Dispose();
        _history.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Into the full store, which drops its oldest tokens for each new ones.</summary>
    [Benchmark(OperationsPerInvoke = Inserted)]
    public void Insert()
    {
        _history.Load(default, _inserted[_inserts++ % _inserted.Length]);
        _history.IndexLoaded(int.MaxValue);
    }

    /// <summary>From nothing, as a server does that starts.</summary>
    [Benchmark(OperationsPerInvoke = Restarted)]
    public long Restart()
    {
        using SuffixHistory history = new(AgentText.Vocabulary, StoreBytes);
        foreach (int[] conversation in _restarted)
        {
            history.Load(default, conversation);
            history.IndexLoaded(int.MaxValue);
        }

        return history.Tokens;
    }

    /// <summary>Of up to 64 nodes, each after another context.</summary>
    [Benchmark(OperationsPerInvoke = Rounds)]
    public int Draft()
    {
        int nodes = 0;
        foreach (SuffixSession session in _sessions)
        {
            session.Draft(64, 64, _draft);
            nodes += _draft.Count;
        }

        return nodes;
    }

    /// <summary>64 sequences' drafts, on as many threads as pay.</summary>
    [Benchmark]
    public void DraftTogether()
    {
        _next = (_next + Batched) % Rounds;
        for (int i = 0; i < Batched; i++)
            _batch.Add(_sessions[_next + i], 64, 64, _drafts[i]);
        _batch.Run();
    }

    /// <summary>A step of four accepted tokens: draft, learn, index.</summary>
    [Benchmark(OperationsPerInvoke = Rounds)]
    public int Step()
    {
        using SuffixSession session = _history.BeginSession(default, _prompt);
        for (int i = 0; i < Rounds; i++)
        {
            session.Draft(64, 64, _draft);
            session.Append(_output.AsSpan(i * Appended, Appended));
        }

        return session.Count;
    }

    [Benchmark(OperationsPerInvoke = Rounds * Appended)]
    public int Append()
    {
        using SuffixSession session = _history.BeginSession(default, _prompt);
        for (int i = 0; i < Rounds; i++)
            session.Append(_output.AsSpan(i * Appended, Appended));
        return session.Count;
    }
}
