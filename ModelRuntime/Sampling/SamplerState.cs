namespace Agentic.ModelRuntime;

/// <summary>What a sequence's sampler remembers between tokens: counts for penalties, the grammar's state. Advanced by final tokens only.</summary>
internal sealed class SamplerState
{
    private readonly Dictionary<int, int>? _outputCounts;
    private readonly HashSet<int>? _promptTokens;

    public SamplerState(SamplingParameters parameters, int choice, ReadOnlySpan<int> promptIds, ITokenConstraint? constraint)
    {
        Parameters = parameters;
        Choice = choice;
        Constraint = constraint;
        if (parameters.PresencePenalty != 0 || parameters.FrequencyPenalty != 0 || parameters.RepetitionPenalty != 1)
            _outputCounts = [];
        if (parameters.RepetitionPenalty != 1)
        {
            _promptTokens = [];
            foreach (int token in promptIds)
                _promptTokens.Add(token);
        }
    }

    public SamplingParameters Parameters { get; }

    public int Choice { get; }

    public ITokenConstraint? Constraint { get; }

    /// <summary>Absolute position of the next token to write, 0 for the first.</summary>
    public int Position { get; private set; }

    /// <summary>Takes note of a final token.</summary>
    public void Advance(int tokenId)
    {
        Position++;
        if (_outputCounts is not null)
            _outputCounts[tokenId] = _outputCounts.GetValueOrDefault(tokenId) + 1;
        Constraint?.Advance(tokenId);
    }

    /// <summary>Applies bias, penalties and grammar to a row of logits in place.</summary>
    public void Process(Span<float> logits)
    {
        if (Parameters.RepetitionPenalty is var repetition and not 1)
        {
            foreach (int token in _promptTokens!)
                Repeat(ref logits[token], repetition);
            foreach (int token in _outputCounts!.Keys)
            {
                if (!_promptTokens.Contains(token))
                    Repeat(ref logits[token], repetition);
            }
        }

        if (_outputCounts is not null)
        {
            foreach ((int token, int count) in _outputCounts)
                logits[token] -= Parameters.PresencePenalty + (Parameters.FrequencyPenalty * count);
        }

        if (Parameters.LogitBias is not null)
        {
            foreach ((int token, float bias) in Parameters.LogitBias)
                logits[token] += bias;
        }

        if (Constraint is { IsActive: true })
            Constraint.Mask(logits);
    }

    private static void Repeat(ref float logit, float penalty) => logit = logit > 0 ? logit / penalty : logit * penalty;
}
