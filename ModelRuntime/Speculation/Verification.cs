namespace Agentic.ModelRuntime;

/// <summary>What the target decided about one sequence's tree: accepted tokens, then the bonus token. Reused from step to step.</summary>
internal sealed class Verification
{
    private readonly List<int> _tokens = [];
    private readonly List<TokenLogprobs?> _logprobs = [];
    private readonly List<int> _path = [];

    /// <summary>1 to depth + 1 final tokens; the last is the bonus token.</summary>
    public IReadOnlyList<int> Tokens => _tokens;

    /// <summary>Beside each token, where asked for.</summary>
    public IReadOnlyList<TokenLogprobs?> Logprobs => _logprobs;

    /// <summary>The accepted nodes, from the root down: one fewer than tokens.</summary>
    public IReadOnlyList<int> Path => _path;

    /// <summary>Set when the last token ends the sequence.</summary>
    public FinishReason? Finish { get; set; }

    public void Clear()
    {
        _tokens.Clear();
        _logprobs.Clear();
        _path.Clear();
        Finish = null;
    }

    public void AddToken(int token, TokenLogprobs? logprobs)
    {
        _tokens.Add(token);
        _logprobs.Add(logprobs);
    }

    public void AddAccepted(int node) => _path.Add(node);
}
