using System.Threading.Channels;

namespace Agentic.ModelRuntime;

/// <summary>Where requests are generated.</summary>
public interface IInferenceEngine
{
    /// <summary>Admits a request; its tokens arrive on the result's <see cref="Generation.Outputs"/>.</summary>
    /// <exception cref="EngineBusyException">The waiting line is full.</exception>
    /// <exception cref="ArgumentException">The prompt is empty, does not fit the context or the KV pool, or names a token outside the vocabulary.</exception>
    Generation Submit(GenerationRequest request);
}

/// <summary>No room for another request now.</summary>
public sealed class EngineBusyException(TimeSpan retryAfter) : Exception("The engine's waiting line is full.")
{
    /// <summary>When a place is likely to be free.</summary>
    public TimeSpan RetryAfter { get; } = retryAfter;
}

/// <summary>A request under way. Its outputs come in order within a choice; the channel completes when every choice has ended.</summary>
public sealed class Generation
{
    private readonly Channel<TokenOutput> _outputs =
        Channel.CreateUnbounded<TokenOutput>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });

    private readonly Action<Generation, int?> _leave;
    private int _cancelled;

    /// <summary>A generation of a request.</summary>
    /// <param name="request">What is generated.</param>
    /// <param name="leave">Tells the engine, from any thread, that a choice has all that was wanted of it, or, without one, that nobody
    /// waits any more.</param>
    public Generation(GenerationRequest request, Action<Generation, int?> leave)
    {
        Request = request;
        _leave = leave;
    }

    /// <summary>What is generated.</summary>
    public GenerationRequest Request { get; }

    /// <summary>Tokens as they become final. A step may bring several; each is its own item.</summary>
    public ChannelReader<TokenOutput> Outputs => _outputs.Reader;

    /// <summary>Where the engine writes.</summary>
    public ChannelWriter<TokenOutput> Writer => _outputs.Writer;

    /// <summary>Counts so far; final once <see cref="Outputs"/> completes.</summary>
    public GenerationStatistics Statistics { get; } = new();

    /// <summary>The choices still open, in the engine's hands.</summary>
    internal List<Sequence> Open { get; } = [];

    /// <summary>Whether <see cref="Cancel"/> was called.</summary>
    public bool IsCancelled => Volatile.Read(ref _cancelled) != 0;

    /// <summary>Ends all choices; their KV blocks are free within a step. Safe from any thread, at any time, more than once.</summary>
    public void Cancel()
    {
        if (Interlocked.Exchange(ref _cancelled, 1) == 0)
            _leave(this, null);
    }

    /// <summary>Ends one choice, whose text is whole, such as by a stop string, and lets the others go on. Safe like
    /// <see cref="Cancel"/>.</summary>
    public void Stop(int choice) => _leave(this, choice);
}

/// <summary>What a generation cost. Written by the engine's thread.</summary>
public sealed class GenerationStatistics
{
    /// <summary>Prompt tokens whose KV blocks were found in the prefix cache.</summary>
    public int CachedPromptTokens { get; set; }

    /// <summary>Decode steps over all choices (a step of n choices counts n).</summary>
    public int DecodeSteps { get; set; }

    /// <summary>Draft nodes verified.</summary>
    public int DraftedTokens { get; set; }

    /// <summary>Draft nodes accepted.</summary>
    public int AcceptedTokens { get; set; }

    /// <summary>Accepted nodes that the drafts' probabilities promised: near <see cref="AcceptedTokens"/> when they are calibrated.</summary>
    public double ExpectedAcceptedTokens { get; set; }

    /// <summary>Tokens emitted over all choices.</summary>
    public int OutputTokens { get; set; }

    /// <summary>From submission to the first forward pass.</summary>
    public TimeSpan QueueTime { get; set; }

    /// <summary>From submission to the first token; null before it.</summary>
    public TimeSpan? TimeToFirstToken { get; set; }
}
