using System.Collections.Concurrent;

namespace Agentic.SuffixCache;

/// <summary>The suffix cache of a server: what each namespace read and wrote, within one byte budget.</summary>
/// <remarks>
/// The engine's thread calls everything but <see cref="Load(StoredSequence)"/>, <see cref="Load(LearnedState)"/>,
/// <see cref="CopyLearnedAsync"/>, <see cref="Forget"/> and the figures, which any thread may call while the engine runs: loaded sequences
/// wait in a queue, and each step indexes a few hundred of their tokens (25 µs), so that a long replay never stalls one.
/// </remarks>
public sealed class SuffixHistory : IDisposable
{
    internal const int LoadedTokensPerStep = 512;
    private const int LoadedTokensPerSession = 16 * 1024;

    private const int AgeParts = 64;
    private static readonly TimeSpan LongestAgeInterval = TimeSpan.FromHours(1);

    private readonly NamespaceTable _namespaces;
    private readonly ConcurrentQueue<Loaded> _loaded = new();
    private readonly ConcurrentQueue<(Predicate<NamespaceKey> Whose, long Before)> _forgotten = new();
    private readonly List<(Predicate<NamespaceKey> Whose, long Before)> _skipped = [];   // while older sequences may wait
    private readonly ConcurrentQueue<(LearnedState State, long Number)> _learned = new();
    private readonly ConcurrentQueue<(NamespaceKey Whose, TaskCompletionSource<LearnedState?> Copied)> _copies = new();
    private readonly ISequenceStore? _store;
    private readonly long _byteBudget;
    private readonly TimeProvider _clock;
    private readonly Reclaimer _reclaimer = new();
    private readonly Sealer _sealer;
    private StoredPart? _loading;        // of the first in the queue
    private RunCursor? _loadingRuns;
    private Namespace? _loadedInto;
    private ITimer? _ageing;
    private DateTimeOffset _aged = DateTimeOffset.MinValue;
    private long _sequences, _numbered, _foreign;

    /// <param name="vocabularySize">Ids are 0 to this, excluded; nothing outside is ever proposed. At most 2²⁶ − 1.</param>
    /// <param name="byteBudget">Native bytes of all indices. Beyond it the largest namespace loses its oldest segment.</param>
    /// <param name="store">Takes what ends; null keeps nothing beyond the process.</param>
    /// <param name="clock">Says when it ended.</param>
    public SuffixHistory(int vocabularySize, long byteBudget, ISequenceStore? store = null, TimeProvider? clock = null)
        : this(vocabularySize, byteBudget, SuffixIndex.SharedChunkBits, store, clock)
    {
    }

    internal SuffixHistory(int vocabularySize, long byteBudget, int chunkBits, ISequenceStore? store = null, TimeProvider? clock = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vocabularySize);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(vocabularySize, TokenLog.MaxVocabularySize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(byteBudget);
        VocabularySize = vocabularySize;
        _byteBudget = byteBudget;
        _store = store;
        _namespaces = new NamespaceTable(vocabularySize, chunkBits, _reclaimer);
        _sealer = new Sealer(_reclaimer, byteBudget, 1u << chunkBits);
        _clock = clock ?? TimeProvider.System;
    }

    /// <summary>Ids are 0 to this, excluded.</summary>
    public int VocabularySize { get; }

    /// <summary>Native bytes of all indices.</summary>
    public long Bytes => _namespaces.All.Sum(n => n.Bytes);

    /// <summary>Tokens of all indices.</summary>
    public long Tokens => _namespaces.All.Sum(n => (long)n.Index.Log.Count);

    /// <summary>What each tenant may hold, and whom it may read beside itself. Set it before the first session.</summary>
    public TenantRules Rules { get; set; } = new();

    /// <summary>How long tokens are kept, to a sixty-fourth or an hour: a segment goes when its newest is older, a namespace when nobody has
    /// used it since. For ever, where nothing is said.</summary>
    public TimeSpan? Retention
    {
        get;
        init
        {
            field = value;
            _ageing = value is null ? null : _clock.CreateTimer(_ => WorkWaits?.Invoke(), null, AgeInterval, AgeInterval);
        }
    }

    /// <summary>Raised by the engine's thread when namespaces were erased, for whoever remembers more of them.</summary>
    public event Action<Predicate<NamespaceKey>>? Erased;

    /// <summary>Called, by any thread, when there is something for <see cref="IndexLoaded"/> to do: wakes an engine that has no
    /// request.</summary>
    public Action? WorkWaits { get; set; }

    /// <summary>What is held now.</summary>
    public SuffixHistoryStatistics Statistics
    {
        get
        {
            Namespace[] all = _namespaces.All;
            return new SuffixHistoryStatistics(
                all.Length, all.Sum(n => n.Bytes), all.Sum(n => (long)n.Index.Log.Count), Volatile.Read(ref _sequences),
                _namespaces.Evicted, _loaded.Count, Volatile.Read(ref _foreign),
                [.. all.GroupBy(n => n.Key.Tenant)
                    .Select(tenant => new TenantUse(tenant.Key, tenant.Sum(n => n.Bytes), tenant.Sum(n => (long)n.Index.Log.Count)))]);
        }
    }

    /// <summary>Sequences that the store refused by throwing.</summary>
    public long StoreFailures { get; private set; }

    internal Reclaimer Reclaimer => _reclaimer;

    /// <summary>Sorted segments of all indices.</summary>
    internal int Segments => _namespaces.All.Sum(n => n.Index.Segments.Length);

    /// <summary>Begins a sequence: indexes the part of its prompt that no earlier session of the namespace brought.</summary>
    /// <param name="namespaceKey">Whose history it may see, and adds to.</param>
    /// <param name="prompt">All tokens before the first generated one.</param>
    /// <param name="runs">Who wrote which of them, as far as that is known.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id is negative or outside the vocabulary.</exception>
    public SuffixSession BeginSession(NamespaceKey namespaceKey, ReadOnlySpan<int> prompt, IReadOnlyList<TokenRun>? runs = null)
    {
        CheckIds(prompt);
        IndexLoaded(LoadedTokensPerSession);
        Namespace @namespace = _namespaces.Find(namespaceKey);
        SuffixSession session = new(this, @namespace, ReadBy(namespaceKey), prompt, runs ?? []);
        @namespace.Ages.Note(@namespace.Index.Log.End, _clock.GetUtcNow());
        KeepBudget(@namespace);
        return session;
    }

    /// <summary>Queues a stored sequence for the index. Any thread; never blocks.</summary>
    /// <returns>False for one that is not this vocabulary's: it is left out.</returns>
    public bool Load(StoredSequence sequence) => Load(sequence.Namespace, sequence.Tokens.Span, sequence.Runs, sequence.Time);

    /// <summary>Queues a sequence of which nobody knows who wrote it. Any thread; never blocks.</summary>
    /// <returns>False for one that is not this vocabulary's: it is left out.</returns>
    public bool Load(NamespaceKey namespaceKey, ReadOnlySpan<int> tokens) => Load(namespaceKey, tokens, [], default);

    /// <summary>Of each namespace the tokens that its drafting has learned from, by those too who stored it before. Any thread.</summary>
    public IReadOnlyDictionary<NamespaceKey, long> LearnedTokens => _namespaces.All.ToDictionary(n => n.Key, n => n.LearnedTokens);

    /// <summary>Queues what a namespace's drafting had learned before, to go on from there: it takes effect once the sequences loaded before it
    /// are indexed, if the namespace is there then and has not learned more. Any thread; never blocks.</summary>
    /// <param name="state">The history's from now on.</param>
    public void Load(LearnedState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        _learned.Enqueue((state, Interlocked.Increment(ref _numbered)));
        WorkWaits?.Invoke();
    }

    /// <summary>What a namespace's drafting has learned, copied by the engine's thread in its next step (280 KB: 0.2 ms). Any thread.</summary>
    /// <returns>Null if it has learned nothing, or was erased.</returns>
    public Task<LearnedState?> CopyLearnedAsync(NamespaceKey @namespace, CancellationToken cancellationToken = default)
    {
        TaskCompletionSource<LearnedState?> copied = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _copies.Enqueue((@namespace, copied));
        WorkWaits?.Invoke();
        return copied.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Erases namespaces, what waits for them included. Any thread; done before the next sequence is begun or token indexed.</summary>
    /// <remarks>A sequence that is being decoded goes on without drafts, and leaves nothing behind.</remarks>
    public void Forget(Predicate<NamespaceKey> whose)
    {
        ArgumentNullException.ThrowIfNull(whose);
        _forgotten.Enqueue((whose, Interlocked.Increment(ref _numbered)));
        WorkWaits?.Invoke();
    }

    /// <summary>Indexes up to so many queued tokens (45 ns each). A server that starts calls it until it returns 0.</summary>
    /// <returns>Tokens indexed.</returns>
    public int IndexLoaded(int maxTokens)
    {
        EraseForgotten();
        DropOld();
        while (_copies.TryDequeue(out (NamespaceKey Whose, TaskCompletionSource<LearnedState?> Copied) wanted))
        {
            EraseForgotten();   // of what was erased before it was asked for nothing is told
            wanted.Copied.SetResult(_namespaces.Known(wanted.Whose)?.CopyLearned());
        }

        int indexed = 0;
        while (indexed < maxTokens && _loaded.TryPeek(out Loaded next))
        {
            if (IsForgotten(next.Namespace, next.Number) || (next.Time != default && next.Time < OldestKept))
            {
                Dequeue();
                continue;
            }

            Namespace @namespace = _namespaces.Find(next.Namespace);
            if (_loadedInto != @namespace)
                (_loadedInto, _loading, _loadingRuns) = (@namespace, @namespace.Begin(next.Tokens), new RunCursor(next.Runs));
            StoredPart part = _loading!;
            int start = part.Start, end = start + Math.Min(part.Tokens.Length - start, maxTokens - indexed);
            if (end > start)
            {
                RunCursor run = _loadingRuns!;
                run.MoveTo(start - part.Shift);
                end = Math.Min(end, run.End + part.Shift);
                @namespace.Load(part, end, run.Kind, endsOutput: run.Kind == TokenKind.Output && end == run.End + part.Shift);
            }

            @namespace.Ages.Note(@namespace.Index.Log.End, next.Time == default ? _clock.GetUtcNow() : next.Time);
            indexed += end - start;
            if (end == part.Tokens.Length)
            {
                Dequeue();
                _sequences++;
            }

            bool starts = maxTokens > LoadedTokensPerSession;
            KeepBudget(@namespace, starts);

            // Only who starts has time to wait for what is sorted, rather than lose what would find room then.
            while (starts && _sealer.IsBehind(@namespace.Index) && Bytes > _byteBudget / 2)
            {
                _sealer.Wait();
                _sealer.Tend(@namespace, starts);
            }
        }

        while (_learned.TryPeek(out (LearnedState State, long Number) learned) && !(_loaded.TryPeek(out Loaded before) && before.Number < learned.Number))
        {
            if (!IsForgotten(learned.State.Namespace, learned.Number) && _namespaces.Known(learned.State.Namespace) is Namespace learns)
            {
                learns.Load(learned.State);
                KeepBudget(learns);
            }

            _learned.TryDequeue(out _);
        }

        return indexed;
    }

    /// <summary>Waits until everything is sorted that is to be, as it would be after a while of serving.</summary>
    internal void Settle()
    {
        foreach (Namespace @namespace in _namespaces.All)
        {
            do
            {
                _sealer.Wait();
                KeepBudget(@namespace);
            }
            while (_sealer.IsBusy);
        }
    }

    /// <summary>Frees all memory.</summary>
    public void Dispose()
    {
        _ageing?.Dispose();
        while (_copies.TryDequeue(out (NamespaceKey Whose, TaskCompletionSource<LearnedState?> Copied) wanted))
            wanted.Copied.SetResult(null);
        _sealer.Dispose();
        _namespaces.Dispose();
        _reclaimer.Dispose();
    }

    internal void CheckIds(ReadOnlySpan<int> tokens)
    {
        int bad = FirstBadId(tokens);
        if (bad >= 0)
        {
            throw new ArgumentOutOfRangeException(
                nameof(tokens), tokens[bad], $"Token {bad} is outside the vocabulary of {VocabularySize}.");
        }
    }

    /// <summary>A session is over; <paramref name="added"/> is what it added, and <paramref name="runs"/> who wrote that.</summary>
    internal void Ended(Namespace @namespace, ReadOnlySpan<int> added, TokenRun[] runs)
    {
        @namespace.Ages.Note(@namespace.Index.Log.End, _clock.GetUtcNow());
        KeepBudget(@namespace);
        _sequences++;
        if (_store is null || added.IsEmpty)
            return;
        try
        {
            _store.Append(new StoredSequence(@namespace.Key, added.ToArray()) { Runs = runs, Time = _clock.GetUtcNow() });
        }
        catch (SequenceStoreException)
        {
            // A store may not throw; one that does costs this sequence its keeping, and no request anything.
            StoreFailures++;
        }
    }

    private void Dequeue()
    {
        _loaded.TryDequeue(out _);
        (_loading, _loadingRuns, _loadedInto) = (null, null, null);
    }

    private bool Load(NamespaceKey namespaceKey, ReadOnlySpan<int> tokens, IEnumerable<TokenRun> runs, DateTimeOffset time)
    {
        if (tokens.IsEmpty || FirstBadId(tokens) >= 0)
        {
            Interlocked.Increment(ref _foreign);
            return false;
        }

        _loaded.Enqueue(new Loaded(namespaceKey, tokens.ToArray(), TokenRuns.Cover(runs, tokens.Length), time, Interlocked.Increment(ref _numbered)));
        WorkWaits?.Invoke();
        return true;
    }

    private int FirstBadId(ReadOnlySpan<int> tokens) => tokens.IndexOfAnyExceptInRange(0, VocabularySize - 1);

    private Namespace[] ReadBy(NamespaceKey key) =>
        Rules.Reads.TryGetValue(key, out IReadOnlyList<NamespaceKey>? others) ? [.. others.Where(other => other != key).Select(_namespaces.Find)] : [];

    private void EraseForgotten()
    {
        while (_forgotten.TryDequeue(out (Predicate<NamespaceKey> Whose, long Before) forgotten))
        {
            foreach (Namespace @namespace in _namespaces.All.Where(n => forgotten.Whose(n.Key)))
                _namespaces.Remove(@namespace);
            _skipped.Add(forgotten);
            Erased?.Invoke(forgotten.Whose);
        }

        if (_loaded.IsEmpty && _learned.IsEmpty)
            _skipped.Clear();
    }

    private bool IsForgotten(NamespaceKey @namespace, long number) => _skipped.Exists(f => number < f.Before && f.Whose(@namespace));

    private void KeepBudget(Namespace current, bool starts = false)
    {
        _sealer.Tend(current, starts);
        _reclaimer.Sweep();
        UInt128 tenant = current.Key.Tenant;
        if (Rules.QuotaOf(tenant) is long quota)
            _namespaces.Keep(quota, [.. _namespaces.All.Where(n => n.Key.Tenant == tenant)], current);
        _namespaces.Keep(_byteBudget - _sealer.WorkBytes, _namespaces.All, current);
    }

    /// <summary>When the oldest tokens to be kept were written.</summary>
    private DateTimeOffset OldestKept => Retention is TimeSpan retention ? _clock.GetUtcNow() - retention : DateTimeOffset.MinValue;

    private TimeSpan AgeInterval => Retention / AgeParts is TimeSpan part && part < LongestAgeInterval ? part : LongestAgeInterval;

    /// <summary>Before a sequence is begun, and from time to time: a server that nobody asks forgets as well.</summary>
    private void DropOld()
    {
        if (Retention is null || (_clock.GetUtcNow() - _aged).Duration() < AgeInterval)
            return;
        _aged = _clock.GetUtcNow();
        _namespaces.DropOlder(OldestKept);
        _reclaimer.Sweep();
    }

    /// <summary>A sequence that waits to be indexed, who wrote its tokens, when it was finished, and how many came before it.</summary>
    private readonly record struct Loaded(NamespaceKey Namespace, int[] Tokens, TokenRun[] Runs, DateTimeOffset Time, long Number);
}
