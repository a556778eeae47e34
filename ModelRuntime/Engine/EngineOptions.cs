namespace Agentic.ModelRuntime;

/// <summary>Limits of the engine.</summary>
public sealed record EngineOptions
{
    /// <summary>KV blocks in the pool.</summary>
    public required int KvBlocks { get; init; }

    /// <summary>Sequences decoded at once.</summary>
    public int MaxSequences { get; init; } = 16;

    /// <summary>Rows of one forward pass: roots, draft nodes and prefill tokens together.</summary>
    public int MaxStepTokens { get; init; } = 512;

    /// <summary>Requests that may wait; the next one is refused.</summary>
    public int MaxWaitingRequests { get; init; } = 256;

    /// <summary>Nodes of one sequence's draft tree; 0 decodes plainly.</summary>
    public int MaxDraftNodes { get; init; } = 32;

    /// <summary>Where drafts come from.</summary>
    public IReadOnlyList<DraftSource> DraftSources { get; init; } = [DraftSource.Suffix, DraftSource.Eagle, DraftSource.Prediction, DraftSource.Schema];

    /// <summary>How a draft head grows its trees, where there is one.</summary>
    public EagleOptions Eagle { get; init; } = new();

    /// <summary>Bytes of the tables from which <see cref="DraftSource.Recycling"/> drafts.</summary>
    public long RecyclingBytes { get; init; } = 64 << 20;
}
