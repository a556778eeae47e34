namespace Agentic.ModelRuntime;

/// <summary>A source of draft nodes, as sequences come and go. Called by the engine's thread.</summary>
internal interface IDraftSource
{
    /// <summary>Under which its nodes are counted.</summary>
    DraftSource Source { get; }

    /// <summary>A sequence was admitted: its prompt is known.</summary>
    void Begin(Sequence sequence);

    /// <summary>The target scored a tree and has not drawn from it yet: the logits are as the model gave them.</summary>
    /// <param name="sequence">A begun sequence.</param>
    /// <param name="verified">n nodes.</param>
    /// <param name="logits">The root's row is <paramref name="firstRow"/>, node i's the one i + 1 further. Not to be changed.</param>
    /// <param name="firstRow">The root's row.</param>
    void Scored(Sequence sequence, DraftTree verified, StepLogits logits, int firstRow)
    {
    }

    /// <summary>These tokens are final and already part of the sequence.</summary>
    /// <param name="sequence">A begun sequence.</param>
    /// <param name="verified">The tree that the target was asked about: of what was proposed, the nodes that paid.</param>
    /// <param name="committed">The accepted path and the bonus token.</param>
    void Observe(Sequence sequence, DraftTree verified, ReadOnlySpan<int> committed);

    /// <summary>A begun sequence is over, for whatever reason.</summary>
    void End(Sequence sequence);

    /// <summary>Namespaces were erased: what was learned in them is not to be drafted by any sequence begun from now on.</summary>
    void Forget(Predicate<SuffixCache.NamespaceKey> whose)
    {
    }
}

/// <summary>A source that costs next to nothing, and is asked for one sequence at a time. The one that costs is <see cref="EagleDrafter"/>.</summary>
internal interface IDrafter : IDraftSource
{
    /// <summary>All that a step will ask for, before it does: for a source that is quicker for many together.</summary>
    /// <param name="asked">Decoding sequences that were begun, each with the deepest node worth proposing.</param>
    /// <param name="maxNodes">Most nodes worth proposing for one.</param>
    void Prepare(IReadOnlyList<(Sequence Sequence, int MaxDepth)> asked, int maxNodes)
    {
    }

    /// <summary>Adds nodes to the sequence's tree.</summary>
    /// <param name="sequence">A decoding sequence that was begun.</param>
    /// <param name="tree">Nodes of other sources may be there already.</param>
    /// <param name="maxNodes">Most nodes worth proposing.</param>
    /// <param name="maxDepth">Deepest node worth proposing.</param>
    void Propose(Sequence sequence, DraftTree tree, int maxNodes, int maxDepth);
}
