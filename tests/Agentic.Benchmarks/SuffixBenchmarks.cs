using Agentic.SuffixCache;
using BenchmarkDotNet.Attributes;

namespace Agentic.Benchmarks;

/// <summary>The suffix cache on a store of 8M tokens. Figures are a token (append, insert) or a draft.</summary>
[MemoryDiagnoser]
[ShortRunJob]
public class SuffixBenchmarks : IDisposable
{
    private const int StoredTokens = 8_000_000;
    private const long StoreBytes = 192L << 20;
    private const int Vocabulary = 100_000;
    private const int Inserted = 100_000;
    private const int Appended = 4;
    private const int Rounds = 256;

    private readonly Continuation _draft = new(64);
    private SuffixHistory _history = null!;
    private SuffixSession _session = null!;
    private int[] _inserted = [];
    private int[] _prompt = [];
    private int[][] _pieces = [];
    private Phrases _text = null!;

    [GlobalSetup]
    public void Fill()
    {
        _text = new Phrases(seed: 1);
        _history = new SuffixHistory(Vocabulary, StoreBytes);
        for (int stored = 0; stored < StoredTokens; stored += Inserted)
        {
            _history.Load(default, _text.Next(Inserted));
            _history.IndexLoaded(Inserted);
        }

        _inserted = _text.Next(Inserted);
        _prompt = _text.Next(2000);
        _session = _history.BeginSession(default, _prompt);
        _pieces = [.. Enumerable.Range(0, Rounds).Select(_ => _text.Next(Appended))];
        Console.WriteLine($"// bytes a token: {(double)_history.Bytes / _history.Tokens:F1} of {_history.Tokens} tokens");
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _session.Dispose();
        _history.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Into the full store, which drops its oldest chunk for each new one.</summary>
    [Benchmark(OperationsPerInvoke = Inserted)]
    public void Insert()
    {
        _history.Load(default, _inserted);
        _history.IndexLoaded(Inserted);
    }

    [Benchmark(OperationsPerInvoke = Rounds)]
    public int Draft()
    {
        int nodes = 0;
        for (int i = 0; i < Rounds; i++)
        {
            _session.Draft(64, 64, _draft);
            nodes += _draft.Count;
        }

        return nodes;
    }

    /// <summary>A step of four accepted tokens: draft, learn, index. Each draft meets another part of the store.</summary>
    [Benchmark(OperationsPerInvoke = Rounds)]
    public int Step()
    {
        using SuffixSession session = _history.BeginSession(default, _prompt);
        foreach (int[] piece in _pieces)
        {
            session.Draft(64, 64, _draft);
            session.Append(piece);
        }

        return session.Count;
    }

    [Benchmark(OperationsPerInvoke = Rounds * Appended)]
    public int Append()
    {
        using SuffixSession session = _history.BeginSession(default, _prompt);
        foreach (int[] piece in _pieces)
            session.Append(piece);
        return session.Count;
    }

    /// <summary>Agents' text in small: phrases of a large stock, half of them from a few hundred, now and then a new word.</summary>
    private sealed class Phrases
    {
        private readonly Random _random;
        private readonly int[][] _stock;

        public Phrases(int seed)
        {
            _random = new Random(seed);
            _stock = [.. Enumerable.Range(0, 20_000).Select(_ => Enumerable.Range(0, _random.Next(4, 60)).Select(_ => Word()).ToArray())];
        }

        public int[] Next(int length)
        {
            List<int> text = new(length + 64);
            while (text.Count < length)
            {
                text.AddRange(_stock[_random.Next(_random.Next(2) == 0 ? 300 : _stock.Length)]);
                if (_random.Next(4) == 0)
                    text.Add(Word());
            }

            return [.. text[..length]];
        }

        /// <summary>A few words are frequent, most are not.</summary>
        private int Word() => (int)(Vocabulary * Math.Pow(_random.NextDouble(), 4));
    }
}
