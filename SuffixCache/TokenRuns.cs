namespace Agentic.SuffixCache;

/// <summary>Runs of tokens of one kind, over a sequence.</summary>
internal static class TokenRuns
{
    /// <summary>The same for each of a sequence's tokens: what nobody spoke for is <see cref="TokenKind.Prompt"/>, and so is a kind that is not
    /// known here.</summary>
    /// <param name="runs">From the first token on; may say too little or too much.</param>
    /// <param name="length">Tokens of the sequence.</param>
    public static TokenRun[] Cover(IEnumerable<TokenRun> runs, int length)
    {
        List<TokenRun> covered = [];
        int end = 0;
        foreach (TokenRun run in runs)
        {
            int most = Math.Min(run.Length, length - end);
            if (most <= 0)
                continue;
            covered.Add(new TokenRun(Enum.IsDefined(run.Kind) ? run.Kind : TokenKind.Prompt, most));
            end += most;
        }

        if (end < length)
            covered.Add(new TokenRun(TokenKind.Prompt, length - end));
        return [.. covered];
    }

    /// <summary>Those of the tokens from an index on.</summary>
    public static IEnumerable<TokenRun> From(IEnumerable<TokenRun> runs, int start)
    {
        foreach (TokenRun run in runs)
        {
            if (run.Length > start)
                yield return run with { Length = run.Length - start };
            start = Math.Max(0, start - run.Length);
        }
    }
}

/// <summary>Goes through the runs of a sequence, forwards only.</summary>
/// <param name="runs">That cover it.</param>
internal sealed class RunCursor(TokenRun[] runs)
{
    private int _next;

    /// <summary>Of the tokens up to <see cref="End"/>.</summary>
    public TokenKind Kind { get; private set; }

    /// <summary>One past the run's last token.</summary>
    public int End { get; private set; }

    /// <summary>Goes to the run that holds a token of the sequence.</summary>
    public void MoveTo(int index)
    {
        for (; End <= index; _next++)
            (Kind, End) = (runs[_next].Kind, End + runs[_next].Length);
    }
}
