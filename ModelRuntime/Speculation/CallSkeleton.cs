namespace Agentic.ModelRuntime;

/// <summary>A call of one tool as a model would write it, with gaps where only the model knows the value.</summary>
/// <param name="Tool">Which tool: layouts of the same one share its weight.</param>
/// <param name="Style">Which way of spacing: the one that the model uses is learned.</param>
/// <param name="Pieces">Token ids between the gaps; none empty. The first begins with the prompt's last tokens, so that it is found at the answer's start.</param>
/// <param name="PromptTokens">How many those are.</param>
public sealed record CallSkeleton(int Tool, int Style, IReadOnlyList<int[]> Pieces, int PromptTokens);
