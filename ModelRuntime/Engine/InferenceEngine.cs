using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Agentic.Kernels;
using Agentic.SuffixCache;
using Microsoft.Extensions.Logging;

namespace Agentic.ModelRuntime;

/// <summary>The step loop: admit, draft, forward, verify, commit, observe. One thread is the only writer of everything below it.</summary>
public sealed class InferenceEngine : IInferenceEngine, IAsyncDisposable
{
    private const int IdleTokens = 16 * 1024;   // 0.7 ms: as long as a request may have to wait for it
    private const int StepTokens = 512;         // 25 µs

    /// <summary>How long the cost of a pass is measured.</summary>
    public static readonly TimeSpan MeasuringLimit = TimeSpan.FromSeconds(3);

    private readonly ITargetModel _model;
    private readonly EngineOptions _options;
    private readonly SpeculationPolicy _policy;
    private readonly StateCache? _states;
    private readonly RuntimeMetrics _metrics;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private readonly KvBlockPool _pool;
    private readonly Scheduler _scheduler;
    private readonly TreeVerifier _verifier = new();
    private readonly Verification _verification = new();
    private readonly StepRows _rows = new();
    private readonly List<KvMove> _moves = [];
    private readonly ConcurrentQueue<Generation> _arrivals = new();
    private readonly ConcurrentQueue<(Generation Generation, int? Choice)> _departures = new();
    private readonly ManualResetEventSlim _wake = new();
    private readonly FinishPace _pace;
    private readonly long _start;
    private SuffixHistory? _history;
    private int _waitingRequests, _waitingSequences;
    private Thread? _thread;
    private volatile bool _stopping;

    /// <summary>An engine over a model whose KV pool is allocated. <see cref="Start"/> sets it going.</summary>
    internal InferenceEngine(
        ITargetModel model, EngineOptions options, IReadOnlyList<IDrafter> drafters, VerifyCost cost, RuntimeMetrics metrics, TimeProvider clock,
        ILogger logger, LevelGrowth? growth = null)
    {
        _model = model;
        _options = options;
        _policy = new SpeculationPolicy(drafters, growth, cost, options, model.MaxPositions, clock);
        _states = growth?.Drafter.States;
        _metrics = metrics;
        _clock = clock;
        _logger = logger;
        _pace = new FinishPace(options.MaxSequences, TimeSpan.FromSeconds(cost.Seconds(options.MaxSequences, 0)));
        _start = clock.GetTimestamp();
        _pool = new KvBlockPool(options.KvBlocks, model.BlockSize);
        _scheduler = new Scheduler(options, _pool) { Admitted = Admitted };
        metrics.Watch([.. _policy.Sources]);
        metrics.Watch(_policy.Times, growth);
        metrics.Watch(() => _scheduler.Running.Count, () => _scheduler.Waiting.Count, () => (double)_pool.InUse / _pool.Count);
    }

    /// <summary>An engine over a model whose KV pool is allocated; <see cref="Start"/> sets it going.</summary>
    /// <param name="model">Stays the caller's, and outlives the engine.</param>
    /// <param name="options">Limits; <see cref="EngineOptions.KvBlocks"/> as the pool was allocated.</param>
    /// <param name="history">What to draft from, or null to decode plainly. The engine's thread is its only user from now on.</param>
    /// <param name="metrics">Where to count.</param>
    /// <param name="clock">Time.</param>
    /// <param name="logger">Where to log.</param>
    /// <param name="cost">What a pass costs, to be corrected as it runs; measured if it is null.</param>
    /// <param name="head">Drafts too, if <see cref="EngineOptions.DraftSources"/> names it; or null. Stays the caller's, and serves one engine at a time.</param>
    public static InferenceEngine Create(
        ITargetModel model, EngineOptions options, SuffixHistory? history, RuntimeMetrics metrics, TimeProvider clock, ILogger logger,
        VerifyCost? cost = null, DraftHead? head = null)
    {
        bool speculates = history is not null && options.MaxDraftNodes > 0;
        LevelGrowth? growth = speculates && options.DraftSources.Contains(DraftSource.Eagle) ? head?.Open(options, model.BlockSize, clock) : null;
        cost ??= VerifyCost.Measure(model, options.KvBlocks, clock, speculates ? MeasuringLimit : TimeSpan.Zero);
        if (speculates)
            Log.CostMeasured(logger, string.Join(", ", cost.Points.Where(p => p.Rows <= 32).Select(p => $"{p.Rows}: {1e3 * p.Seconds:0.##} ms")));
        IReadOnlyList<IDrafter> drafters = speculates ? Drafters(model, options, history!) : [];
        var engine = new InferenceEngine(model, options, drafters, cost, metrics, clock, logger, growth) { _history = history };
        if (history is not null)
        {
            history.WorkWaits = engine._wake.Set;
            history.Erased += engine.Forget;
        }

        return engine;
    }

    /// <summary>Those that are asked for one sequence at a time, in that order.</summary>
    internal static List<IDrafter> Drafters(ITargetModel model, EngineOptions options, SuffixHistory history) =>
    [
        .. options.DraftSources.Where(source => source != DraftSource.Eagle).Distinct().Order().Select(source => (IDrafter)(source switch
        {
            DraftSource.Suffix => new SuffixDrafter(history, options.MaxDraftNodes),
            DraftSource.Prediction => new PredictionDrafter(),
            DraftSource.Schema => new SchemaDrafter(),
            DraftSource.Recycling => new RecyclingDrafter(model.VocabularySize, options.RecyclingBytes),
            _ => throw new ArgumentException($"No drafter of the source {source} can be made here.", nameof(options)),
        })),
    ];

    private TimeSpan Now => _clock.GetElapsedTime(_start);

    /// <summary>Tokens the KV pool holds.</summary>
    public int Capacity => _pool.Count * _pool.BlockSize;

    /// <summary>Told of every draft tree that was scored, by the engine's thread. For looking, not for serving: it allocates.</summary>
    public Action<DraftTrace>? TreeScored { get; set; }

    /// <summary>How speculation fared since the start; a figure may be a step old.</summary>
    public SpeculationReport Report() => _policy.Report();

    /// <inheritdoc/>
    public Generation Submit(GenerationRequest request)
    {
        int longest = Math.Min(_model.MaxPositions, Capacity), room = longest - request.PromptIds.Length;
        if (request.PromptIds.Length == 0)
            throw new ArgumentException("The prompt has no tokens.", nameof(request));
        if (room < 1)
            throw new ArgumentException($"The prompt has {request.PromptIds.Length} tokens; {longest - 1} fit.", nameof(request));
        CheckIds("prompt", request.PromptIds);
        CheckIds("prediction", request.PredictionIds);
        foreach (int[] piece in request.CallSkeletons.SelectMany(skeleton => skeleton.Pieces))
            CheckIds("call skeleton", piece);

        if (Interlocked.Increment(ref _waitingRequests) > _options.MaxWaitingRequests || _stopping)
        {
            Interlocked.Decrement(ref _waitingRequests);
            throw new EngineBusyException(_pace.UntilEnded(Volatile.Read(ref _waitingSequences), Now));
        }

        Interlocked.Add(ref _waitingSequences, request.Choices);
        _pace.Expect(Math.Min(request.MaxOutputTokens, room));
        var generation = new Generation(request, Leave);
        for (int choice = 0; choice < request.Choices; choice++)
            generation.Open.Add(new Sequence(generation, choice, Math.Min(request.MaxOutputTokens, room), Now));
        _arrivals.Enqueue(generation);
        _wake.Set();
        return generation;
    }

    private void CheckIds(string what, ReadOnlySpan<int> ids)
    {
        int bad = ids.IndexOfAnyExceptInRange(0, _model.VocabularySize - 1);
        if (bad >= 0)
            throw new ArgumentException($"The {what} names token {ids[bad]}, outside 0 … {_model.VocabularySize - 1}.");
    }

    /// <summary>Runs the loop on a thread of its own until disposal.</summary>
    public void Start()
    {
        _thread = new Thread(Run) { Name = "engine", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Stops after the step under way; what still runs ends as cancelled.</summary>
    public ValueTask DisposeAsync()
    {
        _stopping = true;
        _wake.Set();
        _thread?.Join();
        EndAll(FinishReason.Cancelled);
        _policy.Dispose();
        if (_history is not null)
        {
            _history.WorkWaits = null;
            _history.Erased -= Forget;
        }

        _wake.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Takes what arrived and runs one step.</summary>
    /// <returns>False when there is nothing to do.</returns>
    internal bool RunStep()
    {
        _history?.IndexLoaded(StepTokens);   // a purge waits for no idle moment, and where nothing is drafted nobody else asks
        TakeArrivals();
        TakeDepartures();
        long preemptions = _scheduler.Preemptions, begin = _clock.GetTimestamp();
        Step step = _scheduler.NextStep();                                  // prefill chunks and decoding sequences
        _metrics.Preempted(_scheduler.Preemptions - preemptions);
        if (step.IsEmpty)
        {
            if (_scheduler.Waiting.Count == 0)
                _pace.Idle(Now);
            return false;
        }

        CopyKv(step.Copies);                                                // of prefixes that end within a cached block
        DraftForest drafts = _policy.Draft(step);                           // one tree a sequence, budgeted over the batch
        TimeSpan drafting = _clock.GetElapsedTime(begin);
        long attended = FillRows(step, drafts);
        StepLogits logits = _model.Forward(_rows);                          // one pass scores every node
        _policy.Passed(_rows);
        foreach ((Sequence sequence, int tokens) in step.Prefilling)
            sequence.Advance(_pool, tokens);
        int row = 0;
        for (int i = 0; i < step.Decoding.Count; i++)
        {
            Sequence sequence = step.Decoding[i];
            _policy.Scored(sequence, drafts[i], logits, row);
            _verifier.Verify(sequence, drafts[i], logits, row, _verification);    // the target decides
            CommitTree(sequence, drafts[i], i);                                   // accepted keys and values are kept
            Publish(i, sequence, drafts[i]);                                      // tokens are final; drafters learn
            row += drafts[i].Count + 1;
        }

        TimeSpan elapsed = _clock.GetElapsedTime(begin);
        _policy.ObserveCost(_rows.RowCount, _rows.RowCount - _rows.LogitRows.Length, attended, drafting, elapsed - drafting);
        _metrics.Stepped(_rows.RowCount, elapsed);
        return true;
    }

    /// <summary>The first broken invariant in words, or null. Call it between steps.</summary>
    internal string? CheckIntegrity() =>
        _pool.CheckIntegrity(_scheduler.Running.Concat(_scheduler.Waiting).Select(s => (ReadOnlyMemory<int>)s.BlockTable.AsMemory(0, s.BlockCount)));

    /// <summary>Sequences sent back to the waiting line so far.</summary>
    internal long Preemptions => _scheduler.Preemptions;

    /// <summary>Blocks held by sequences now.</summary>
    internal int BlocksInUse => _pool.InUse;

    private void Run()
    {
        while (!_stopping)
        {
            try
            {
                _wake.Reset();
                if (!RunStep() && _arrivals.IsEmpty && _departures.IsEmpty && !IndexLoaded())
                    _wake.Wait();
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                // The requests of a failed step cannot go on, since their cache is in an unknown state; the next ones can, without it.
                Log.StepFailed(_logger, e, _scheduler.Running.Count);
                EndAll(FinishReason.Error);
                _pool.Unpublish();
            }
        }
    }

    /// <summary>Where no request is, what other servers wrote is indexed, and what was purged erased.</summary>
    private bool IndexLoaded() => _history?.IndexLoaded(IdleTokens) > 0;

    /// <summary>Namespaces were erased: nothing of them is drafted any more, and no request finds keys and values of theirs.</summary>
    private void Forget(Predicate<NamespaceKey> whose)
    {
        _policy.Forget(whose);
        _pool.Unpublish();
    }

    private void TakeArrivals()
    {
        while (_arrivals.TryDequeue(out Generation? generation))
        {
            _pace.Busy(Now);
            foreach (Sequence sequence in generation.Open)
                _scheduler.Add(sequence);
        }
    }

    private void Leave(Generation generation, int? choice)
    {
        _departures.Enqueue((generation, choice));
        _wake.Set();
    }

    private void TakeDepartures()
    {
        while (_departures.TryDequeue(out (Generation Generation, int? Choice) left))
        {
            foreach (Sequence sequence in left.Generation.Open.Where(sequence => left.Choice is null || left.Choice == sequence.Choice).ToArray())
                End(sequence, left.Choice is null ? FinishReason.Cancelled : FinishReason.Stop, -1, null);
        }
    }

    private void Admitted(Sequence sequence)
    {
        _policy.Begin(sequence);
        Interlocked.Decrement(ref _waitingSequences);
        if (sequence.Choice > 0)
            return;
        Interlocked.Decrement(ref _waitingRequests);
        GenerationStatistics statistics = sequence.Generation.Statistics;
        statistics.QueueTime = Now - sequence.Arrival;
        _metrics.Admitted(sequence.Count, statistics.CachedPromptTokens, statistics.QueueTime);
    }

    /// <summary>Lays out the step's rows; a tree that finds no blocks is left out.</summary>
    /// <returns>Keys attended over all rows.</returns>
    private long FillRows(Step step, DraftForest drafts)
    {
        long attended = 0;
        _rows.Clear();
        for (int i = 0; i < step.Decoding.Count; i++)
        {
            Sequence sequence = step.Decoding[i];
            DraftTree tree = drafts[i];
            if (!sequence.Extend(_pool, sequence.Count + tree.Count))
                tree.Clear();
            _rows.AddTree(
                sequence.LastToken, tree.TokenIds, tree.Parents, tree.Depths, sequence.Count - 1, sequence.BlockTable, _pool.BlockSize);
            attended += (long)(tree.Count + 1) * sequence.Count;
        }

        foreach ((Sequence sequence, int tokens) in step.Prefilling)
        {
            _rows.AddChain(
                sequence.Tokens.Slice(sequence.KvLength, tokens), sequence.KvLength, sequence.BlockTable, _pool.BlockSize, scoreLast: false);
            attended += (long)tokens * (sequence.KvLength + (tokens / 2));
        }

        return attended;
    }

    /// <summary>Moves the accepted path's keys and values to the slots of their positions.</summary>
    private void CommitTree(Sequence sequence, DraftTree tree, int part)
    {
        _moves.Clear();
        int rowStart = _rows.Sequences[part].RowStart;
        foreach (int node in _verification.Path)
        {
            int from = _rows.Slots[rowStart + node + 1], to = _rows.Slots[rowStart + tree.Depths[node]];
            if (from != to)
                _moves.Add(new KvMove(from, to));
        }

        _policy.Accepted(_rows, rowStart, tree, _verification.Path);
        if (_moves.Count > 0)
            _model.CommitKv(CollectionsMarshal.AsSpan(_moves));
        sequence.Advance(_pool, 1 + _verification.Path.Count);
        sequence.Trim(_pool);
    }

    private void CopyKv(List<KvMove> copies)
    {
        if (copies.Count == 0)
            return;
        _model.CommitKv(CollectionsMarshal.AsSpan(copies));
        _states?.Move(CollectionsMarshal.AsSpan(copies));
    }

    /// <summary>Sends the verified tokens on their way, one by one, and lets drafters and statistics know.</summary>
    private void Publish(int index, Sequence sequence, DraftTree tree)
    {
        IReadOnlyList<int> tokens = _verification.Tokens;
        GenerationStatistics statistics = sequence.Generation.Statistics;
        statistics.DecodeSteps++;
        statistics.DraftedTokens += tree.Count;
        foreach (float probability in tree.Probabilities)
            statistics.ExpectedAcceptedTokens += probability;
        statistics.AcceptedTokens += _verification.Path.Count;
        statistics.OutputTokens += tokens.Count;
        _metrics.Verified(tree.Count, _verification.Path.Count, tokens.Count);
        if (sequence.FirstToken is null)
        {
            sequence.FirstToken = Now;
            if (statistics.TimeToFirstToken is null)
            {
                statistics.TimeToFirstToken = Now - sequence.Arrival;
                _metrics.FirstToken(Now - sequence.Arrival);
            }
        }

        TreeScored?.Invoke(_policy.Trace(index, _verification.Path, sequence.Tokens[^tokens.Count..]));
        _policy.Observe(index, _verification.Path, sequence.Tokens[^tokens.Count..]);
        for (int i = 0; i < tokens.Count - 1; i++)
            sequence.Generation.Writer.TryWrite(new TokenOutput(sequence.Choice, tokens[i], _verification.Logprobs[i], null));
        if (_verification.Finish is FinishReason finish)
            End(sequence, finish, tokens[^1], _verification.Logprobs[^1]);
        else
            sequence.Generation.Writer.TryWrite(new TokenOutput(sequence.Choice, tokens[^1], _verification.Logprobs[^1], null));
    }

    private void End(Sequence sequence, FinishReason reason, int lastToken, TokenLogprobs? logprobs)
    {
        Generation generation = sequence.Generation;
        _scheduler.Remove(sequence);
        if (sequence.Admitted)
        {
            _policy.End(sequence);
            _pace.Ended(Now);
        }
        else
        {
            Interlocked.Decrement(ref _waitingSequences);
            if (sequence.Choice == 0)
                Interlocked.Decrement(ref _waitingRequests);
        }

        TimeSpan total = Now - sequence.Arrival;
        _metrics.Finished(reason, total, Now - (sequence.FirstToken ?? Now), sequence.OutputCount);
        generation.Open.Remove(sequence);
        generation.Writer.TryWrite(new TokenOutput(sequence.Choice, lastToken, logprobs, reason));
        if (generation.Open.Count == 0)
            generation.Writer.TryComplete();
    }

    /// <summary>Ends every request there is.</summary>
    internal void EndAll(FinishReason reason)
    {
        TakeArrivals();
        foreach (Sequence sequence in _scheduler.Running.Concat(_scheduler.Waiting).ToArray())
            End(sequence, reason, -1, null);
    }
}
