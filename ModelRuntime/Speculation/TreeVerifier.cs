namespace Agentic.ModelRuntime;

/// <summary>Walks the draft tree along the target's own draws and adds one bonus token: sample and descend.</summary>
/// <remarks>
/// Lossless for any tree with distinct siblings: every token is drawn from the row of its true prefix, by the ordinary sampler, with random
/// numbers that depend on its position alone; the tree only decides how many draws one forward pass allows (docs/design.md, "Sample and descend").
/// </remarks>
internal sealed class TreeVerifier
{
    private readonly Sampler _sampler = new();

    /// <summary>Draws tokens until one is not in the tree or ends the sequence. Each is appended to the sequence.</summary>
    /// <param name="sequence">Its sampler state and tokens advance.</param>
    /// <param name="tree">n nodes.</param>
    /// <param name="logits">At least <paramref name="firstRow"/> + n + 1 rows; the first follows the root, the one i + 1 further node i. Visited rows are changed.</param>
    /// <param name="firstRow">The root's row.</param>
    /// <param name="verification">Cleared and filled.</param>
    public void Verify(Sequence sequence, DraftTree tree, StepLogits logits, int firstRow, Verification verification)
    {
        if (firstRow + tree.Count >= logits.Count)
            throw new ArgumentException($"A tree of {tree.Count} nodes needs {tree.Count + 1} rows of logits from row {firstRow}, of {logits.Count}.");
        verification.Clear();
        for (int node = -1; ;)
        {
            int token = _sampler.Draw(logits[firstRow + node + 1], sequence.Sampler, out TokenLogprobs? logprobs);
            sequence.Append(token);
            verification.AddToken(token, logprobs);
            if (sequence.IsStop(token))
                verification.Finish = FinishReason.Stop;
            else if (sequence.RemainingTokens <= 0)
                verification.Finish = FinishReason.Length;

            int child = verification.Finish is null ? tree.ChildOf(node, token) : -1;
            if (child < 0)
                return;
            verification.AddAccepted(child);
            node = child;
        }
    }
}
