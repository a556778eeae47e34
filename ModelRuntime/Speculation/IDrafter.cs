namespace Agentic.ModelRuntime;

/// <summary>A source of draft nodes. Called by the engine's thread.</summary>
internal interface IDrafter
{
    /// <summary>A sequence was admitted: its prompt is known.</summary>
    void Begin(Sequence sequence);

    /// <summary>Adds nodes to the sequence's tree.</summary>
    /// <param name="sequence">A decoding sequence that was begun.</param>
    /// <param name="tree">Nodes of other sources may be there already.</param>
    /// <param name="maxNodes">Most nodes worth proposing.</param>
    /// <param name="maxDepth">Deepest node worth proposing.</param>
    void Propose(Sequence sequence, DraftTree tree, int maxNodes, int maxDepth);

    /// <summary>These tokens are final and already part of the sequence.</summary>
    void Observe(Sequence sequence, ReadOnlySpan<int> committed);

    /// <summary>A begun sequence is over, for whatever reason.</summary>
    void End(Sequence sequence);
}
