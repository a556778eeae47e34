namespace Agentic.ModelRuntime;

/// <summary>Decides what runs next: decoding sequences first, then prompt chunks in order of arrival, within <see cref="EngineOptions.MaxStepTokens"/>.</summary>
internal sealed class Scheduler
{
    private readonly EngineOptions _options;
    private readonly KvBlockPool _pool;
    private readonly LinkedList<Sequence> _waiting = new();
    private readonly List<Sequence> _running = [];
    private readonly Step _step = new();

    public Scheduler(EngineOptions options, KvBlockPool pool)
    {
        _options = options;
        _pool = pool;
    }

    public IReadOnlyList<Sequence> Running => _running;

    public IReadOnlyCollection<Sequence> Waiting => _waiting;

    /// <summary>Sequences sent back to the waiting line because blocks ran out, since the start.</summary>
    public long Preemptions { get; private set; }

    /// <summary>Called for each sequence on its first admission.</summary>
    public Action<Sequence>? Admitted { get; set; }

    public void Add(Sequence sequence) => _waiting.AddLast(sequence);

    /// <summary>Takes a sequence out, its blocks with it.</summary>
    public void Remove(Sequence sequence)
    {
        if (!_running.Remove(sequence))
            _waiting.Remove(sequence);
        sequence.Release(_pool);
    }

    /// <summary>The next forward pass. Every row in it has its block.</summary>
    public Step NextStep()
    {
        _step.Clear();
        ReserveDecodeBlocks();
        Admit();

        foreach (Sequence sequence in _running)
        {
            if (sequence.Pending == 1)
                _step.AddDecoding(sequence);
        }

        foreach (Sequence sequence in _running)
        {
            int budget = _options.MaxStepTokens - _step.Rows, before = sequence.Pending - 1;
            if (before == 0 || budget == 0)
                continue;
            _step.AddPrefill(sequence, Math.Min(before, budget));

            // The prompt's last token is a root like any other: a draft of the first tokens is scored with the prompt.
            if (before < budget)
                _step.AddDecoding(sequence);
        }

        return _step;
    }

    /// <summary>Each decoding sequence needs a slot for its root; when there is none, the sequence admitted last gives up its blocks.</summary>
    private void ReserveDecodeBlocks()
    {
        for (int i = 0; i < _running.Count; i++)
        {
            Sequence sequence = _running[i];
            while (!sequence.Extend(_pool, sequence.Count))
            {
                Sequence last = _running[^1];
                Preempt(last);
                if (last == sequence)
                    break;
            }
        }
    }

    private void Preempt(Sequence sequence)
    {
        _running.Remove(sequence);
        sequence.Release(_pool);
        _waiting.AddFirst(sequence);
        Preemptions++;
    }

    /// <summary>Admits in order of arrival while a whole prompt finds room, so that no admitted prompt waits for blocks halfway.</summary>
    private void Admit()
    {
        while (_waiting.First is { Value: Sequence sequence } && _running.Count < _options.MaxSequences && _running.Count < _options.MaxStepTokens)
        {
            // A further choice waits until the first has run the prompt, and then shares its blocks.
            if (sequence.Choice > 0 && _running.Exists(other => other.Generation == sequence.Generation && other.Choice == 0 && other.OutputCount == 0))
                return;

            sequence.TakeCached(_pool);
            if (!sequence.Extend(_pool, sequence.Count))
            {
                sequence.Release(_pool);
                return;
            }

            sequence.CopyCached(_pool, _step.Copies);
            _waiting.RemoveFirst();
            _running.Add(sequence);
            if (!sequence.Admitted)
            {
                sequence.Admitted = true;
                sequence.Generation.Statistics.CachedPromptTokens += sequence.Choice == 0 ? sequence.KvLength : 0;
                Admitted?.Invoke(sequence);
            }
        }
    }
}
