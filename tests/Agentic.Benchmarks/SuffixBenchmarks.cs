using Agentic.SuffixCache;
using BenchmarkDotNet.Attributes;

namespace Agentic.Benchmarks;

/// <summary>The suffix cache on a store of 8M tokens. Figures are a token (append, insert), a draft or a step.</summary>
[MemoryDiagnoser]
[ShortRunJob]
public class SuffixBenchmarks : IDisposable
{
    private const int StoredTokens = 8_000_000;
    private const long StoreBytes = 256L << 20;
    private const int Inserted = 100_000;
    private const int Appended = 4;
    private const int Rounds = 256;

    private readonly Continuation _draft = new(64);
    private SuffixHistory _history = null!;
    private SuffixSession[] _sessions = [];
    private int[][] _inserted = [];
    private int[] _prompt = [];
    private int[] _output = [];
    private int _next;

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
        _history.Load(default, _inserted[_next++ % _inserted.Length]);
        _history.IndexLoaded(int.MaxValue);
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
