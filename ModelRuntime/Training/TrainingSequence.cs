using Agentic.SuffixCache;

namespace Agentic.ModelRuntime;

/// <summary>Tokens a draft head learns from.</summary>
/// <param name="Tokens">Ids: prompts and answers in turn.</param>
/// <param name="Written">[tokens] which of them the model wrote: those are learned.</param>
public sealed record TrainingSequence(int[] Tokens, bool[] Written)
{
    /// <summary>Tokens that can be learned: a head first speaks of the third.</summary>
    public int Learned { get; } = Written.Skip(TrainingRows.Ahead).Count(written => written);

    /// <summary>A conversation as one sequence.</summary>
    public static TrainingSequence Of(RecordedConversation conversation)
    {
        ArgumentNullException.ThrowIfNull(conversation);
        return Of(conversation.Segments.Select(segment => ((ReadOnlyMemory<int>)segment.Tokens, segment.Written)));
    }

    /// <summary>What a server kept: its runs say what the model wrote.</summary>
    public static TrainingSequence Of(StoredSequence sequence)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        List<(ReadOnlyMemory<int>, bool)> parts = [];
        int start = 0;
        foreach (TokenRun run in sequence.Runs)
            parts.Add((sequence.Tokens[start..(start += run.Length)], run.Kind == TokenKind.Output));
        return Of(parts);
    }

    /// <summary>Who wrote which tokens, in order.</summary>
    public IReadOnlyList<TokenRun> Runs()
    {
        List<TokenRun> runs = [];
        for (int start = 0, end; start < Written.Length; start = end)
        {
            end = start + 1;
            while (end < Written.Length && Written[end] == Written[start])
                end++;
            runs.Add(new TokenRun(Written[start] ? TokenKind.Output : TokenKind.Prompt, end - start));
        }

        return runs;
    }

    /// <summary>Its first tokens, no more than so many.</summary>
    public TrainingSequence Cut(int tokens) => Tokens.Length <= tokens ? this : new(Tokens[..tokens], Written[..tokens]);

    private static TrainingSequence Of(IEnumerable<(ReadOnlyMemory<int> Tokens, bool Written)> parts)
    {
        List<int> tokens = [];
        List<bool> written = [];
        foreach ((ReadOnlyMemory<int> part, bool isWritten) in parts)
        {
            tokens.AddRange(part.Span);
            written.AddRange(Enumerable.Repeat(isWritten, part.Length));
        }

        return new TrainingSequence([.. tokens], [.. written]);
    }
}

/// <summary>Which rows of a sequence a head is trained on, and what they are to say.</summary>
/// <remarks>Row i is the pair of the target's states at i and the token at i + 1; at draft step k it has read the tokens up to i + 1 + k and
/// speaks of the one at i + 2 + k, for which the target's own row i + 1 + k is the teacher.</remarks>
internal static class TrainingRows
{
    /// <summary>How far ahead of its position a row speaks at the first draft step.</summary>
    public const int Ahead = 2;

    /// <summary>Rows that speak of a written token at the first draft step, rising.</summary>
    public static int[] Of(TrainingSequence sequence) =>
        [.. Enumerable.Range(0, Math.Max(0, sequence.Tokens.Length - Ahead)).Where(row => sequence.Written[row + Ahead])];
}
